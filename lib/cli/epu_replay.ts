import { resolve } from "node:path";
import { systemClock } from "../clock.ts";
import type { Pace, Recording, ReplayReport } from "../epu/tools/mod.ts";
import {
  type CliHost,
  type CommandArgs,
  CommandFailed,
  type CommandSpec,
  UsageError,
  wholeNumber,
} from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { untilInterrupted } from "./interrupt.ts";

const SHOWN_MAX = 10;

export const epuReplay: CommandSpec = {
  name: "epu replay",
  summary: "Replay a recording into an empty folder, and verify what became of it",
  positionals: "RECORDING TARGET",
  options: {
    mode: {
      value: "MODE",
      help: "fast: 100 times, waits of 1 s at most (default); dev: at once; exact",
    },
    speed: { short: "s", value: "NUMBER", help: "So many times faster, in place of a mode" },
    "max-delay": { value: "SECONDS", help: "No longer wait, in place of a mode" },
    burst: { help: "No waits at all, in place of a mode" },
    only: { value: "GLOB", multiple: true, help: "Only such paths, as **/Metadata/*.dm; repeat" },
    from: { value: "TIME", help: "What came before is laid down at once: 90s, 5m, 2h" },
    until: { value: "TIME", help: "Nothing later: 90s, 5m, 2h" },
    "skip-binary": { help: "Images and movies as zeros of their size" },
    seed: { value: "NUMBER", help: "With faults, as this seed gives them; it ends the same" },
    "no-verify": { help: "Do not compare the result with the recording" },
    json: { help: "The report as JSON" },
  },
  notes: [
    "Reads recordings of its own and of fsrecorder and epuplayer. Ends with 1 when the result is not what " +
    "was recorded.",
  ],
  async run(args, host) {
    const [from, to] = args.positionals;
    const target = resolve(host.cwd, to!);
    using recording = await openNamed(resolve(host.cwd, from!));
    const tools = await import("../epu/tools/mod.ts");
    const pace = paceOf(args, tools.MODES);
    const faultSeed = wholeNumber(args, "seed");
    const [fromMs, untilMs] = [durationOf(args, "from"), durationOf(args, "until")];
    try {
      const report = await untilInterrupted(host, (signal) =>
        tools.replay({
          recording,
          target,
          pace,
          clock: systemClock,
          signal,
          only: args.list("only"),
          ...(fromMs === undefined ? {} : { fromMs }),
          ...(untilMs === undefined ? {} : { untilMs }),
          ...(faultSeed === undefined ? {} : { faultSeed }),
          skipBinary: args.flag("skip-binary"),
          verify: !args.flag("no-verify"),
          onStep: ({ act, path }) => {
            if (args.verbosity > 0) host.err(`${act.kind.padEnd(11)} ${path}`);
          },
        }));
      if (args.flag("json")) host.out(JSON.stringify(report));
      else tell(report, host);
      const isTrue = report.damaged.length === 0 && (report.wrong?.length ?? 0) === 0;
      return isTrue && !report.isCutShort ? EXIT.ok : EXIT.failed;
    } catch (error) {
      const { name, message } = error as Error;
      const isRecording = name === "RecordingUnreadable" || name === "UnsafePath";
      throw new CommandFailed(
        isRecording ? EXIT.unreadable : EXIT.failed,
        isRecording || name === "FolderNotEmpty" ? message : `Cannot replay: ${message}`,
      );
    }
  },
};

/** @throws {CommandFailed} when it is no recording. */
export async function openNamed(path: string): Promise<Recording> {
  const { openRecording } = await import("../epu/tools/mod.ts");
  try {
    return await openRecording(path);
  } catch (error) {
    const because = (error as Error).cause instanceof Error
      ? `: ${((error as Error).cause as Error).message}`
      : "";
    throw new CommandFailed(EXIT.unreadable, (error as Error).message + because);
  }
}

function paceOf(args: CommandArgs, modes: Readonly<Record<string, Pace>>): Pace {
  const mode = args.text("mode");
  const speed = numberOf(args, "speed");
  const maxDelayS = numberOf(args, "max-delay");
  const burst = args.flag("burst");
  const isCustom = speed !== undefined || maxDelayS !== undefined || burst;
  if (mode !== undefined && isCustom) {
    throw new UsageError("--mode does not go with --speed, --max-delay or --burst");
  }
  if (isCustom) {
    return {
      speed: speed ?? 1,
      delayMsMax: maxDelayS === undefined ? null : maxDelayS * 1000,
      burst,
    };
  }
  const known = Object.hasOwn(modes, mode ?? "fast") ? modes[mode ?? "fast"] : undefined;
  if (known !== undefined) return known;
  throw new UsageError(`--mode needs one of ${Object.keys(modes).join(", ")}, not "${mode}"`);
}

function numberOf(args: CommandArgs, name: string): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && (name !== "speed" || value > 0)) return value;
  throw new UsageError(`--${name} needs a number above 0, not "${text}"`);
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

function durationOf(args: CommandArgs, name: string): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null) {
    throw new UsageError(`--${name} needs a time such as 90s or 5m, not "${text}"`);
  }
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

function tell(report: ReplayReport, host: CliHost): void {
  const faults = Object.entries(report.faults).filter(([, count]) => count > 0);
  host.out(`${report.steps} steps replayed`);
  if (faults.length > 0) {
    host.out(`With faults: ${faults.map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
  }
  list(host, "stand as zeros of their size", report.placeholders);
  list(host, "could not be read when they were recorded", report.unreadable);
  list(host, "were damaged as they were recorded", report.damaged);
  if (report.isCutShort) host.out("Ended before all was replayed; not verified");
  else if (report.wrong === null) host.out("Not verified");
  else if (report.wrong.length === 0) host.out("Verified: all is as it was recorded");
  else list(host, "are not as they were recorded", report.wrong);
}

function list(host: CliHost, what: string, paths: readonly string[]): void {
  if (paths.length === 0) return;
  host.out(`${paths.length} ${what}:`);
  for (const path of paths.slice(0, SHOWN_MAX)) host.out(`  ${path}`);
  if (paths.length > SHOWN_MAX) host.out(`  and ${paths.length - SHOWN_MAX} more`);
}
