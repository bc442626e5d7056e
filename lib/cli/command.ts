import { parseArgs } from "node:util";
import type { LoadedConfig } from "../config.ts";
import { didYouMean } from "../nearest.ts";

/** What the command line needs of the world; `main.ts` gives the true one, tests their own. */
export interface CliHost {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** A line on stdout: what was asked for. */
  out(line: string): void;
  /** A line on stderr: what people should know besides. */
  err(line: string): void;
  /** Asks a person without showing the answer; the first line of stdin where nobody sits there. */
  readSecret(question: string): Promise<string>;
  /** Runs the instrument until it is told to end; resolves with an exit code. */
  serve(ask: ServeAsk): Promise<number>;
  /** Aborts when a command that runs on is to end; absent: the process's own signals tell. */
  readonly interruption?: AbortSignal;
  /** Becomes one agent. */
  agent(name: string, args: readonly string[]): Promise<number>;
}

export interface ServeAsk {
  readonly loaded: LoadedConfig;
  /** How often `-v` was given. */
  readonly verbosity: number;
  /** Rebuild pages as their files change. */
  readonly dev: boolean;
}

/** One option of a command: `--port NUMBER`. */
export interface OptionSpec {
  /** Word shown for its value; absent: a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly multiple?: boolean;
  readonly help: string;
}

export interface CommandSpec {
  /** Words after `holdfast`: `token issue`. */
  readonly name: string;
  readonly summary: string;
  /** Positional arguments as shown: `NAME [FILE]`; those in brackets may be left out, `...` is any number. */
  readonly positionals?: string;
  readonly options?: Readonly<Record<string, OptionSpec>>;
  /** Further paragraphs of `--help`. */
  readonly notes?: readonly string[];
  /** Not in the overview: for programs. */
  readonly hidden?: true;
  run(args: CommandArgs, host: CliHost): Promise<number>;
}

export interface CommandArgs {
  readonly positionals: readonly string[];
  /** The option's value, or `undefined`. */
  text(name: string): string | undefined;
  list(name: string): string[];
  flag(name: string): boolean;
  /** How often `-v` was given. */
  readonly verbosity: number;
}

/** The command line is wrong; `message` says how. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command cannot go on; ends with `code` and shows only the message. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  constructor(readonly code: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  config: { value: "FILE", help: "Configuration file (default: holdfast.toml, if it is there)" },
  verbose: { short: "v", multiple: true, help: "Say more; twice: with stacks" },
  help: { short: "h", help: "Show this" },
};

/** @throws {UsageError} */
export function parseCommand(spec: CommandSpec, args: readonly string[]): CommandArgs {
  const options = { ...COMMON_OPTIONS, ...spec.options };
  const parsed = parseOrExplain(spec, args, options);
  checkPositionals(spec, parsed.positionals);
  const values = parsed.values as Record<string, string | boolean | (string | boolean)[]>;
  return {
    positionals: parsed.positionals,
    text(name) {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    list(name) {
      const value = values[name];
      return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
    },
    flag: (name) => values[name] === true,
    verbosity: Array.isArray(values.verbose) ? values.verbose.length : 0,
  };
}

function parseOrExplain(
  spec: CommandSpec,
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { value, short, multiple }]) => [name, {
          type: value === undefined ? "boolean" as const : "string" as const,
          ...(short === undefined ? {} : { short }),
          multiple: multiple ?? false,
        }]),
      ),
    });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (!String(code).startsWith("ERR_PARSE_ARGS")) throw error;
    const unknown = /^Unknown option '(-{1,2}([^']+))'/.exec(message);
    if (unknown !== null) {
      const hint = didYouMean(unknown[2]!, Object.keys(options)).replace(' "', ' "--');
      throw new UsageError(`"${spec.name}" has no option "${unknown[1]}"${hint}`);
    }
    throw new UsageError(message.split(". ")[0]!.split("\n")[0]!);
  }
}

function checkPositionals(spec: CommandSpec, given: readonly string[]): void {
  const wanted = (spec.positionals ?? "").split(" ").filter((word) => word !== "");
  const required = wanted.filter((word) => !word.startsWith("["));
  const missing = required[given.length];
  if (missing !== undefined) {
    throw new UsageError(`"${spec.name}" needs ${required.slice(given.length).join(" ")}`);
  }
  const isOpen = wanted.at(-1)?.includes("...") ?? false;
  if (!isOpen && given.length > wanted.length) {
    throw new UsageError(`"${spec.name}" does not take "${given[wanted.length]}"`);
  }
}

/** A whole number from an option. @throws {UsageError} */
export function wholeNumber(args: CommandArgs, name: string): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name} needs a number, not "${text}"`);
  return Number(text);
}
