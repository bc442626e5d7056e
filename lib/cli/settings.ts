import { loadConfig, type LoadedConfig } from "../config.ts";
import { describeRefusal } from "../config.ts";
import { type CliHost, type CommandArgs, CommandFailed } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/**
 * The effective configuration, with what the command line says over the environment over the file.
 *
 * @throws {CommandFailed} with every mistake.
 */
export function settingsOf(
  args: CommandArgs,
  host: CliHost,
  over: Readonly<Record<string, string | undefined>> = {},
): LoadedConfig {
  const set = Object.entries(over).filter(([, value]) => value !== undefined);
  const loaded = loadConfig({
    ...(args.text("config") === undefined ? {} : { file: args.text("config") }),
    env: { ...host.env, ...Object.fromEntries(set) },
    cwd: host.cwd,
  });
  if (!loaded.ok) {
    const { mistakes } = loaded.refusal;
    const count = mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`;
    throw new CommandFailed(
      EXIT.config,
      `The configuration has ${count}\n${describeRefusal(loaded.refusal)}`,
    );
  }
  return loaded.value;
}
