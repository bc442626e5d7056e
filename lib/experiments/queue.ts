import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { Holder } from "../devices/model.ts";
import type { Experiment, RunExit } from "./model.ts";
import { Persistence } from "./persistence.ts";
import { devicesOf, type QueueOptions, runActor, SYSTEM } from "./run_deps.ts";
import { bringToHold, giveBack } from "./run_end.ts";
import { Restorer } from "./restore.ts";
import { adoptRun, type RunHandle, sweepRun } from "./run_handle.ts";
import { startExperiment } from "./run_start.ts";
import type { Change } from "./transitions.ts";

/** How long until what keeps the queue waiting is looked at again, where nothing tells of its end. */
const AGAIN_MS = 15_000;

/**
 * Runs what waits, one at a time, in order. It is the single writer of a run's course: it starts it,
 * follows it, brings the devices to their end state and gives the leases back, and it takes up at the
 * same point what a runtime before it left behind.
 */
export class Queue {
  #current: { id: string; handle: RunHandle | null } | null = null;
  #turning = false;
  #asked = false;
  #begun = false;
  #persistence: Persistence;
  #restorer: Restorer;
  #courses = new Set<Promise<void>>();
  #cancelAgain: (() => void) | null = null;
  #held: Promise<void> = Promise.resolve();
  #telling: Promise<void> = Promise.resolve();
  #unsubscribe: () => void;

  constructor(private readonly o: QueueOptions) {
    this.#persistence = new Persistence(o.clock, o.log);
    this.#restorer = new Restorer(o, this.#persistence, (course) => this.#follow(course));
    // Whatever lifts an obstacle (a lease given back, STOP cleared) commits an event.
    this.#unsubscribe = o.kv.onEvents(() => this.wake());
  }

  /** Takes up the run that a runtime before this one began, if there is one. Call once, before `begin`. */
  async takeUp(): Promise<void> {
    const running = this.o.store.live.running();
    for (const { holder } of this.o.locks.holders()) {
      if (holder.actor.startsWith("experiment:") && holder.actor !== runActor(running?.id ?? "")) {
        await this.o.locks.releaseAll(holder.actor, "its experiment has ended");
      }
    }
    if (running === null) return;
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
    this.#current = { id, handle };
    if (handle !== null) {
      this.o.log.info("adopted a run", { experiment: id, pid: handle.process.pid });
      await this.o.store.annotate(id, {}, SYSTEM, {
        type: "experiment.adopted",
        text: "goes on after a restart of the runtime; its devices had gone to their safe state",
      });
      this.#restorer.watch(id, true);
      if (state === "stopping") handle.stop(this.o.graceMs);
      if (state === "holding") this.holdRun(id);
      else this.#tellHeld(id, false);
    }
    this.#follow(this.#toEnd(running, handle?.exited ?? Promise.resolve(exit)));
  }

