import { resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { stamp } from "./text.ts";
import {
  type CliHost,
  type CommandArgs,
  CommandFailed,
  type CommandSpec,
  UsageError,
} from "./command.ts";
import { PLAN_OPTIONS, planAskOf } from "./epu_plan.ts";
import { PROCESSING, PROCESSING_OPTIONS, simulateProcessing } from "./epu_simulate_processing.ts";
import { EXIT } from "./exit_codes.ts";
import { untilInterrupted } from "./interrupt.ts";

const REPORT_EVERY_MS = 10_000;

export const epuSimulate: CommandSpec = {
  name: "epu simulate",
  summary: "Write an invented session into a folder over time, or post processing results",
  positionals: "DIR|event|workflow|batch [URL]",
  options: {
    ...PLAN_OPTIONS,
    "time-scale": { value: "NUMBER", help: "How many times faster than EPU (default: 1)" },
    ...PROCESSING_OPTIONS,
    json: { help: "Each write or result as a line of JSON" },
  },
  notes: [
    "Files come in place and in pieces, .dm files again and again, xml before jpg, some late. The atlas is " +
    "there at once; previews are pictures unless --previews says otherwise.",
    "Ctrl-C ends it; the same command goes on where it ended. Sped up, the session's times lie in the past, " +
    "so that it ends no later than now.",
    '"event URL", "workflow URL" and "batch URL" post made-up processing results to a SmartEM interface at ' +
    "URL: one, all of an acquisition in their time, or all at once. The seed makes them repeatable.",
  ],
  async run(args, host) {
    const [first, url] = args.positionals;
    const isProcessing = PROCESSING.some((way) => way === first);
    if (isProcessing && url === undefined) {
      throw new UsageError(
        `"epu simulate ${first}" needs URL; a folder of that name is "./${first}"`,
      );
    }
    if (isProcessing) return await simulateProcessing(args, host);
    if (url !== undefined) {
      throw new UsageError(
        `"${first}" is none of ${PROCESSING.join(", ")}, and a folder takes no URL`,
      );
    }
    const dir = resolve(host.cwd, first!);
    return await untilInterrupted(host, (signal) => run(dir, args, host, signal));
  },
};

async function run(dir: string, args: CommandArgs, host: CliHost, signal: AbortSignal) {
  const { simulate } = await import("../epu/tools/mod.ts");
  const isJson = args.flag("json");
  const plan = planAskOf(args);
  const timeScale = scaleOf(args);
  let micrographs = 0;
  let reportedMs = -Infinity;
  try {
    const end = await simulate({
      dir,
      plan,
      timeScale,
      clock: systemClock,
      signal,
      onWrite: (write) => {
        if (isJson) return host.out(JSON.stringify(write));
        if (/_Data_.*\.xml$/.test(write.path)) micrographs++;
        if (args.verbosity > 0) return host.err(write.path);
        if (systemClock.monotonicMs() - reportedMs < REPORT_EVERY_MS) return;
        reportedMs = systemClock.monotonicMs();
        host.err(
          `${stamp(write.atMs)}  ${micrographs} micrographs now, ${write.index} writes in all`,
        );
      },
    });
    host.err(
      end.isComplete
        ? `The session is complete: ${end.plan.micrographs} micrographs`
        : `Ended after ${end.written} writes; the same command goes on`,
    );
    return EXIT.ok;
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    const { name, message } = error as Error;
    throw new CommandFailed(
      name === "SimulationUnreadable" ? EXIT.unreadable : EXIT.failed,
      name === "SimulationUnreadable" || name === "FolderNotEmpty"
        ? message
        : `Cannot go on writing "${dir}": ${message}`,
    );
  }
}

function scaleOf(args: CommandArgs): number {
  const text = args.text("time-scale") ?? "1";
  if (!/^\d+(\.\d+)?$/.test(text)) {
    throw new UsageError(`--time-scale needs a number, not "${text}"`);
  }
  return Number(text);
}
