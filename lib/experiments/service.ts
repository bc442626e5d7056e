import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { accept, refuse, type Result } from "../result.ts";
import { Folders, type OpenFile, type OutputFile } from "./folders.ts";
import {
  type Experiment,
  type ExperimentAsk,
  isTerminal,
  RUN_FILES,
  type ScriptKind,
  type SubmitRefusal,
} from "./model.ts";
import { type AnnotateRefusal, type Annotation, Annotations } from "./annotations.ts";
import { type Estimate, Estimates } from "./estimates.ts";
import { type Imported, importQueue } from "./import_queue.ts";
import { archiveOf } from "./archive.ts";
import { type DataAsk, type DataExport, type RunData, RunDataReader } from "./run_data.ts";
import { loadSamples, type Sample } from "./samples.ts";
import { Queue } from "./queue.ts";
import { displacedBy, runNow } from "./run_now.ts";
import {
  devicesOf,
  type OnTrouble,
  runActor,
  type RunDevices,
  type RunLocks,
  type RunTokens,
} from "./run_deps.ts";
import {
  followLog,
  type LogPiece,
  type LogRange,
  readLog,
  type StampedLine,
  stampedTail,
} from "./run_log.ts";
import { type RunnerOptions, Runners } from "./runners.ts";
import type { SupervisorCommand } from "./run_handle.ts";
import { Retention } from "./retention.ts";
import { type Prepared, prepareSubmission, type Submitter } from "./submission.ts";
import {
  type ChangeRefusal,
  type Draft,
  ExperimentStore,
  type MoveRefusal,
  type Page,
  type Query,
} from "./store.ts";
import type { Change } from "./transitions.ts";

export interface ExperimentsOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly locks: RunLocks;
  readonly devices: RunDevices;
  readonly auth: RunTokens;
  /** The data folder, absolute. */
  readonly dir: string;
  /** Where the API listens, as this machine reaches it: `http://127.0.0.1:8000`. First asked by `begin`. */
  readonly apiUrl: () => string;
  readonly config: Config["experiments"];
  readonly diskFloorMb: number;
  /** Simulated seconds a second; scripts run by the same clock. */
  readonly timeScale?: () => number;
  /** How supervisors are started; default: this Deno, from source. */
  readonly supervisor?: SupervisorCommand;
  /** Folder of `clients/`; default: beside this source. */
  readonly clients?: string;
  /** Which Deno this is; default: the one running this. */
  readonly place?: Pick<RunnerOptions, "execPath" | "standalone">;
  /** How often a run's limits are looked at; default 1000. */
  readonly watchMs?: number;
  readonly onTrouble?: OnTrouble;
}

export interface Submitted {
  readonly experiment: Experiment;
  /** From 1 over waiting experiments, itself included. */
  readonly queuePosition: number;
  /** The same idempotency key had been used before; this is what it made then. */
  readonly repeated: boolean;
}

/** Most experiments that wait at all. */
const WAITING_MAX = 20_000;

/** Experiments: their queue, their runs, their results. */
export class Experiments {
  readonly #data: RunDataReader;
  readonly #retention: Retention;
  readonly #estimates: Estimates;
  readonly #annotations: Annotations;

  private constructor(
    private readonly o: ExperimentsOptions,
    private readonly store: ExperimentStore,
    private readonly folders: Folders,
    private readonly runners: Runners,
    private readonly waiting: Queue,
    private readonly places: { etc: string; clients: string; scratch: string },
  ) {
    this.#data = new RunDataReader(folders);
    const { clock, log, config } = o;
    const { retentionDays: days, retentionMb: filesMb, recordDays } = config;
    this.#retention = new Retention({ clock, log, store, folders, days, filesMb, recordDays });
    this.#estimates = new Estimates(store, clock, (one) => devicesOf(one, o.devices));
    this.#annotations = new Annotations(o.kv, clock);
  }

