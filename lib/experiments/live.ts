import type { Order } from "./keys.ts";
import { type Experiment, holdsRun, isTerminal } from "./model.ts";
import { NO_ORDER } from "./order.ts";
import { Ranks } from "./ranks.ts";

/** What is not ended, in memory, for this process owns it: the queue in its order, and what runs. */
export class Live {
  #active = new Map<string, Experiment>();
  #ranks = new Ranks();
  #running = new Set<string>();
  #order: Order = NO_ORDER;

  get(id: string): Experiment | undefined {
    return this.#active.get(id);
  }
  /** Waiting experiments in order, foremost first, paused ones included. */
  waiting(): Experiment[] {
    return [...this.#ranks].map((id) => this.#active.get(id)!);
  }
  /** At most `limit` of them behind `cursor`, and the cursor of what follows, `null` where nothing does. */
  waitingPage(
    cursor: string | null,
    limit: number,
  ): { experiments: Experiment[]; next: string | null } {
    const { ids, next } = this.#ranks.page(cursor, limit);
    return { experiments: ids.map((id) => this.#active.get(id)!), next };
  }
  /** Foremost first, without a copy of the whole. */
  *eachWaiting(): Generator<Experiment> {
    for (const id of this.#ranks) yield this.#active.get(id)!;
  }
  /** Whose turn is next: the foremost that is not paused. */
  firstQueued(): Experiment | null {
    for (const id of this.#ranks) {
      const experiment = this.#active.get(id);
      if (experiment?.state === "queued") return experiment;
    }
    return null;
  }
  /** From 1 over waiting experiments; `null` when it does not wait. */
  position(id: string): number | null {
    return this.#ranks.position(id);
  }
  waitingCount(): number {
    return this.#ranks.size;
  }
  /** Those that run, in the order of their numbers. */
  runs(): Experiment[] {
    return [...this.#running].flatMap((id) => this.#active.get(id) ?? [])
      .sort((a, b) => a.number - b.number);
  }
  /** The first of those that run: the only one, unless several may. */
  running(): Experiment | null {
    return this.runs()[0] ?? null;
  }
  /** This one, while it runs. */
  run(id: string): Experiment | null {
    return this.#running.has(id) ? this.#active.get(id) ?? null : null;
  }
  /** Not ended, of one owner. */
  activeOf(owner: string): Experiment[] {
    return [...this.#active.values()].filter((experiment) => experiment.owner === owner);
  }
  /** Counts up with every change of the queue. */
  queueVersion(): number {
    return this.#order.version;
  }
  /** Ranks beside the place `position` of the queue without `id`. */
  around(id: string, position: number): { low: string | null; high: string | null } {
    return this.#ranks.around(id, position);
  }

  /** Takes in what has been committed. */
  keep(experiment: Experiment, order: Order | null): void {
    // Commits settle in their order, but a version seen twice must never go back.
    if (order !== null && order.version > this.#order.version) this.#order = order;
    if (isTerminal(experiment.state)) this.#active.delete(experiment.id);
    else this.#active.set(experiment.id, experiment);
    if (holdsRun(experiment.state)) this.#running.add(experiment.id);
    else this.#running.delete(experiment.id);
    this.#ranks.put(experiment.id, experiment.rank);
  }
  /** Before anything else: the order as it is stored. */
  begin(order: Order): void {
    this.#order = order;
  }
}
