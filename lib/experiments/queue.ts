import { statfsSync } from "node:fs";
import { join } from "node:path";
import { type Clock, delay } from "../clock.ts";
import type { DeviceView, Holder } from "../devices/model.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import type { Result } from "../result.ts";
import type { Folders } from "./folders.ts";
import type { Experiment, RunExit, RunPlan } from "./model.ts";
import {
  adoptRun,
  type RunHandle,
  startRun,
  type SupervisorCommand,
  sweepRun,
} from "./run_handle.ts";
import type { Runners } from "./runners.ts";
import { pythonCommand, type RunCommand, typescriptCommand, typescriptConfig } from "./sandbox.ts";
import type { ExperimentStore } from "./store.ts";
import type { Change } from "./transitions.ts";

/** The part of `Locks` a run needs. */
export interface RunLocks {
  grantAll(
    ask: { deviceIds: string[]; actor: string; label: string; ttlMs: number | null },
  ): Promise<
    Result<Record<string, number>, { kind: "held"; deviceId: string; holder: Holder }>
  >;
  releaseAll(actor: string, reason: string): Promise<void>;
  holder(deviceId: string): Holder | null;
  holders(): { deviceId: string; holder: Holder }[];
}

/** The part of `Devices` a run needs. */
export interface RunDevices {
  list(): DeviceView[];
  /** Resolves when every agent has started or failed to: before, `list` may not hold all. */
  ready(): Promise<void>;
  /** Brings devices to their end of the run, past every lease. */
  bring(
    states: Record<string, Record<string, unknown> | "safe">,
    actor: string,
    reason: string,
  ): Promise<unknown>;
  stopped(): { sinceMs: number; actor: string; reason: string } | null;
}

/** The part of `Auth` a run needs. */
export interface RunTokens {
  issueExperimentToken(id: string, number: number): Promise<string>;
  revokeExperimentToken(id: string): Promise<void>;
}

export interface QueueOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: ExperimentStore;
  readonly folders: Folders;
  readonly runners: Runners;
  readonly locks: RunLocks;
  readonly devices: RunDevices;
  readonly tokens: RunTokens;
  readonly supervisor: SupervisorCommand;
  /** Folder of `clients/`, absolute. */
  readonly clients: string;
  /** Folder of the box's own `etc`, absolute. */
  readonly etc: string;
  readonly apiUrl: () => string;
  readonly timeScale: () => number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  readonly diskFloorMb: number;
  /** How often a run's limits are looked at. */
  readonly watchMs: number;
  /** A run's devices could not be brought to their end state: somebody must look. */
  readonly onTrouble: (experiment: Experiment, text: string) => void;
}

/** Who a run is, as the holder of leases and the actor of its commands. */
export function runActor(id: string): string {
  return `experiment:${id}`;
}

/** The runtime ends while a run is being ended: the next one repeats what was left. */
class ClosedError extends Error {
  override readonly name = "ClosedError";
}