  /** Reads what is stored and takes up a run that goes on. Starts nothing before `begin`. */
  static async open(o: ExperimentsOptions): Promise<Experiments> {
    const store = await ExperimentStore.open(o.kv, o.clock, o.config.concurrency);
    const folders = new Folders(o.dir);
    const place = o.place ?? { execPath: Deno.execPath(), standalone: Deno.build.standalone };
    const places = {
      etc: join(o.dir, "sandbox", "etc"),
      clients: o.clients ?? fileURLToPath(new URL("../../clients", import.meta.url)),
      scratch: join(o.dir, "sandbox", "scratch"),
    };
    await Deno.mkdir(join(o.dir, "experiments"), { recursive: true });
    // What a check was looking at when the process ended.
    await Deno.remove(places.scratch, { recursive: true }).catch(() => {});
    const { python, deno, sandbox, runner, image, engine } = o.config;
    const runners = new Runners(
      { python, deno, sandbox, runner, image, engine, etc: places.etc, ...place },
      o.clock,
    );
    const queue = new Queue({
      kv: o.kv,
      clock: o.clock,
      log: o.log,
      store,
      folders,
      runners,
      locks: o.locks,
      devices: o.devices,
      tokens: o.auth,
      supervisor: o.supervisor ?? supervisorFromSource(place.execPath, o.dir),
      clients: places.clients,
      etc: places.etc,
      apiUrl: o.apiUrl,
      timeScale: o.timeScale ?? (() => 1),
      graceMs: o.config.killGraceMs,
      diskFloorMb: o.diskFloorMb,
      restoreMs: o.config.restoreSetpointsS * 1000,
      watchMs: o.watchMs ?? 1000,
      onTrouble: o.onTrouble ?? (() => {}),
    });
    await queue.takeUp();
    return new Experiments(o, store, folders, runners, queue, places);
  }

  /** The API listens at `apiUrl()`: the queue runs from now on. */
  async begin(): Promise<void> {
    await this.waiting.begin();
    this.#retention.begin();
  }

  /** Checks a script, stores it, and puts the experiment at the end of the queue. */
  async submit(
    ask: ExperimentAsk,
    by: Submitter,
  ): Promise<Result<Submitted, SubmitRefusal>> {
    const prepared = await this.#prepare(ask, by);
    if (!prepared.ok) return prepared;
    const limits = { active: this.o.config.activeLimit, waiting: WAITING_MAX };
    const added = await this.store.add(prepared.value.draft, limits, by.actor);
    if (!added.ok) return added;
    const { experiment, repeated } = added.value;
    if (repeated && !isSameRun(experiment, prepared.value.draft)) {
      const message = `was used for another experiment, number ${experiment.number}`;
      return refuse({ kind: "invalid-ask", errors: [{ path: "Idempotency-Key", message }] });
    }
    const queuePosition = this.store.live.position(experiment.id) ?? 1;
    this.waiting.wake();
    return accept({ experiment, queuePosition, repeated });
  }

  /** Everything a submission is checked for; nothing is queued or kept. */
  dryRun(ask: ExperimentAsk, by: Submitter): Promise<Result<Prepared, SubmitRefusal>> {
    return this.#prepare({ ...ask, dryRun: true }, by);
  }

  /** Takes over the original hub's `experiment_queue.json`, given as its text, whole or damaged. */
  async import(text: string, actor: string): Promise<Imported> {
    const config = { ...this.o.config, activeLimit: Infinity };
    const { store, folders } = this;
    const { clock } = this.o;
    const prepare = (ask: ExperimentAsk, by: Submitter) => this.#prepare(ask, by, config);
    const imported = await importQueue(text, actor, { store, folders, clock, prepare });
    this.waiting.wake();
    return imported;
  }

