import { actorOf } from "../auth/model.ts";
import {
  type Experiment,
  ExperimentAsk,
  type Experiments,
  isTerminal,
} from "../experiments/mod.ts";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import { nodeRunKey } from "./keys.ts";
import { type Asker, askerOwner, RunRefusal, submitRefusal } from "./run_changes.ts";

/** Marks the experiments whose name a client of the node chose. */
const NAMED = "node:";

/**
 * Experiments as clients of the node know them: they may choose the id themselves, and ask by it later.
 * Ours stay what they are; the name is kept beside them.
 */
export class NodeRuns {
  constructor(private readonly kv: Kv, private readonly experiments: Experiments) {}

  /**
   * Submits a script; with `name` it can be asked for by that. The same again while it is not ended, as a
   * client sends that lost the answer, changes nothing.
   *
   * @throws {RunRefusal} 409 for a name that is taken.
   */
  async start(script: string, name: string | null, who: Asker): Promise<Experiment> {
    const owner = askerOwner(who);
    // What stood under the name before we submit: it may be of an experiment that is gone.
    const before = name === null ? null : await this.kv.get(nodeRunKey(name));
    const earlier = typeof before === "string" ? await this.experiments.get(before) : null;
    if (earlier !== null) {
      if (isTerminal(earlier.state) || earlier.owner !== owner) throw taken(name!);
      return earlier;
    }
    const submitted = await this.experiments.submit(
      ExperimentAsk.parse({ script, kind: "python" }),
      {
        owner,
        actor: actorOf(who.principal),
        ...(name === null ? {} : { idempotencyKey: NAMED + name }),
      },
    );
    if (!submitted.ok) throw submitRefusal(submitted.refusal);
    const { experiment } = submitted.value;
    if (name === null) return experiment;
    const key = nodeRunKey(name);
    const kept = await this.kv.transact<unknown, never>(
      [key],
      ([seen]) =>
        seen!.value === before
          ? accept({ value: experiment.id, set: [[key, experiment.id] as const] })
          : accept({ value: seen!.value }),
    );
    if (kept.ok && kept.value === experiment.id) return experiment;
    // Somebody else took the name between our look and our submission.
    await this.experiments.cancel(experiment.id, actorOf(who.principal), "its name was taken");
    throw taken(name);
  }

  /** By our id or by the name it was started with. @throws {RunRefusal} 404 */
  async find(id: string): Promise<Experiment> {
    const found = await this.experiments.get(id) ?? await this.#named(id);
    if (found === null) throw new RunRefusal(404, "Experiment not found", "not_found");
    return found;
  }

  /** What its client calls it. */
  nameOf({ id, idempotencyKey }: Experiment): string {
    return idempotencyKey?.startsWith(NAMED) ? idempotencyKey.slice(NAMED.length) : id;
  }

  /** After the experiment is removed, its name is free. */
  async forget(experiment: Experiment): Promise<void> {
    const key = nodeRunKey(this.nameOf(experiment));
    await this.kv.transact(
      [key],
      ([seen]) =>
        seen!.value === experiment.id
          ? accept({ value: null, remove: [key] })
          : accept({ value: null }),
    );
  }

  async #named(name: string): Promise<Experiment | null> {
    const id = await this.kv.get(nodeRunKey(name));
    return typeof id === "string" ? await this.experiments.get(id) : null;
  }
}

function taken(name: string): RunRefusal {
  return new RunRefusal(409, `There is an experiment "${name}" already`, "experiment_exists");
}
