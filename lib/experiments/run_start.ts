import { join } from "node:path";
import { KvUnavailable } from "../kv.ts";
import { accept, type Result } from "../result.ts";
import { containerCommand } from "./container.ts";
import { type Experiment, RUN_FILES, type RunPlan } from "./model.ts";
import { claimOf, type QueueOptions } from "./run_deps.ts";
import { type RunHandle, startRun } from "./run_handle.ts";
import { pythonCommand, type RunCommand, typescriptCommand, typescriptConfig } from "./sandbox.ts";

/** How far a start came. */
export type Started =
  /** Its script runs. */
  | { readonly kind: "began"; readonly handle: RunHandle }
  /** Somebody holds one of its devices, or refused to give it up: it keeps its turn. */
  | { readonly kind: "held"; readonly text: string }
  | { readonly kind: "failed"; readonly text: string }
  /** It was ended while it was being started; its script never began. */
  | { readonly kind: "cancelled" };

/** What the queue does between: it keeps the handle, and records that the supervisor stands ready. */
export interface StartSteps {
  standing(handle: RunHandle): void;
  /** It is ended before its script began: nobody is asked for devices any longer. */
  readonly signal: AbortSignal;
  /** `null`: refused, the experiment has been ended meanwhile. */
  record(process: RunHandle["process"]): Promise<Experiment | null>;
}

/**
 * Takes the leases, lays out the run folder, issues the token, and starts the supervisor. The script begins
 * only once its supervisor's process is recorded: no script runs that a runtime after us would not find.
 */
export async function startExperiment(
  o: QueueOptions,
  experiment: Experiment,
  steps: StartSteps,
): Promise<Started> {
  const { id, number, attempt } = experiment;
  try {
    const granted = await takeDevices(o, experiment, steps.signal);
    if (granted !== null) return granted;
    const script = await o.folders.readScript(experiment);
    const folder = await o.folders.prepare(experiment, script);
    await o.folders.tellApi(id, o.apiUrl());
    const token = await o.tokens.issueExperimentToken(id, number);
    const command = await commandOf(o, experiment, folder, token);
    if (!command.ok) return { kind: "failed", text: command.refusal.text };
    const { container = null } = command.value;
    await o.folders.keepContainer(id, container);
    await o.folders.setHeld(id, false);
    const plan: RunPlan = {
      v: 1,
      experimentId: id,
      attempt,
      folder,
      ...command.value,
      container,
      limits: experiment.limits,
      graceMs: Math.max(1, o.graceMs),
      watchMs: o.watchMs,
      // Nothing is started below the floor; what runs may go half way below it.
      diskFloorMb: o.diskFloorMb / 2,
    };
    const handle = await startRun(plan, o.supervisor, o.folders, o.clock);
    steps.standing(handle);
    if (await steps.record(handle.process) === null) {
      handle.stop(o.graceMs);
      await handle.exited;
      return { kind: "cancelled" };
    }
    await handle.go();
    return { kind: "began", handle };
  } catch (error) {
    o.log.error("an experiment could not be started", { experiment: id, error });
    const text = error instanceof Error ? error.message : String(error);
    return { kind: "failed", text: `it could not be started: ${text}` };
  }
}

/** Its locks, for which their holders may be asked; `null` once it has them. */
async function takeDevices(
  o: QueueOptions,
  experiment: Experiment,
  signal: AbortSignal,
): Promise<Started | null> {
  try {
    const granted = await o.locks.execute(claimOf(experiment, o.devices), { signal });
    if (granted.ok) return null;
    const { kind, text } = granted.refusal;
    return { kind: kind === "held" ? kind : "failed", text };
  } catch (error) {
    if (!(error instanceof KvUnavailable)) throw error;
    return { kind: "held", text: "the locks cannot be written" };
  }
}

async function commandOf(
  o: QueueOptions,
  experiment: Experiment,
  folder: string,
  token: string,
): Promise<Result<RunCommand, { text: string }>> {
  const place = {
    experimentId: experiment.id,
    attempt: experiment.attempt,
    token,
    folder,
    clients: o.clients,
    etc: o.etc,
    limits: experiment.limits,
    timeScale: o.timeScale(),
    parameters: experiment.parameters,
    resumed: experiment.attempt > 1 && experiment.onInterrupt === "resume",
  };
  if (experiment.kind === "python") {
    const found = await o.runners.python();
    if (!found.ok) return found;
    const { value: python } = found;
    if (python.kind === "box") return accept(pythonCommand(python.python, place));
    const { uid, gid, rootless } = python.engine;
    if (!rootless) await Deno.chown(join(folder, RUN_FILES.output), uid, gid);
    return accept(containerCommand(python.engine, place));
  }
  const deno = await o.runners.deno();
  if (!deno.ok) return deno;
  await Deno.writeTextFile(join(folder, "deno.json"), typescriptConfig(o.clients));
  return accept(typescriptCommand(deno.value, place));
}
