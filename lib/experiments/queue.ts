import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../result.ts";
import { Holds } from "./holds.ts";
import type { Experiment, RunExit } from "./model.ts";
import { Persistence } from "./persistence.ts";
import { claimOf, type QueueOptions, runActor, SYSTEM } from "./run_deps.ts";
import { giveBack } from "./run_end.ts";
import { Restorer } from "./restore.ts";
import { adoptRun, type RunHandle, sweepRun } from "./run_handle.ts";
import { startExperiment } from "./run_start.ts";
import type { ChangeRefusal } from "./store.ts";
import type { Change } from "./transitions.ts";
import { turnsOf } from "./turns.ts";

/** How long until what keeps the queue waiting is looked at again, where nothing tells of its end. */
const AGAIN_MS = 15_000;

/** After a start that was given up, until it is tried again. */
const GAVE_UP_MS = 1000;

/** One that has had its turn, until nothing of it is left. */
interface Begun {
  handle: RunHandle | null;
  /** Gives up waiting for its devices. */
  readonly ending: AbortController;
}

/** Who locks devices for experiments. */
const ACTORS = runActor("");

/**
 * Runs what waits, in order, as many at a time as may, each on devices of its own. It is the single writer of
 * a run's course: it starts it, follows it, brings the devices to their end state and gives the leases back,
 * and it takes up at the same point what a runtime before it left behind.
 */
export class Queue {
  readonly #begunRuns = new Map<string, Begun>();
  #turning = false;
  #asked = false;
  #begun = false;
  /** Every agent has started or failed to: before, nobody knows which devices there are. */
  #ready = false;
  #awaitsReady = false;
  /** Who may have a reservation without having had its turn. */
  #reserved: string | null = null;
  #persistence: Persistence;
  #restorer: Restorer;
  #holds: Holds;
  #courses = new Set<Promise<void>>();
  #cancelAgain: (() => void) | null = null;
  #unsubscribe: (() => void)[];

