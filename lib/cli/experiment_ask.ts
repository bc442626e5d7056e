import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type CliHost, type CommandArgs, CommandFailed } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** Options that say how a script is to be run. */
export const ASK_OPTIONS = {
  param: { value: "NAME=VALUE", multiple: true, help: "A parameter the script declares; repeat" },
  params: { value: "FILE", help: "Parameters as a JSON object; --param wins over it" },
  limit: {
    value: "NAME=VALUE",
    multiple: true,
    help: "wall=8h, cpu=30m, memory=512 (MiB), output=2048 (MiB), log=50 (MiB), processes=64",
  },
  end: {
    value: "DEVICE=JSON",
    multiple: true,
    help: `Where a device stands at the end: stirrer={"duty":20} (default: safe)`,
  },
  hold: {
    value: "DEVICE=STATE",
    multiple: true,
    help: "Where it stands while held: safe, keep, or JSON",
  },
  policy: {
    value: "POLICY",
    help: "When it is cut off by a power failure: fail, requeue or resume (default: fail)",
  },
} as const;

/** What of a submission these options make. @throws {CommandFailed} naming the option that is wrong */
export function askOf(args: CommandArgs, host: CliHost): Record<string, unknown> {
  const policy = args.text("policy");
  if (policy !== undefined && !["fail", "requeue", "resume"].includes(policy)) {
    wrong(`--policy is fail, requeue or resume, not "${policy}"`);
  }
  return {
    parameters: { ...fileOf(args, host), ...entries(args.list("param"), "--param", looseJson) },
    limits: Object.fromEntries(args.list("limit").map(limitOf)),
    endState: entries(args.list("end"), "--end", stateOf),
    holdState: entries(
      args.list("hold"),
      "--hold",
      (text, option) => text === "safe" || text === "keep" ? text : stateOf(text, option),
    ),
    ...(policy === undefined ? {} : { onInterrupt: policy }),
  };
}

function fileOf(args: CommandArgs, host: CliHost): Record<string, unknown> {
  const name = args.text("params");
  if (name === undefined) return {};
  const file = resolve(host.cwd, name);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    wrong(`Cannot read the parameters "${file}": ${(error as Error).message}`);
  }
  if (!isObject(value)) wrong(`The parameters in "${file}" are not a JSON object`);
  return value;
}

function entries(
  given: readonly string[],
  option: string,
  read: (text: string, option: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(given.map((text) => {
    const [name, value] = pair(text, option);
    return [name, read(value, `${option} ${name}`)];
  }));
}

function pair(text: string, option: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) wrong(`${option} is NAME=VALUE, not "${text}"`);
  return [text.slice(0, at).trim(), text.slice(at + 1)];
}

/** Numbers, booleans, lists and objects as JSON; whatever else is text, so that nobody need quote twice. */
function looseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function stateOf(text: string, option: string): unknown {
  const value = looseJson(text);
  if (!isObject(value)) wrong(`${option} is a JSON object such as {"duty":20}, not "${text}"`);
  return value;
}

const SIZES: Readonly<Record<string, string>> = {
  memory: "memoryMb",
  output: "outputMb",
  log: "logMb",
  processes: "processes",
};

function limitOf(text: string): [string, number] {
  const [name, value] = pair(text, "--limit");
  if (name === "wall") return ["wallMs", secondsOf(value, name) * 1000];
  if (name === "cpu") return ["cpuS", Math.ceil(secondsOf(value, name))];
  const size = SIZES[name];
  if (size === undefined) {
    wrong(`There is no limit "${name}"; there are wall, cpu, ${Object.keys(SIZES).join(", ")}`);
  }
  if (!/^[1-9]\d{0,8}$/.test(value)) wrong(`--limit ${name} is a whole number, not "${value}"`);
  return [size, Number(value)];
}

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `90s`, `1.5h`. */
function secondsOf(text: string, name: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([smhd]?)$/.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * UNITS[match[2]!]!;
  if (seconds <= 0) wrong(`--limit ${name} is a time such as 90s, 10m, 8h or 2d, not "${text}"`);
  return seconds;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(message: string): never {
  throw new CommandFailed(EXIT.usage, message);
}
