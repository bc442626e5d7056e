import { refuse, type Result } from "../result.ts";
import type { Experiment } from "./model.ts";
import type { Persistence } from "./persistence.ts";
import { claimOf, devicesOf, type QueueOptions, runActor, SYSTEM } from "./run_deps.ts";
import { bringToHold } from "./run_end.ts";
import type { ChangeRefusal } from "./store.ts";
import type { Change } from "./transitions.ts";

export interface HoldSteps {
  follow(course: Promise<void>): void;
  /** One transition, repeated until the store takes it; `null` when it is refused. */
  change(id: string, change: Change, actor: string): Promise<Experiment | null>;
}

/**
 * Runs that are held: by a person, or because somebody takes their devices, which then stand in their hold
 * state before anybody else has them. One whose devices were taken gets them back once they are free, and
 * stays held until a person releases it.
 */
export class Holds {
  /** Runs on their way to their hold state, by id. */
  readonly #under = new Map<string, Promise<void>>();
  /** Runs that make way for somebody, by id. */
  readonly #yielding = new Set<string>();
  #telling: Promise<void> = Promise.resolve();

  constructor(
    private readonly o: QueueOptions,
    private readonly persistence: Persistence,
    private readonly steps: HoldSteps,
  ) {}

  /** Brings the devices of a run that is recorded as held to their hold state. */
  begin(id: string): Promise<void> {
    this.tell(id, true);
    return this.#bring(id, async () => {
      // After a restart the agents may still be starting, and would refuse.
      await this.persistence.orClosed(this.o.devices.ready());
      const experiment = this.o.store.live.run(id);
      // It may have been released or have ended meanwhile; then others say where its devices stand.
      if (experiment?.state !== "holding") return;
      await bringToHold(this.o, experiment);
    });
  }

  /** Tells its clock whether it is held. One after another: the last word counts. */
  tell(id: string, held: boolean): void {
    this.#telling = this.#telling.then(() => this.o.folders.setHeld(id, held)).catch((error) =>
      this.o.log.error("the clock of a run could not be told that it is held", { error })
    );
    this.steps.follow(this.#telling);
  }

  /** Resolves when no device of this run is on its way to a hold state. */
  async settled(id: string): Promise<void> {
    for (let one = this.#under.get(id); one !== undefined; one = this.#under.get(id)) await one;
  }

  /** Somebody with the right to asks for what a run drives: it is held, and then makes way. */
  asked(actor: string, text: string): void {
    const run = this.#runOf(actor);
    // One that has not begun, or ends, has no hold state: its time to make way runs out.
    if (run === null || run.state !== "running" && run.state !== "holding") return;
    const { id } = run;
    if (this.#yielding.has(id)) return;
    this.#yielding.add(id);
    const course = async () => {
      try {
        if (run.state === "running") await this.#hold(id, text);
        await this.settled(id);
        await this.persistence.insist(
          "make way with a run's devices",
          () => this.o.locks.makeWay(actor),
        );
      } finally {
        this.#yielding.delete(id);
      }
    };
    this.steps.follow(course());
  }

  /**
   * The locks of a run were taken at once: its devices go to their hold state before whoever has them drives
   * them, and it is held. `false`: this is no run that drives anything.
   */
  taken(actor: string, text: string): boolean {
    const run = this.#runOf(actor);
    if (run?.state === "holding") return true;
    if (run?.state !== "running") return false;
    // Not after the record: the disk may be slow.
    this.steps.follow(this.#bring(run.id, () => bringToHold(this.o, run, true)));
    this.steps.follow(this.#hold(run.id, text));
    return true;
  }

  /** Runs that have no lock on what they drive, as after a restart: held, and given them back where they are free. */
  look(): void {
    for (const run of this.o.store.live.runs()) {
      const { id, state } = run;
      if (state !== "running" && state !== "holding") continue;
      const holds = this.o.locks.holds(runActor(id));
      if (holds === "executing" || holds === "revoking" || this.#yielding.has(id)) continue;
      if (devicesOf(run, this.o.devices).length === 0) continue;
      if (state === "running") this.steps.follow(this.#hold(id, "it has no lock on its devices"));
      else if (this.o.locks.obstacle(claimOf(run, this.o.devices), false) === null) {
        this.steps.follow(this.#regain(id, false).then(() => {}));
      }
    }
  }

  /** Sees to it that a held run that is to be released has its devices, in their hold state. */
  async regain(id: string): Promise<Result<void, ChangeRefusal>> {
    await this.settled(id);
    return await this.#regain(id, true);
  }

  async #regain(id: string, asking: boolean): Promise<Result<void, ChangeRefusal>> {
    const run = this.o.store.live.run(id);
    // Whatever it is, the transition says what may be done with it.
    if (run?.state !== "holding") return DONE;
    const actor = runActor(id);
    const holds = this.o.locks.holds(actor);
    if (holds === "executing") return DONE;
    if (holds === "revoking" || this.#yielding.has(id)) {
      return refuse({ kind: "devices-held", text: "somebody else takes its devices" });
    }
    const granted = await this.o.locks.execute(claimOf(run, this.o.devices), { asking });
    if (!granted.ok) return refuse({ kind: "devices-held", text: granted.refusal.text });
    if (this.o.store.live.run(id)?.state !== "holding") {
      // It has ended meanwhile, and given back what it had then.
      if (this.o.store.live.run(id) === null) {
        await this.o.locks.releaseAll(actor, "its experiment has ended");
      }
      return DONE;
    }
    await this.o.store.annotate(id, {}, SYSTEM, {
      type: "experiment.devices_back",
      text: "has its devices again; it is held until a person releases it",
    });
    await this.begin(id);
    return DONE;
  }

  async #hold(id: string, text: string): Promise<void> {
    const held = await this.steps.change(id, { kind: "hold", text }, SYSTEM);
    if (held !== null) await this.begin(id);
  }

  /** Ways to a hold state, one after another. */
  #bring(id: string, way: () => Promise<void>): Promise<void> {
    const before = this.#under.get(id);
    const going = before === undefined ? way() : before.then(way);
    const course = going.catch((error) => {
      if (!this.persistence.closed) this.o.log.error("a run could not be held", { error });
    }).finally(() => {
      if (this.#under.get(id) === course) this.#under.delete(id);
    });
    this.#under.set(id, course);
    return course;
  }

  #runOf(actor: string): Experiment | null {
    return this.o.store.live.runs().find(({ id }) => runActor(id) === actor) ?? null;
  }
}

const DONE = { ok: true, value: undefined } as const;