  constructor(private readonly o: QueueOptions) {
    this.#persistence = new Persistence(o.clock, o.log);
    const follow = (course: Promise<void>) => this.#follow(course);
    this.#restorer = new Restorer(o, this.#persistence, follow);
    this.#holds = new Holds(o, this.#persistence, {
      follow,
      change: (id, change, actor) => this.#change(id, change, actor),
    });
    this.#unsubscribe = [
      // Whatever lifts an obstacle (a lease given back, STOP cleared) commits an event.
      o.kv.onEvents(() => this.wake()),
      o.locks.onAsked((actor, by, reason) =>
        this.#holds.asked(actor, `${by} asks for its devices${reason ? `: ${reason}` : ""}`)
      ),
    ];
  }

  /** Takes up the runs that a runtime before this one began. Call once, before `begin`. */
  async takeUp(): Promise<void> {
    const runs = this.o.store.live.runs();
    for (const actor of this.o.locks.actors(ACTORS)) {
      if (runs.some(({ id }) => runActor(id) === actor)) continue;
      await this.o.locks.releaseAll(actor, "its experiment does not run");
    }
    for (const run of runs) await this.#takeUp(run);
  }

  async #takeUp(running: Experiment): Promise<void> {
    const { id, attempt, state, process } = running;
    // Its script was never told to go: its supervisor ends by itself, and the experiment keeps its turn.
    if (state === "starting") {
      await giveBack(this.o, running, this.#persistence);
      await this.#change(id, { kind: "give-up", text: "the runtime was restarted" });
      return;
    }
    const exit = await this.o.folders.readExit(id, attempt);
    const handle = exit !== null || process === null
      ? null
      : adoptRun(process, { experimentId: id, attempt }, this.o.folders, this.o.clock);
    if (exit === null && handle === null) await sweepRun(id, this.o.folders);
    this.#begunRuns.set(id, { handle, ending: new AbortController() });
    if (handle !== null) {
      this.o.log.info("adopted a run", { experiment: id, pid: handle.process.pid });
      await this.o.store.annotate(id, {}, SYSTEM, {
        type: "experiment.adopted",
        text: "goes on after a restart of the runtime; its devices had gone to their safe state",
      });
      this.#restorer.watch(id, true);
      if (state === "stopping") handle.stop(this.o.graceMs);
      if (state === "holding") this.holdRun(id);
      else this.#holds.tell(id, false);
    }
    this.#follow(this.#toEnd(running, handle?.exited ?? Promise.resolve(exit)));
  }

  /** The API listens: runs may be started, and those taken up are told where the API is now. */
  async begin(): Promise<void> {
    this.#begun = true;
    for (const id of this.#begunRuns.keys()) {
      await this.o.folders.tellApi(id, this.o.apiUrl()).catch((error) =>
        this.o.log.error("a run could not be told where the API is", { error })
      );
    }
    this.wake();
  }

  /** Something may have changed: looks at STOP and at whose turn it is. Returns at once. */
  wake(): void {
    this.#asked = true;
    if (this.#turning || this.#persistence.closed) return;
    this.#turning = true;
    this.#follow(this.#turn());
  }

  /** Ends the run of this experiment; its `stopping` is recorded already. */
  stopRun(id: string): void {
    const run = this.#begunRuns.get(id);
    run?.ending.abort();
    run?.handle?.stop(this.o.graceMs);
  }

  /** Brings the devices of a run that is recorded as held to their hold state. */
  holdRun(id: string): void {
    this.#follow(this.#holds.begin(id));
  }

  /** Its wall clock goes on. */
  releaseRun(id: string): void {
    this.#holds.tell(id, false);
  }

  /** Sees to it that a held run has its devices before it is released; resolves when they stand. */
  regain(id: string): Promise<Result<void, ChangeRefusal>> {
    return this.#holds.regain(id);
  }

  /** The locks of a run were taken; `false`: `actor` is no run that drives anything. */
  leaseLost(actor: string): boolean {
    return this.#holds.taken(actor, "its devices were taken from it");
  }

  /** Why the first in the queue is not started, or `null`. */
  obstacle(): string | null {
    return this.#closedBecause() ?? turnsOf(this.o, this.#begunRuns).atFront;
  }

  /** Stops following, and leaves running scripts and their supervisors alive. */
  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#restorer.close();
    this.#persistence.close();
    this.#cancelAgain?.();
    for (const { handle, ending } of this.#begunRuns.values()) {
      ending.abort();
      handle?.release();
    }
    await Promise.race([Promise.allSettled([...this.#courses]), settled()]);
  }

  async #turn(): Promise<void> {
    try {
      while (this.#asked && !this.#persistence.closed) {
        // Whoever committed the event that woke us has not yet heard of it, and their memory is asked here.
        await settled();
        this.#asked = false;
        await this.#look();
      }
    } finally {
      this.#turning = false;
    }
  }

  async #look(): Promise<void> {
    await this.#stopAll();
    if (!this.#ready) return this.#whenReady();
    this.#holds.look();
    if (!this.#begun) return;
    this.#cancelAgain?.();
    const next = this.o.store.live.firstQueued() === null ? null : this.#startInTurn();
    await this.#reserve(next).catch((error) =>
      this.o.log.error("the devices of the next experiment could not be reserved", { error })
    );
  }

  /** Starts whose turn it is; gives who would be next if fewer ran. */
  #startInTurn(): Experiment | null {
    const closed = this.#closedBecause() !== null;
    const { start, next, obstacle } = turnsOf(this.o, this.#begunRuns);
    for (const experiment of closed ? [] : start) this.#start(experiment);
    if ((closed && start.length > 0) || obstacle !== null) {
      this.#cancelAgain = this.o.clock.timer(AGAIN_MS, () => this.wake());
    }
    return closed || start.length > 0 || obstacle !== null ? null : next;
  }

  /** STOP ends every run. */
  async #stopAll(): Promise<void> {
    const stopped = this.o.devices.stopped();
    if (stopped === null) return;
    const text = /^STOP\b|^$/.test(stopped.reason) ? "STOP was pressed" : `STOP: ${stopped.reason}`;
    await Promise.all(
      this.o.store.live.runs().map(async ({ id, state }) => {
        if (state === "stopping") return;
        const changed = await this.#change(id, { kind: "stop", text }, stopped.actor);
        if (changed !== null) this.stopRun(id);
      }),
    );
  }

  #whenReady(): void {
    if (this.#awaitsReady) return;
    this.#awaitsReady = true;
    this.#follow(
      this.#persistence.orClosed(this.o.devices.ready()).then(() => {
        this.#ready = true;
        this.wake();
      }),
    );
  }

  #start(experiment: Experiment): void {
    this.#begunRuns.set(experiment.id, { handle: null, ending: new AbortController() });
    this.#follow(this.#course(experiment));
  }

  /** Reserves the devices of the one that is next, and nobody else's. */
  async #reserve(next: Experiment | null): Promise<void> {
    const { locks, devices, store } = this.o;
    const before = this.#reserved;
    if (before !== null && before !== next?.id) {
      const runs = this.#begunRuns.has(before) || store.live.run(before) !== null;
      if (!runs) await locks.releaseAll(runActor(before), "it is not its turn any more");
      this.#reserved = null;
    }
    if (next === null || this.#begunRuns.has(next.id)) return;
    this.#reserved = next.id;
    await locks.reserve(claimOf(next, devices));
  }

  /** Why nothing at all is started now, or `null`. */
  #closedBecause(): string | null {
    const stopped = this.o.devices.stopped();
    if (stopped !== null) return `the instrument is stopped: ${stopped.reason}`;
    const freeMb = this.#freeMb();
    if (freeMb >= this.o.diskFloorMb) return null;
    return `the disk has ${Math.round(freeMb)} MiB left, nothing is started below ` +
      `${this.o.diskFloorMb} MiB`;
  }

  /** One experiment from its turn to its end. */
  async #course(waiting: Experiment): Promise<void> {
    const claim = claimOf(waiting, this.o.devices);
    // Shown to everybody before it is asked for what others hold.
    await this.o.locks.reserve(claim).catch(() => {});
    const run = this.#begunRuns.get(waiting.id)!;
    const started = await this.#change(waiting.id, { kind: "start" });
    if (started === null) {
      await this.#persistence.insist(
        "release the reservation of an experiment",
        () => this.o.locks.releaseAll(claim.actor, "it is not its turn any more"),
      );
      this.#free(waiting.id);
      return;
    }
    const begun = await startExperiment(this.o, started, {
      signal: run.ending.signal,
      standing: (handle) => run.handle = handle,
      record: (process) => this.#change(started.id, { kind: "started", process }),
    });
    if (begun.kind === "began") {
      this.#restorer.watch(started.id, false);
      await this.#toEnd(started, begun.handle.exited);
      return;
    }
    await giveBack(this.o, started, this.#persistence);
    if (begun.kind === "failed") {
      await this.#change(started.id, { kind: "fail", text: begun.text });
    }
    const keepsTurn = begun.kind === "held" &&
      await this.#change(started.id, { kind: "give-up", text: begun.text }) !== null;
    // Whatever keeps it from its devices and cannot be foreseen is not run into all the time.
    if (keepsTurn) await this.#persistence.pause(GAVE_UP_MS);
    // It was cancelled meanwhile, or failed.
    else await this.#change(started.id, { kind: "ended" });
    this.#free(started.id);
  }

  /** Follows a run to the end of its process, and ends it. */
  async #toEnd(experiment: Experiment, exited: Promise<RunExit | null>): Promise<void> {
    const { id } = experiment;
    const exit = await this.#persistence.orClosed(exited);
    this.#restorer.unwatch(id);
    const before = await this.#change(id, { kind: "exited", exit });
    if (before !== null) await giveBack(this.o, before, this.#persistence);
    await this.#change(id, { kind: "ended" });
    await Deno.remove(join(this.o.folders.runFolder(id), "cache"), { recursive: true })
      .catch(() => {});
    this.#free(id);
  }

  /** One transition, repeated until the store takes it; `null` when it is refused. */
  async #change(id: string, change: Change, actor = SYSTEM): Promise<Experiment | null> {
    const changed = await this.#persistence.insist(
      `record "${change.kind}" of an experiment`,
      () => this.o.store.change(id, change, actor),
    );
    return changed.ok ? changed.value : null;
  }

  #free(id: string): void {
    this.#begunRuns.delete(id);
    this.wake();
  }

  #freeMb(): number {
    try {
      const { bavail, bsize } = statfsSync(this.o.folders.dir);
      return bavail * bsize / 1_048_576;
    } catch {
      return 0;
    }
  }

  #follow(course: Promise<void>): void {
    const kept = course.catch((error) => {
      if (!this.#persistence.closed) this.o.log.error("the queue failed", { error });
    }).finally(() => this.#courses.delete(kept));
    this.#courses.add(kept);
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