const SYSTEM = "system";
/** How long until what keeps the queue waiting is looked at again, where nothing tells of its end. */
const AGAIN_MS = 15_000;
const RETRY_MS_MAX = 30_000;

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
  #closing = new AbortController();
  #courses = new Set<Promise<void>>();
  #cancelAgain: (() => void) | null = null;
  #unsubscribe: () => void;

  constructor(private readonly o: QueueOptions) {
    // Whatever lifts an obstacle (a lease given back, STOP cleared) commits an event.
    this.#unsubscribe = o.kv.onEvents(() => this.wake());
  }

  /** Takes up the run that a runtime before this one began, if there is one. Call once, before `begin`. */
  async takeUp(): Promise<void> {
    const running = this.o.store.running();
    for (const { holder } of this.o.locks.holders()) {
      if (holder.actor.startsWith("experiment:") && holder.actor !== runActor(running?.id ?? "")) {
        await this.o.locks.releaseAll(holder.actor, "its experiment has ended");
      }
    }
    if (running === null) return;
    const { id, attempt, state, process } = running;
    // Its script was never told to go: its supervisor ends by itself, and the experiment keeps its turn.
    if (state === "starting") {
      await this.#giveBack(running);
      await this.#change(id, { kind: "give-up", text: "the runtime was restarted" });
      return;
    }
    const exit = await this.o.folders.readExit(id, attempt);
    const handle = exit !== null || process === null
      ? null
      : adoptRun(process, { experimentId: id, attempt }, this.o.folders, this.o.clock);
    if (exit === null && handle === null) sweepRun(id);
    this.#current = { id, handle };
    if (handle !== null) {
      this.o.log.info("adopted a run", { experiment: id, pid: handle.process.pid });
      await this.o.store.annotate(id, {}, SYSTEM, {
        type: "experiment.adopted",
        text: "goes on after a restart of the runtime; its devices had gone to their safe state",
      });
      if (state === "stopping") handle.stop(this.o.graceMs);
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
    if (this.#turning || this.#closing.signal.aborted) return;
    this.#turning = true;
    this.#follow(this.#turn());
  }

  /** Ends the run of this experiment; its `stopping` is recorded already. */
  stopRun(id: string): void {
    if (this.#current?.id === id) this.#current.handle?.stop(this.o.graceMs);
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
    this.#closing.abort();
    this.#cancelAgain?.();
    this.#current?.handle?.release();
    await Promise.race([Promise.allSettled([...this.#courses]), settled()]);
  }

  async #turn(): Promise<void> {
    try {
      while (this.#asked && !this.#closing.signal.aborted) {
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
    const running = this.o.store.running();
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
    if (await this.#orClosed(this.o.devices.ready()) === "closed") return;
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
    return this.o.store.firstQueued();
  }

  /** One experiment from its turn to its end. */
  async #course(waiting: Experiment): Promise<void> {
    const started = await this.#change(waiting.id, { kind: "start" });
    if (started === null) {
      this.#free(waiting.id);
      return;
    }
    const begun = await this.#start(started);
    if (begun.kind === "began") {
      await this.#toEnd(started, begun.handle.exited);
      return;
    }
    await this.#giveBack(started);
    if (begun.kind === "held") {
      await this.#change(started.id, { kind: "give-up", text: begun.text });
    } else if (begun.kind === "failed") {
      await this.#change(started.id, { kind: "fail", text: begun.text });
    }
    // Refused where the above left it waiting; else it was cancelled meanwhile, or failed.
    await this.#change(started.id, { kind: "ended" });
    this.#free(started.id);
  }

  async #start(experiment: Experiment): Promise<
    | { kind: "began"; handle: RunHandle }
    | { kind: "held" | "failed"; text: string }
    | { kind: "cancelled" }
  > {
    const { o } = this;
    const { id, number, attempt } = experiment;
    try {
      const granted = await o.locks.grantAll({
        deviceIds: this.#devicesOf(experiment),
        actor: runActor(id),
        label: `experiment ${number}`,
        ttlMs: null,
      });
      if (!granted.ok) {
        const { deviceId, holder } = granted.refusal;
        return { kind: "held", text: `"${deviceId}" is held by ${holder.label}` };
      }
      const script = await o.folders.readScript(experiment);
      const folder = await o.folders.prepare(experiment, script);
      await o.folders.tellApi(id, o.apiUrl());
      const token = await o.tokens.issueExperimentToken(id, number);
      const command = await this.#command(experiment, folder, token);
      if (!command.ok) return { kind: "failed", text: command.refusal.text };
      const plan: RunPlan = {
        v: 1,
        experimentId: id,
        attempt,
        folder,
        ...command.value,
        limits: experiment.limits,
        graceMs: Math.max(1, o.graceMs),
        watchMs: o.watchMs,
        diskFloorMb: o.diskFloorMb / 2,
      };
      const handle = await startRun(plan, o.supervisor, o.folders, o.clock);
      if (this.#current !== null) this.#current.handle = handle;
      const recorded = await this.#change(id, { kind: "started", process: handle.process });
      if (recorded === null) {
        // Cancelled while it was being started: without `go` the supervisor ends by itself.
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

  async #command(
    experiment: Experiment,
    folder: string,
    token: string,
  ): Promise<Result<RunCommand, { text: string }>> {
    const { o } = this;
    const place = {
      experimentId: experiment.id,
      attempt: experiment.attempt,
      token,
      folder,
      clients: o.clients,
      etc: o.etc,
      limits: experiment.limits,
      timeScale: o.timeScale(),
      resumed: experiment.attempt > 1 && experiment.onInterrupt === "resume",
    };
    if (experiment.kind === "python") {
      const python = await o.runners.python();
      return python.ok ? { ok: true, value: pythonCommand(python.value, place) } : python;
    }
    const deno = await o.runners.deno();
    if (!deno.ok) return deno;
    await Deno.writeTextFile(join(folder, "deno.json"), typescriptConfig(o.clients));
    return { ok: true, value: typescriptCommand(deno.value, place) };
  }

  /** Follows a run to the end of its process, and ends it. */
  async #toEnd(experiment: Experiment, exited: Promise<RunExit | null>): Promise<void> {
    const { id } = experiment;
    const exit = await this.#orClosed(exited);
    if (exit === "closed") return;
    const before = await this.#change(id, { kind: "exited", exit });
    if (before !== null) await this.#giveBack(before);
    await this.#change(id, { kind: "ended" });
    await Deno.remove(join(this.o.folders.runFolder(id), "cache"), { recursive: true })
      .catch(() => {});
    this.#free(id);
  }

  /**
   * Token revoked, devices at the end of the run, leases back: in this order, so that nobody drives a
   * device between. Each step can be repeated, and is after a restart.
   */
  async #giveBack(experiment: Experiment): Promise<void> {
    const { o } = this;
    const { id, number, attempt } = experiment;
    const actor = runActor(id);
    await this.#insist("revoke a run's token", () => o.tokens.revokeExperimentToken(id));
    if (experiment.state !== "starting" && attempt > 0) {
      // After a restart the agents may still be starting, and would refuse.
      if (await this.#orClosed(this.o.devices.ready()) === "closed") throw new ClosedError();
      const states: Record<string, Record<string, unknown> | "safe"> = {};
      for (const deviceId of this.#devicesOf(experiment)) {
        states[deviceId] = experiment.endState[deviceId] ?? "safe";
      }
      try {
        const brought = await o.devices.bring(states, actor, `experiment ${number} ended`);
        const failed = failedOf(brought);
        if (failed.length > 0) {
          o.onTrouble(experiment, `did not reach their end state: ${failed.join(", ")}`);
        }
      } catch (error) {
        o.log.error("devices did not reach their end state", { experiment: id, error });
        o.onTrouble(experiment, "its devices may not have reached their end state");
      }
    }
    await this.#insist(
      "release a run's leases",
      () => o.locks.releaseAll(actor, `experiment ${number} ended`),
    );
  }

  /** Devices the run holds: those it named, else every actuator. */
  #devicesOf(experiment: Experiment): string[] {
    const known = this.o.devices.list();
    return experiment.devices.length > 0
      ? experiment.devices.filter((id) => known.some((one) => one.capability.deviceId === id))
      : known.filter((one) => one.capability.kind === "actuator").map((one) =>
        one.capability.deviceId
      );
  }

  #heldByOthers(experiment: Experiment): { deviceId: string; holder: Holder } | null {
    for (const deviceId of this.#devicesOf(experiment)) {
      const holder = this.o.locks.holder(deviceId);
      if (holder !== null && holder.actor !== runActor(experiment.id)) return { deviceId, holder };
    }
    return null;
  }

  /** One transition, repeated until the store takes it; `null` when it is refused. */
  async #change(id: string, change: Change, actor = SYSTEM): Promise<Experiment | null> {
    const changed = await this.#insist(
      `record "${change.kind}" of an experiment`,
      () => this.o.store.change(id, change, actor),
    );
    return changed.ok ? changed.value : null;
  }

  /** A run must not be lost to a disk that is full for an hour: repeats until it works or we close. */
  async #insist<T>(what: string, act: () => Promise<T>): Promise<T> {
    for (let pauseMs = 250;; pauseMs = Math.min(2 * pauseMs, RETRY_MS_MAX)) {
      try {
        return await act();
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
        this.o.log.error(`could not ${what}; it will be tried again`, { error });
        await delay(this.o.clock, pauseMs, this.#closing.signal);
      }
    }
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

  async #orClosed<T>(promise: Promise<T>): Promise<T | "closed"> {
    const { signal } = this.#closing;
    if (signal.aborted) return "closed";
    return await Promise.race([
      promise,
      new Promise<"closed">((resolve) =>
        signal.addEventListener("abort", () => resolve("closed"), { once: true })
      ),
    ]);
  }

  #follow(course: Promise<void>): void {
    const kept = course.catch((error) => {
      if (!this.#closing.signal.aborted) this.o.log.error("the queue failed", { error });
    }).finally(() => this.#courses.delete(kept));
    this.#courses.add(kept);
  }
}

/** Names of devices that `bring` reports as failed, whatever else its report says. */
function failedOf(report: unknown): string[] {
  if (!Array.isArray(report)) return [];
  return report.filter((one) => one?.ok === false).map((one) => String(one.deviceId));
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
