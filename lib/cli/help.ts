import { type CommandSpec, COMMON_OPTIONS, type OptionSpec } from "./command.ts";
import { EXIT_MEANING } from "./exit_codes.ts";

/** What `holdfast`, `holdfast help` and `holdfast --help` show. */
export function overview(commands: readonly CommandSpec[], version: string): string {
  const rows = commands.filter((c) => !c.hidden).map((c) =>
    [
      `holdfast ${c.name}${c.positionals === undefined ? "" : ` ${c.positionals}`}`,
      c.summary,
    ] as const
  );
  return [
    `Holdfast ${version}: runs a laboratory instrument and shows it in the browser.`,
    "",
    ...table(rows),
    "",
    'Each takes --help. "holdfast serve" without a configuration starts a simulated bioreactor.',
    "",
    "Exit codes:",
    ...table(Object.entries(EXIT_MEANING).map(([code, text]) => [code, text] as const)),
  ].join("\n");
}

export function commandHelp(command: CommandSpec): string {
  const { name, summary, positionals, options = {}, notes = [] } = command;
  const all = { ...options, ...COMMON_OPTIONS };
  return [
    `holdfast ${[name, positionals, "[options]"].filter((part) => part !== undefined).join(" ")}`,
    "",
    summary,
    ...notes.flatMap((note) => ["", note]),
    "",
    "Options:",
    ...table(
      Object.entries(all).map(([key, option]) => [optionText(key, option), option.help] as const),
    ),
  ].join("\n");
}

function optionText(name: string, { short, value }: OptionSpec): string {
  return `${short === undefined ? "    " : `-${short}, `}--${name}${
    value === undefined ? "" : ` ${value}`
  }`;
}

const WIDTH_MAX = 38;

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(WIDTH_MAX, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) =>
    left.length > width
      ? [`  ${left}`, `  ${" ".repeat(width)}  ${right}`]
      : [`  ${left.padEnd(width)}  ${right}`]
  );
}