  /** The API listens: runs may be started, and one taken up is told where the API is now. */
  async begin(): Promise<void> {
    this.#begun = true;
    if (this.#current !== null) {
      await this.o.folders.tellApi(this.#current.id, this.o.apiUrl()).catch((error) =>
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
    if (this.#current?.id === id) this.#current.handle?.stop(this.o.graceMs);
  }

  /** Brings the devices of a run that is recorded as held to their hold state. */
  holdRun(id: string): void {
    this.#tellHeld(id, true);
    this.#held = this.#toHold(id).catch((error) => {
      if (!this.#persistence.closed) this.o.log.error("a run could not be held", { error });
    });
    this.#follow(this.#held);
  }

  /** Its wall clock goes on. */
  releaseRun(id: string): void {
    this.#tellHeld(id, false);
  }

  /** Resolves when no device is on its way to a hold state. */
  whenHeld(): Promise<void> {
    return this.#held;
  }

  /** Why the first in the queue is not started, or `null`. */
  obstacle(): string | null {
    const stopped = this.o.devices.stopped();
    if (stopped !== null) return `the instrument is stopped: ${stopped.reason}`;
    const freeMb = this.#freeMb();
    if (freeMb < this.o.diskFloorMb) {
      return `the disk has ${Math.round(freeMb)} MiB left, nothing is started below ` +
        `${this.o.diskFloorMb} MiB`;
    }
    const next = this.#next();
    const held = next === null ? null : this.#heldByOthers(next);
    return held === null ? null : `"${held.deviceId}" is held by ${held.holder.label}`;
  }

  /** Stops following, and leaves a running script and its supervisor alive. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#restorer.close();
    this.#persistence.close();
    this.#cancelAgain?.();
    this.#current?.handle?.release();
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
    const stopped = this.o.devices.stopped();
    const running = this.o.store.live.running();
    if (running !== null) {
      if (stopped === null || running.state === "stopping") return;
      const text = /^STOP\b|^$/.test(stopped.reason)
        ? "STOP was pressed"
        : `STOP: ${stopped.reason}`;
      const changed = await this.#change(running.id, { kind: "stop", text }, stopped.actor);
      if (changed !== null) this.stopRun(running.id);
      return;
    }
    if (!this.#begun || this.#current !== null) return;
    this.#cancelAgain?.();
    await this.#persistence.orClosed(this.o.devices.ready());
    const next = this.#next();
    if (next === null) return;
    if (this.obstacle() !== null) {
      this.#cancelAgain = this.o.clock.timer(AGAIN_MS, () => this.wake());
      return;
    }
    this.#current = { id: next.id, handle: null };
    this.#follow(this.#course(next));
  }

  #next(): Experiment | null {
    return this.o.store.live.firstQueued();
  }

  /** One experiment from its turn to its end. */
  async #course(waiting: Experiment): Promise<void> {
    const started = await this.#change(waiting.id, { kind: "start" });
    if (started === null) {
      this.#free(waiting.id);
      return;
    }
    const begun = await startExperiment(this.o, started, {
      standing: (handle) => {
        if (this.#current?.id === started.id) this.#current.handle = handle;
      },
      record: (process) => this.#change(started.id, { kind: "started", process }),
    });
    if (begun.kind === "began") {
      this.#restorer.watch(started.id, false);
      await this.#toEnd(started, begun.handle.exited);
      return;
    }
    await giveBack(this.o, started, this.#persistence);
    if (begun.kind === "held") {
      await this.#change(started.id, { kind: "give-up", text: begun.text });
    } else if (begun.kind === "failed") {
      await this.#change(started.id, { kind: "fail", text: begun.text });
    }
    // Refused where the above left it waiting; else it was cancelled meanwhile, or failed.
    await this.#change(started.id, { kind: "ended" });
    this.#free(started.id);
  }

  /** Follows a run to the end of its process, and ends it. */
  async #toEnd(experiment: Experiment, exited: Promise<RunExit | null>): Promise<void> {
    const { id } = experiment;
    const exit = await this.#persistence.orClosed(exited);
    this.#restorer.unwatch();
    const before = await this.#change(id, { kind: "exited", exit });
    if (before !== null) await giveBack(this.o, before, this.#persistence);
    await this.#change(id, { kind: "ended" });
    await Deno.remove(join(this.o.folders.runFolder(id), "cache"), { recursive: true })
      .catch(() => {});
    this.#free(id);
  }

  /** One after another: the last word counts. */
  #tellHeld(id: string, held: boolean): void {
    this.#telling = this.#telling.then(() => this.o.folders.setHeld(id, held)).catch((error) =>
      this.o.log.error("the clock of a run could not be told that it is held", { error })
    );
    this.#follow(this.#telling);
  }

  async #toHold(id: string): Promise<void> {
    // After a restart the agents may still be starting, and would refuse.
    await this.#persistence.orClosed(this.o.devices.ready());
    const experiment = this.o.store.live.running();
    // It may have been released or have ended meanwhile; then others say where its devices stand.
    if (experiment?.id !== id || experiment.state !== "holding") return;
    await bringToHold(this.o, experiment);
  }

  #heldByOthers(experiment: Experiment): { deviceId: string; holder: Holder } | null {
    for (const deviceId of devicesOf(experiment, this.o.devices)) {
      const holder = this.o.locks.holder(deviceId);
      if (holder !== null && holder.actor !== runActor(experiment.id)) return { deviceId, holder };
    }
    return null;
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
    if (this.#current?.id === id) this.#current = null;
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
