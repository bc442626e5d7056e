import { systemClock } from "../clock.ts";
import type { Posted, ProcessingAsk, ResultKind, SmartemCaller } from "../epu/tools/mod.ts";
import {
  type CliHost,
  type CommandArgs,
  CommandFailed,
  type OptionSpec,
  UsageError,
  wholeNumber,
} from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { untilInterrupted } from "./interrupt.ts";

/** Ways to post made-up processing results, which stand where `epu simulate` otherwise takes a folder. */
export const PROCESSING = ["event", "workflow", "batch"] as const;

export const PROCESSING_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  acquisition: {
    value: "UUID",
    help: "Processing: of this acquisition (default: the last of the list)",
  },
  micrograph: { value: "UUID", help: "Processing, event: of this micrograph (default: the first)" },
  kind: {
    value: "KIND",
    help: "Processing, event: motion, ctf, picking, selection (default: motion)",
  },
  scenario: { value: "NAME", help: "Processing: good, poor or mixed (default: mixed)" },
  delay: { value: "SECONDS", help: "Processing, workflow: between two results (default: 2)" },
  count: { value: "NUMBER", help: "Processing: micrographs at most" },
  follow: { help: "Processing, workflow: go on with new micrographs until Ctrl-C" },
  invalid: { help: "Processing: bodies that must be refused" },
  token: {
    value: "TOKEN",
    help: "Processing: API token; HOLDFAST_TOKEN keeps it out of the process list",
  },
};

const FOLLOW_MS = 5000;

type Tools = typeof import("../epu/tools/mod.ts");

export async function simulateProcessing(args: CommandArgs, host: CliHost): Promise<number> {
  const [way, url] = args.positionals;
  if (!URL.canParse(url!) || !/^https?:$/.test(new URL(url!).protocol)) {
    throw new UsageError(`"${url}" is no address such as http://127.0.0.1:8000/smartem`);
  }
  const tools = await import("../epu/tools/mod.ts");
  const api = new tools.SmartemCaller(
    url!,
    args.text("token") ?? (host.env.HOLDFAST_TOKEN || undefined),
  );
  const ask: ProcessingAsk = {
    scenario: oneOf(args, "scenario", tools.SCENARIOS, "mixed"),
    seed: wholeNumber(args, "seed") ?? 1,
    invalid: args.flag("invalid"),
  };
  const counts = { ok: 0, wrong: 0 };
  const tell = (posted: Posted) => {
    counts[posted.isOk ? "ok" : "wrong"]++;
    if (args.flag("json")) return host.out(JSON.stringify(posted));
    const line = `${posted.kind.padEnd(9)} ${posted.status} ${posted.micrograph.uuid}`;
    if (!posted.isOk) host.err(`${line}: ${ask.invalid ? "not refused" : "refused"}`);
    else if (args.verbosity > 0) host.err(line);
  };
  try {
    await untilInterrupted(host, async (signal) => {
      const results = way === "event"
        ? oneEvent(tools, api, args, ask)
        : tools.processAcquisition(api, {
          ...ask,
          acquisitionUuid: await acquisitionOf(api, args),
          delayMs: way === "batch" ? 0 : secondsOf(args),
          countMax: wholeNumber(args, "count") ?? Infinity,
          followMs: args.flag("follow") ? FOLLOW_MS : null,
          clock: systemClock,
          signal,
        });
      try {
        for await (const posted of results) {
          tell(posted);
          if (signal.aborted) break;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
  } catch (error) {
    if (!(error instanceof tools.SmartemUnreachable)) throw error;
    throw new CommandFailed(EXIT.failed, error.message, { cause: error });
  }
  host.err(
    ask.invalid
      ? `${counts.ok} refused as they should be, ${counts.wrong} not`
      : `${counts.ok} results accepted, ${counts.wrong} refused`,
  );
  return counts.wrong === 0 ? EXIT.ok : EXIT.failed;
}

async function* oneEvent(
  tools: Tools,
  api: SmartemCaller,
  args: CommandArgs,
  ask: ProcessingAsk,
): AsyncGenerator<Posted> {
  const kind: ResultKind = oneOf(args, "kind", tools.RESULT_KINDS, "motion");
  const given = args.text("micrograph");
  if (given !== undefined) {
    yield await tools.postResult(api, { uuid: given, micrographId: given }, kind, ask);
    return;
  }
  const acquisition = await acquisitionOf(api, args);
  for await (const micrograph of tools.micrographsOf(api, acquisition)) {
    yield await tools.postResult(api, micrograph, kind, ask);
    return;
  }
  throw new CommandFailed(EXIT.failed, `The acquisition "${acquisition}" has no micrograph yet`);
}

async function acquisitionOf(api: SmartemCaller, args: CommandArgs): Promise<string> {
  const given = args.text("acquisition");
  if (given !== undefined) return given;
  const last = (await api.list("/acquisitions")).at(-1);
  if (last === undefined) throw new CommandFailed(EXIT.failed, "There is no acquisition yet");
  return last.uuid;
}

function oneOf<T extends string>(
  args: CommandArgs,
  name: string,
  known: readonly T[],
  otherwise: T,
): T {
  const text = args.text(name) ?? otherwise;
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} needs one of ${known.join(", ")}, not "${text}"`);
}

function secondsOf(args: CommandArgs): number {
  const text = args.text("delay") ?? "2";
  if (!/^\d{1,5}(\.\d+)?$/.test(text)) {
    throw new UsageError(`--delay needs seconds, not "${text}"`);
  }
  return Number(text) * 1000;
}
