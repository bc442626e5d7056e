import type { Alarm } from "../alarms/model.ts";
import type { Clock } from "../clock.ts";
import type { DeviceView, Reading } from "../devices/mod.ts";
import { type Experiment, type Experiments, holdsRun } from "../experiments/mod.ts";
import type { Log } from "../log.ts";
import { Problem } from "../problem.ts";
import { sseEvent, sseOpening, Viewer } from "../telemetry/mod.ts";
import { ACTUATORS, type Component, type ListedDevices, SENSORS } from "./node_components.ts";
import { stateReply } from "./node_states.ts";
import { Ring } from "./ring.ts";
import { naive, queueView } from "./run_words.ts";

type Reply = Record<string, unknown>;

/** What the stream tells of; each `on…` gives the function that takes the listener away. */
export interface FeedSources {
  readonly devices: ListedDevices & {
    onReadings(listener: (readings: Reading[]) => void): () => void;
    onState(listener: (view: DeviceView) => void): () => void;
  };
  readonly experiments: Pick<
    Experiments,
    "running" | "queue" | "onChange" | "log" | "logStream"
  >;
  readonly alarms: {
    active(): readonly Alarm[];
    onChange(listener: (alarm: Alarm) => void): () => void;
  };
  /** How often one sensor is told of, seconds; asked anew each time. */
  intervalS(): number;
}

export interface FeedOptions {
  readonly viewersMax: number;
  /** Bytes that may wait for one viewer. */
  readonly bufferBytes: number;
  /** What a viewer that comes back can be told again: at most so many bytes, so old. */
  readonly ringBytes: number;
  readonly ringMs: number;
  readonly heartbeatMs: number;
}

const DEFAULTS: FeedOptions = {
  viewersMax: 500,
  bufferBytes: 256 * 1024,
  ringBytes: 4 * 1_048_576,
  ringMs: 24 * 3_600_000,
  heartbeatMs: 15_000,
};
const PING = new TextEncoder().encode(": ping\n\n");
const QUEUE_SETTLES_MS = 200;
const QUEUE_SHOWN = 50;
/** Of a log that comes faster, only the end of each piece is told. */
const LOG_TEXT_MAX = 16_384;
const REPLAY_BATCH = 100;
const ALL = { topics: new Set<never>(), devices: null };

/**
 * `/api/live-data` as a stream: `reading` of each sensor, `state` of each actuator, `queue`, `log` of the
 * running experiment, `alert`. Each message is a whole state, made once for all viewers from what is
 * sampled anyway. Listens only from the first viewer until a day after the last.
 */
export class LiveFeed {
  readonly #options: FeedOptions;
  readonly #viewers = new Set<Viewer>();
  /** Those that have caught up. */
  readonly #live = new Set<Viewer>();
  readonly #ring: Ring;
  /** Of the newest message. Begins at the time of day, so that no restart gives a number twice. */
  #id: number;
  #stops: (() => void)[] = [];
  readonly #pending = new Set<Component>();
  #cancelReadings: (() => void) | null = null;
  #cancelQueue: (() => void) | null = null;
  #cancelPing: (() => void) | null = null;
  readonly #logs = new Map<string, AbortController>();
  #leftAtMs = 0;
  #closed = false;

  constructor(
    private readonly sources: FeedSources,
    private readonly clock: Clock,
    private readonly log: Log,
    options: Partial<FeedOptions> = {},
  ) {
    this.#options = { ...DEFAULTS, ...options };
    this.#ring = new Ring(this.#options.ringBytes, this.#options.ringMs);
    this.#id = clock.nowMs();
  }

