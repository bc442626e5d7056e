import type { Clock } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Result } from "../result.ts";
import type { Folders } from "./folders.ts";
import { type Experiment, ExperimentAsk, Limits, type SubmitRefusal } from "./model.ts";
import { ownerOf } from "./owner.ts";
import { submitProblem } from "./problems.ts";
import { type FiledExperiment, type Quarantined, readQueueFile } from "./queue_file.ts";
import type { ExperimentStore } from "./store.ts";
import type { Prepared, Submitter } from "./submission.ts";

/** What an import did. */
export interface Imported {
  /** Taken now: their ids in the file and their numbers here. */
  readonly imported: { id: string; number: number; state: Experiment["state"] }[];
  /** Of an earlier import of this file. */
  readonly repeated: number;
  readonly quarantined: Quarantined[];
}

interface ImportDeps {
  readonly store: ExperimentStore;
  readonly folders: Folders;
  readonly clock: Clock;
  /** The checks of a submission, without the limit of active ones. */
  prepare(ask: ExperimentAsk, by: Submitter): Promise<Result<Prepared, SubmitRefusal>>;
}

/**
 * Takes over the original hub's `experiment_queue.json`: what waits there waits here, in its order and
 * paused where it was; what has ended is kept as a record with its script; what ran there is interrupted.
 * Owners keep their session ids. Doing it again takes only what was not taken before.
 */
export async function importQueue(
  text: string,
  actor: string,
  deps: ImportDeps,
): Promise<Imported> {
  const { experiments, quarantined } = readQueueFile(text);
  const imported: Imported["imported"] = [];
  let repeated = 0;
  for (const one of experiments) {
    const taken = await importOne(one, actor, deps);
    if (typeof taken === "string") quarantined.push({ id: one.id, reason: taken, entry: one });
    else if (taken.repeated) repeated++;
    else {
      const { number, state } = taken.experiment;
      imported.push({ id: one.id, number, state });
    }
  }
  return { imported, repeated, quarantined };
}

/** Why not, or what it became. */
async function importOne(
  one: FiledExperiment,
  actor: string,
  { store, folders, clock, prepare }: ImportDeps,
): Promise<{ experiment: Experiment; repeated: boolean } | string> {
  const owner = ownerOf({ kind: "local", owner: one.session, role: "admin" }, one.session);
  const idempotencyKey = `import:${one.id}`;
  const unlimited = { active: Infinity, waiting: Infinity };
  if (one.status === "queued" || one.status === "paused") {
    const ask = ExperimentAsk.parse({ script: one.script });
    const prepared = await prepare(ask, { owner, actor, idempotencyKey });
    if (!prepared.ok) return submitProblem(prepared.refusal).detail;
    const draft = { ...prepared.value.draft, createdAtMs: one.createdAtMs, state: one.status };
    const added = await store.add(draft, unlimited, actor);
    return added.ok ? added.value : submitProblem(added.refusal).detail;
  }
  const state = one.status === "running" ? "interrupted" : one.status;
  const text = one.status === "running"
    ? "it ran on the original hub when its queue was taken over"
    : one.error ?? (state === "completed" ? "" : `it is ${state} in the original hub's queue`);
  return await store.addEnded({
    id: newId(clock),
    title: "",
    owner,
    kind: "python",
    scriptSha256: await folders.keepScript(one.script, "python"),
    devices: [],
    limits: Limits.parse({}),
    endState: {},
    onInterrupt: "fail",
    idempotencyKey,
    createdAtMs: one.createdAtMs,
  }, {
    state,
    startedAtMs: one.startedAtMs,
    endedAtMs: one.endedAtMs ?? one.startedAtMs ?? one.createdAtMs,
    exitCode: one.exitCode,
    error: state === "completed" ? null : { code: "imported", text },
  }, actor);
}
