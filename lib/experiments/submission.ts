import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { newId } from "../ids.ts";
import { accept, refuse, type Result } from "../result.ts";
import { stateErrors } from "./device_states.ts";
import type { Folders } from "./folders.ts";
import { type Experiment, ExperimentAsk, Limits, type SubmitRefusal } from "./model.ts";
import { declaredParameters, type ParameterDeclarations, parameterValues } from "./parameters.ts";
import type { RunDevices } from "./run_deps.ts";
import type { Runners } from "./runners.ts";
import { checkScript } from "./script_check.ts";
import type { Draft } from "./store.ts";

/** Who submits, and under which key a repetition is the same. */
export interface Submitter {
  /** As `ownerOf` spells it. */
  readonly owner: string;
  readonly actor: string;
  readonly idempotencyKey?: string;
}

interface SubmissionDeps {
  readonly clock: Clock;
  readonly config: Config["experiments"];
  readonly devices: RunDevices;
  readonly diskFloorMb: number;
  /** The data folder. */
  readonly dir: string;
  /** The owner's experiments that have not ended. */
  readonly active: readonly Experiment[];
  readonly runners: Runners;
  readonly folders: Folders;
  readonly places: { etc: string; clients: string; scratch: string };
}

/** What is to be queued, and what its script declares. */
export interface Prepared {
  readonly draft: Draft;
  /** `null`: it declares no parameters. */
  readonly declared: ParameterDeclarations | null;
}

/** Checks a submission from the cheapest to the dearest, stores its script unless it is a dry run, and gives what is to be queued. */
export async function prepareSubmission(
  given: ExperimentAsk,
  by: Submitter,
  deps: SubmissionDeps,
): Promise<Result<Prepared, SubmitRefusal>> {
  const { config } = deps;
  const ask = ExperimentAsk.parse(given);
  // Right after the start not every device has been heard of.
  if (ask.devices.length > 0 || namedIn(ask).length > 0) await deps.devices.ready();
  const fits = checkAsk(ask, deps);
  if (!fits.ok) return fits;
  const { active } = deps;
  const repeated = active.some((one) => one.idempotencyKey === (by.idempotencyKey ?? ""));
  // The commit decides; this spares the check of a script that would not be queued anyway.
  if (active.length >= config.activeLimit && !repeated) {
    return refuse({ kind: "active-limit", active: active.length, limit: config.activeLimit });
  }
  const declared = declaredParameters(ask.script, ask.kind);
  if (!declared.ok) return refuse({ kind: "script-rejected", errors: declared.refusal });
  const values = parameterValues(declared.value, ask.parameters);
  if (!values.ok) return refuse({ kind: "invalid-ask", errors: values.refusal });
  const checked = await checkScript(ask.script, ask.kind, deps.runners, deps.places);
  if (!checked.ok) return checked;
  const scriptSha256 = ask.dryRun
    ? createHash("sha256").update(ask.script).digest("hex")
    : await deps.folders.keepScript(ask.script, ask.kind);
  const draft: Draft = {
    id: newId(deps.clock),
    title: ask.title === "" ? titleOf(ask.script) : ask.title,
    owner: by.owner,
    kind: ask.kind,
    scriptSha256,
    devices: ask.devices,
    limits: Limits.parse({ ...config.limits, ...ask.limits }),
    endState: ask.endState,
    holdState: ask.holdState,
    parameters: values.value,
    onInterrupt: ask.onInterrupt,
    idempotencyKey: by.idempotencyKey ?? null,
  };
  return accept({ draft, declared: declared.value });
}

function checkAsk(
  ask: ExperimentAsk,
  { config, devices, dir, diskFloorMb }: SubmissionDeps,
): Result<void, SubmitRefusal> {
  if (ask.script.trim() === "") return refuse({ kind: "script-empty" });
  const bytes = new TextEncoder().encode(ask.script).length;
  const limit = config.scriptLimitKb * 1024;
  if (bytes > limit) return refuse({ kind: "script-too-large", bytes, limit });
  if (!ask.script.isWellFormed() || ask.script.includes("\0")) {
    const message = "it is not text: it holds NUL or half characters";
    return refuse({ kind: "script-rejected", errors: [{ line: null, column: null, message }] });
  }
  const known = new Set(devices.list().map((one) => one.capability.deviceId));
  for (const deviceId of [...ask.devices, ...namedIn(ask)]) {
    if (!known.has(deviceId)) return refuse({ kind: "device-unknown", deviceId });
  }
  const views = devices.list();
  const errors = [
    ...stateErrors("endState", ask.endState, views),
    ...stateErrors("holdState", ask.holdState, views),
  ];
  if (errors.length > 0) return refuse({ kind: "invalid-ask", errors });
  const { bavail, bsize } = statfsSync(dir);
  const freeMb = Math.round(bavail * bsize / 1_048_576);
  if (freeMb < diskFloorMb) return refuse({ kind: "disk-full", freeMb, floorMb: diskFloorMb });
  return accept(undefined);
}

/** Devices that the end or the hold state speaks of. */
function namedIn(ask: ExperimentAsk): string[] {
  return [...Object.keys(ask.endState), ...Object.keys(ask.holdState)];
}

/** What people see in lists of an experiment nobody named: its first comment or docstring line. */
function titleOf(script: string): string {
  for (const line of script.split("\n").slice(0, 20)) {
    const match = /^\s*(?:#(?!!)|\/\/|\/\*\*?|"""|''')\s*(.*?)\s*(?:"""|'''|\*\/)?$/.exec(line);
    const text = match?.[1]?.replace(/\.$/, "") ?? "";
    // What it declares is no title, and nor are the lines after it.
    if (/^parameters:\s*\{/.test(text)) break;
    if (/[\p{L}]{2}/u.test(text) && !/^-\*-|coding[:=]/.test(text)) return text.slice(0, 100);
    if (match === null && line.trim() !== "" && !line.startsWith("#!")) break;
  }
  return "";
}