  /**
   * Opens a stream: what was missed after `lastEventId` where that is still known, else everything as it
   * stands; then all as it happens.
   *
   * @throws {Problem} `too-many-viewers`, or `store-unavailable` when closed.
   */
  open({ lastEventId, actor }: { lastEventId: number | null; actor: string }): Response {
    if (this.#closed) throw new Problem("store-unavailable", "The instrument is closing");
    if (this.#viewers.size >= this.#options.viewersMax) {
      throw new Problem("too-many-viewers", `${this.#viewers.size} viewers are connected already`, {
        retryAfterS: 10,
      });
    }
    this.#start();
    const viewer = new Viewer(ALL, actor, this.clock, this.#options.bufferBytes, (gone) => {
      this.#viewers.delete(gone);
      this.#live.delete(gone);
      this.#leftAtMs = this.clock.monotonicMs();
    });
    this.#viewers.add(viewer);
    this.#armPing();
    const missed = lastEventId !== null && this.#ring.covers(lastEventId) ? lastEventId : null;
    viewer.send(sseOpening(3000, missed ?? this.#id));
    const greeted = missed === null ? this.#greet(viewer) : this.#replay(viewer, missed);
    greeted.catch((error) => {
      this.log.error("live data: a viewer could not be told how things stand", { error });
      viewer.end("bye", { reason: "failed" });
    });
    return new Response(viewer.stream, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    });
  }

  /** Ends the streams of everyone `matches` accepts, such as the owner of a token that was revoked. */
  disconnect(matches: (actor: string) => boolean): void {
    for (const viewer of [...this.#viewers]) {
      if (matches(viewer.actor)) viewer.end("bye", { reason: "access" });
    }
  }

  /** Says goodbye to everyone and lets go of the sources; twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#stop();
    for (const viewer of [...this.#viewers]) viewer.end("bye", { reason: "closing" });
    this.#cancelPing?.();
    this.#cancelPing = null;
  }

  #start(): void {
    if (this.#stops.length > 0) return;
    const { devices, experiments, alarms } = this.sources;
    this.#stops = [
      devices.onReadings((readings) => this.#takeReadings(readings)),
      devices.onState((view) => this.#takeState(view)),
      experiments.onChange((experiment) => this.#takeExperiment(experiment)),
      alarms.onChange((alarm) => this.#publish("alert", { ...alarm })),
    ];
    const running = experiments.running();
    if (running !== null) this.#follow(running.id, experiments.log(running.id, { tail: 1 }).to);
  }

  #stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#cancelReadings?.();
    this.#cancelQueue?.();
    this.#cancelReadings = this.#cancelQueue = null;
    for (const end of this.#logs.values()) end.abort();
    this.#logs.clear();
    this.#pending.clear();
    this.#ring.clear();
  }

  /** Everything as it stands. Messages of meanwhile are in the ring and come after it. */
  async #greet(viewer: Viewer): Promise<void> {
    const from = this.#id;
    const nowMs = this.clock.nowMs();
    const send = (name: string, data: Reply) => viewer.send(sseEvent(name, JSON.stringify(data)));
    for (const component of SENSORS) {
      const reply = this.#reply(component, nowMs);
      if (reply !== null) send("reading", reply);
    }
    for (const component of ACTUATORS) {
      const reply = this.#reply(component, nowMs);
      if (reply !== null) send("state", reply);
    }
    for (const alarm of this.sources.alarms.active()) send("alert", { ...alarm });
    send("queue", await queueView(this.sources.experiments, QUEUE_SHOWN));
    await this.#replay(viewer, from);
  }

  /** The last look at the ring and joining the others are one step, so nothing falls between the two. */
  async #replay(viewer: Viewer, afterId: number): Promise<void> {
    for (let at = afterId;;) {
      const missed = this.#ring.after(at, REPLAY_BATCH);
      if (missed.length === 0) break;
      // One that reads slower than the ring turns has lost something: it comes back for the whole state.
      if (missed[0]!.id !== at + 1) return viewer.end("dropped", { reason: "slow" });
      for (const { id, bytes } of missed) {
        viewer.send(bytes);
        at = id;
        await viewer.room();
        if (!viewer.open) return;
      }
    }
    if (viewer.open) this.#live.add(viewer);
  }

  #publish(name: string, data: Reply): void {
    const id = ++this.#id;
    const bytes = sseEvent(name, JSON.stringify(data), id);
    this.#ring.add({ id, atMs: this.clock.monotonicMs(), bytes });
    for (const viewer of [...this.#live]) viewer.send(bytes);
  }

  #reply(component: Component, nowMs: number): Reply | null {
    const reply = stateReply(this.sources.devices, component, nowMs);
    return reply === null ? null : { component, timestamp: naive(nowMs), ...reply };
  }

  #takeReadings(readings: readonly Reading[]): void {
    const views = new Map(
      this.sources.devices.list().map(({ capability }) => [capability.deviceId, capability]),
    );
    for (const { deviceId } of readings) {
      const component = SENSORS.find((one) => one === views.get(deviceId)?.component);
      if (component !== undefined) this.#pending.add(component);
    }
    if (this.#pending.size === 0) return;
    this.#cancelReadings ??= this.clock.timer(this.sources.intervalS() * 1000, () => {
      this.#cancelReadings = null;
      this.#flushReadings();
    });
  }

  #flushReadings(): void {
    const idleMs = this.clock.monotonicMs() - this.#leftAtMs;
    if (this.#viewers.size === 0 && idleMs > this.#options.ringMs) return this.#stop();
    for (const component of SENSORS) {
      if (!this.#pending.delete(component)) continue;
      const reply = this.#reply(component, this.clock.nowMs());
      if (reply !== null) this.#publish("reading", reply);
    }
  }

  #takeState({ capability }: DeviceView): void {
    const component = ACTUATORS.find((one) => one === capability.component);
    const reply = component === undefined ? null : this.#reply(component, this.clock.nowMs());
    if (reply !== null) this.#publish("state", reply);
  }

  #takeExperiment({ id, state }: Experiment): void {
    if (holdsRun(state) && !this.#logs.has(id)) this.#follow(id, 0);
    this.#cancelQueue ??= this.clock.timer(QUEUE_SETTLES_MS, () => {
      this.#cancelQueue = null;
      queueView(this.sources.experiments, QUEUE_SHOWN).then(
        (queue) => this.#stops.length > 0 && this.#publish("queue", queue),
        (error) => this.log.error("live data: cannot read the queue", { error }),
      );
    });
  }

  /** Tells the log of one run to its end. */
  #follow(id: string, from: number): void {
    const end = new AbortController();
    this.#logs.set(id, end);
    const tell = async () => {
      for await (const piece of this.sources.experiments.logStream(id, end.signal, from)) {
        if (end.signal.aborted) return;
        const text = piece.text.slice(-LOG_TEXT_MAX);
        this.#publish("log", {
          experiment_id: id,
          text,
          ...(text.length < piece.text.length ? { cut: true } : {}),
        });
      }
    };
    tell().catch((error) => {
      if (!end.signal.aborted) this.log.error("live data: cannot follow a log", { id, error });
    }).finally(() => {
      if (this.#logs.get(id) === end) this.#logs.delete(id);
    });
  }

  #armPing(): void {
    this.#cancelPing ??= this.clock.timer(this.#options.heartbeatMs, () => {
      this.#cancelPing = null;
      for (const viewer of [...this.#viewers]) viewer.send(PING);
      if (this.#viewers.size > 0) this.#armPing();
    });
  }
}