  #prepare(
    ask: ExperimentAsk,
    by: Submitter,
    config = this.o.config,
  ): Promise<Result<Prepared, SubmitRefusal>> {
    return prepareSubmission(ask, by, {
      ...this.o,
      config,
      active: this.store.live.activeOf(by.owner),
      runners: this.runners,
      folders: this.folders,
      places: this.places,
    });
  }

  /** What can run scripts here: `null` where it can, else why not. */
  async unavailable(kind: ScriptKind): Promise<string | null> {
    const found = await this.runners.available(kind);
    return found.ok ? null : found.refusal.text;
  }

  get(id: string): Promise<Experiment | null> {
    return this.store.get(id);
  }
  byNumber(number: number): Promise<Experiment | null> {
    return this.store.byNumber(number);
  }
  /** Newest first. */
  list(query: Query): Promise<Page> {
    return this.store.list(query);
  }
  /** Those that wait, foremost first, paused ones included. */
  queue(): Promise<Experiment[]> {
    return Promise.resolve(this.store.live.waiting());
  }
  /** A page of them: at most `limit` behind `cursor`, the `next` of the page before. */
  queuePage(
    limit: number,
    cursor?: string,
  ): { experiments: Experiment[]; next: string | null } {
    return this.store.live.waitingPage(cursor ?? null, limit);
  }
  /** The first of those that run: the only one, unless the configuration lets several. */
  running(): Experiment | null {
    return this.store.live.running();
  }
  /** All that run, in the order of their numbers. */
  runs(): Experiment[] {
    return this.store.live.runs();
  }
  /** How many may run at the same time. */
  get concurrency(): number {
    return this.store.concurrency;
  }
  /** Those that would be ended if this one were run now. */
  displacedBy(experiment: Experiment): Experiment[] {
    return displacedBy(this.store, experiment, (one) => this.#inItsWay(one));
  }
  /** From 1 over waiting experiments, `null` when it does not wait. */
  position(id: string): number | null {
    return this.store.live.position(id);
  }
  /** How many wait, paused ones included. */
  waitingCount(): number {
    return this.store.live.waitingCount();
  }
  queueVersion(): number {
    return this.store.live.queueVersion();
  }
  /** When these can be expected to start, and when what runs ends, by id; see `Estimates`. */
  estimates(
    shown: readonly Pick<Experiment, "id">[] = this.store.live.waiting(),
  ): Promise<Record<string, Estimate>> {
    return this.#estimates.ofQueue(this.obstacle() !== null, shown);
  }
  /** Why the first in the queue is not started, or `null`. */
  obstacle(): string | null {
    return this.store.live.firstQueued() === null ? null : this.waiting.obstacle();
  }

  /** Ends it wherever it stands. A running one is `stopping` until its script and all it started are gone. */
  async cancel(
    id: string,
    actor: string,
    reason: string,
  ): Promise<Result<Experiment, ChangeRefusal>> {
    const text = reason.trim() === "" ? "cancelled" : reason.trim().slice(0, 500);
    const changed = await this.#change(id, { kind: "cancel", text }, actor);
    if (changed.ok) this.waiting.stopRun(id);
    return changed;
  }
  /** A waiting one keeps its place and is passed over; one that runs is held. */
  pause(id: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    return this.store.live.run(id) !== null
      ? this.hold(id, actor, "")
      : this.#change(id, { kind: "pause" }, actor);
  }
  /** The opposite of `pause`: one that is held is released. */
  resume(id: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    return this.store.live.run(id) !== null
      ? this.release(id, actor)
      : this.#change(id, { kind: "resume" }, actor);
  }
  /**
   * Brings a running one's devices to their hold state and refuses its script's commands from now on; the
   * script goes on, and is told when it asks.
   */
  async hold(
    id: string,
    actor: string,
    reason: string,
  ): Promise<Result<Experiment, ChangeRefusal>> {
    const change = { kind: "hold", text: reason.trim().slice(0, 500) } as const;
    const held = await this.#change(id, change, actor);
    if (held.ok) this.waiting.holdRun(id);
    return held;
  }
  /**
   * A held one may drive its devices again. They stand where the hold put them until its script sets them. One
   * whose devices were taken gets them back first, and stays held where it does not.
   */
  async release(id: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    // Its first command must not be overtaken by the hold's last one.
    const regained = await this.waiting.regain(id);
    if (!regained.ok) return regained;
    const released = await this.#change(id, { kind: "release" }, actor);
    if (released.ok) this.waiting.releaseRun(id);
    return released;
  }
  /** Its script has asked how it stands; one that is held knows it now. */
  async scriptAsked(experiment: Experiment): Promise<Experiment> {
    if (experiment.state !== "holding" || experiment.holdAcknowledgedAtMs !== null) {
      return experiment;
    }
    const { id } = experiment;
    const known = await this.#change(id, { kind: "acknowledge" }, runActor(id));
    return known.ok ? known.value : await this.store.get(id) ?? experiment;
  }
  /** Whether this actor is a run that is held, so that its commands are refused. */
  isHeld(actor: string): boolean {
    return this.store.live.runs().some(({ id, state }) =>
      state === "holding" && runActor(id) === actor
    );
  }
  /**
   * The locks of `actor` were taken from it. A run that drives devices is held, and brings them to their hold
   * state; `false`: it is none, and its devices are whoever told us's to bring to safe.
   */
  leaseLost(actor: string): boolean {
    return this.waiting.leaseLost(actor);
  }
  /** To `position` (from 1, clamped) of those that wait; with `version`, only in the queue the caller saw. */
  async move(
    id: string,
    position: number,
    actor: string,
    version?: number,
  ): Promise<Result<Experiment, MoveRefusal>> {
    const moved = await this.store.move(id, position, actor, version);
    this.waiting.wake();
    return moved;
  }
  /**
   * To the front, and what runs now is ended for it: cancelled, or with `requeue` run again after it. Its
   * owner is told by an event.
   */
  async runNow(
    id: string,
    actor: string,
    reason: string,
    o: { requeue?: boolean; mayDisplace?: (running: Experiment) => boolean } = {},
  ): Promise<Result<Experiment, ChangeRefusal | MoveRefusal>> {
    const begun = await runNow(this.store, id, {
      actor,
      reason,
      ...o,
      inItsWay: (one) => this.#inItsWay(one),
    });
    if (begun.ok) {
      for (const displaced of begun.value.displaced) {
        this.waiting.stopRun(displaced);
      }
    }
    this.waiting.wake();
    return begun.ok ? accept(begun.value.experiment) : begun;
  }
  /** Forgets an ended one, its files included. */
  async remove(id: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    const removed = await this.store.remove(id, actor);
    if (removed.ok) await this.folders.removeRun(id);
    return removed;
  }
  /** What the script says it is doing; empty: nothing any more. Only while it runs. */
  setPhase(id: string, phase: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    return this.store.annotate(id, { phase: phase === "" ? null : phase }, actor, {
      type: "experiment.phase",
      text: phase === "" ? "no phase any more" : `phase: ${phase}`,
    });
  }
  /** A line in the event list, from the script or about it. Only while it runs. */
  note(id: string, text: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    return this.store.annotate(id, {}, actor, { type: "experiment.note", text });
  }

  /** What people noted about it, in the order of the moments. */
  annotations(id: string): Promise<Annotation[]> {
    return this.#annotations.list(id);
  }
  /** Notes something at a moment of it: default now, and not before its submission. */
  annotate(
    id: string,
    given: { atMs?: number; text: string },
    actor: string,
  ): Promise<Result<Annotation, AnnotateRefusal>> {
    return this.#annotations.add(id, given, actor);
  }

  log(id: string, range: LogRange): LogPiece {
    return readLog(this.folders, id, range);
  }
  /** The last lines, each with the time it arrived. */
  logLines(id: string, tail: number): StampedLine[] {
    return stampedTail(this.folders, id, tail);
  }
  /** The log from byte `from` as it grows, to the run's end or the signal's. */
  logStream(id: string, signal: AbortSignal, from = 0): AsyncGenerator<LogPiece> {
    const ended = async () => {
      const experiment = await this.store.get(id);
      return experiment === null || isTerminal(experiment.state);
    };
    return followLog(this.folders, id, this.o.clock, { from, ended, signal });
  }
  /** The log as a file, open; `null` before the run has written anything. */
  logFile(id: string): OpenFile | null {
    return this.folders.openOwn(id, RUN_FILES.log);
  }
  /** The script's files, while it runs too. */
  files(id: string): Promise<OutputFile[]> {
    return this.folders.files(id);
  }
  /** Whether anything of its run is still kept; retention removes all of it at once. */
  hasFolder(id: string): Promise<boolean> {
    return this.folders.hasRun(id);
  }
  /** One of them, open; `null` when there is no such file. */
  file(id: string, path: string): OpenFile | null {
    return this.folders.openOutput(id, path);
  }
  /** The script's files, the script, the log and a manifest as a ZIP, packed while it is read. */
  async archive(experiment: Experiment): Promise<ReadableStream<Uint8Array>> {
    const script = await this.script(experiment);
    const annotations = await this.annotations(experiment.id);
    return archiveOf(experiment, this.folders, script, this.o.clock.nowMs(), annotations);
  }
  /** The numbers of its CSV; `null` while it has none. */
  data(id: string, ask: DataAsk = {}): Promise<RunData | null> {
    return this.#data.read(id, ask);
  }
  /** The numbers of its CSV, all rows asked for, in blocks; `null` while it has none. */
  dataBlocks(id: string, ask: DataAsk = {}): Promise<DataExport | null> {
    return this.#data.export(id, ask);
  }
  /** The scripts that ship with Holdfast. */
  samples(): Promise<Sample[]> {
    return loadSamples(join(this.places.clients, "examples"));
  }
  /** The script as it was submitted, or `null` when it is no longer kept. */
  async script(experiment: Pick<Experiment, "scriptSha256" | "kind">): Promise<string | null> {
    try {
      return await this.folders.readScript(experiment);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }

  /** Calls `listener` with the whole experiment after each durable change. Listeners must not throw or wait. */
  onChange(listener: (experiment: Experiment) => void): () => void {
    return this.store.onChange(listener);
  }

  /** Resolves when it is over, or when `waitMs` have passed. */
  whenEnded(id: string, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        cancel();
        stop();
        resolve();
      };
      const cancel = this.o.clock.timer(waitMs, done);
      const stop = this.onChange((changed) => {
        if (changed.id === id && isTerminal(changed.state)) done();
      });
      // It may have ended before anybody listened.
      this.store.get(id).then((found) => {
        if (found === null || isTerminal(found.state)) done();
      }, reject);
    });
  }

  /** Leaves a running script alive: the next runtime takes it up. */
  async close(): Promise<void> {
    this.#retention.close();
    await this.waiting.close();
  }

  #inItsWay(experiment: Experiment): Experiment[] {
    const { devices } = this.o;
    const wants = new Set(devicesOf(experiment, devices));
    return this.store.live.runs().filter((run) =>
      devicesOf(run, devices).some((id) => wants.has(id))
    );
  }

  async #change(
    id: string,
    change: Change,
    actor: string,
  ): Promise<Result<Experiment, ChangeRefusal>> {
    const changed = await this.store.change(id, change, actor);
    this.waiting.wake();
    return changed;
  }
}

/**
 * A supervisor started by the Deno that runs this, without looking at the network. Its cache is our own:
 * a service may have no home.
 */
function supervisorFromSource(execPath: string, dir: string): SupervisorCommand {
  const module = fileURLToPath(new URL("../../agents/run_supervisor.ts", import.meta.url));
  return {
    command: [execPath, "run", "-A", "--no-remote", "--cached-only", "--quiet", module],
    env: {
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      DENO_DIR: join(dir, "sandbox", "deno"),
    },
  };
}

/** Whether a repeated submission asks for what the first one did; a key that was used twice by mistake does not. */
function isSameRun(
  first: Experiment,
  { holdState = {}, parameters = {}, ...again }: Draft,
): boolean {
  const asked = ({ scriptSha256, kind, devices, limits, endState, onInterrupt }: Draft) => ({
    ...{ scriptSha256, kind, devices, limits, endState, onInterrupt },
  });
  return isDeepStrictEqual(
    { ...asked(again), holdState, parameters },
    { ...asked(first as Draft), holdState: first.holdState, parameters: first.parameters },
  );
}
