import { didYouMean } from "../nearest.ts";
import {
  type CliHost,
  CommandFailed,
  type CommandSpec,
  parseCommand,
  UsageError,
} from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT } from "./exit_codes.ts";
import { commandHelp, overview } from "./help.ts";
import { codeOfFailure } from "./failures.ts";

export type { CliHost, ServeAsk } from "./command.ts";
export { EXIT } from "./exit_codes.ts";

/** Runs one command line, without the program's own name; resolves with the process's exit code. */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
  try {
    return await run(args, host);
  } catch (error) {
    if (error instanceof UsageError) {
      host.err(`holdfast: ${error.message}`);
      host.err('Try "holdfast help"');
      return EXIT.usage;
    }
    if (error instanceof CommandFailed) {
      host.err(`holdfast: ${error.message}`);
      return error.code;
    }
    const { code, message } = codeOfFailure(error);
    host.err(`holdfast: ${message}`);
    return code;
  }
}

async function run(args: readonly string[], host: CliHost): Promise<number> {
  const [first] = args;
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    const about = first === "help" ? find(args.slice(1)) : null;
    host.out(about === null ? overview(COMMANDS, host.version) : commandHelp(about.command));
    return first === undefined ? EXIT.usage : EXIT.ok;
  }
  if (first === "--version" || first === "-V" || first === "version") {
    host.out(host.version);
    return EXIT.ok;
  }
  const found = find(args);
  if (found === null) throw new UsageError(unknownCommand(args));
  if (found.rest.includes("--help") || found.rest.includes("-h")) {
    host.out(commandHelp(found.command));
    return EXIT.ok;
  }
  return await found.command.run(parseCommand(found.command, found.rest), host);
}

/** The command with the most leading words of `args`. */
function find(args: readonly string[]): { command: CommandSpec; rest: readonly string[] } | null {
  for (const length of [2, 1]) {
    const name = args.slice(0, length).join(" ");
    const command = COMMANDS.find((c) => c.name === name);
    if (command !== undefined) return { command, rest: args.slice(length) };
  }
  return null;
}

function unknownCommand(args: readonly string[]): string {
  const [first = "", second] = args;
  const below = COMMANDS.filter((c) => c.name.startsWith(`${first} `)).map((c) => c.name);
  if (below.length > 0) {
    return second === undefined
      ? `"${first}" needs one of ${below.map((name) => name.split(" ")[1]).join(", ")}`
      : `There is no command "${first} ${second}"${didYouMean(`${first} ${second}`, below)}`;
  }
  return `There is no command "${first}"${
    didYouMean(first, COMMANDS.map((c) => c.name.split(" ")[0]!))
  }`;
}
