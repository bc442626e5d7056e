import { type Clock, delay } from "../clock.ts";
import type { DeviceView, Reading } from "../devices/model.ts";
import type { EventDelivery, HoldfastEvent } from "../events.ts";
import type { Log } from "../log.ts";
import { Problem } from "../problem.ts";
import { type Hello, type LiveDevice, Topic } from "./model.ts";
import { eventBytes, type LogReader, oneAtATime, replay } from "./replay.ts";
import type { StreamSources } from "./stream_sources.ts";
import { sseEvent, sseOpening, ssePing } from "./sse.ts";
import { type Filter, Viewer } from "./viewer.ts";

export interface StreamOptions {
  /** Viewers at once; one more is refused with `too-many-viewers`. */
  readonly viewersMax: number;
  /** Bytes that may wait for one viewer. Waiting chunks are shared, so many slow viewers cost little more. */
  readonly bufferBytes: number;
  readonly heartbeatMs: number;
  /** Readings go out at most this often; of a channel that is quicker, the newest. */
  readonly readingsEveryMs: number;
  /** Missed events replayed to one viewer; who missed more is told to load anew. */
  readonly replayMax: number;
}

const DEFAULTS: StreamOptions = {
  viewersMax: 1000,
  bufferBytes: 256 * 1024,
  heartbeatMs: 15_000,
  readingsEveryMs: 100,
  replayMax: 10_000,
};

/** Pause before the event log is asked again after it failed. */
const RESUBSCRIBE_MS = 5000;

/** What a viewer asks for when it opens the stream. */
export interface StreamAsk {
  /** Empty: all topics. */
  readonly topics: readonly Topic[];
  /** Empty: all devices. Other topics than readings and devices are not filtered by it. */
  readonly devices: readonly string[];
  /** Number of the last event it has seen, when it comes back. */
  readonly lastEventId: number | null;
  readonly actor: string;
}

export interface StreamStatus {
  readonly viewers: number;
  /** Different filters among them: how often each message is encoded. */
  readonly filters: number;
  /** Chunks handed to viewers since the start. */
  readonly deliveries: number;
  /** Viewers dropped because they were too slow. */
  readonly dropped: number;
}

/** Viewers with the same filter. */
interface Class {
  readonly filter: Filter;
  readonly viewers: Set<Viewer>;
  /** Until something changes, newcomers of the same moment get the same snapshot. */
  hello: Snapshot | null;
}

interface Snapshot {
  readonly bytes: Uint8Array;
  readonly seq: number;
  readonly madeAtMs: number;
}

/**
 * One event stream for everything that moves. Each message is encoded once for all viewers with the same
 * filter; a viewer that cannot keep up is dropped and comes back by itself. Messages carry whole states,
 * so that only the event log needs replaying: `id:` is the number of a log entry.
 */
export class LiveStream {
  readonly #options: StreamOptions;
  readonly #classes = new Map<string, Class>();
  readonly #unsubscribe: (() => void)[];
  #subscription: AsyncIterableIterator<EventDelivery> & Disposable;
  /** Newest event handed to viewers that are not replaying. */
  #liveSeq: number;
  #viewers = 0;
  #deliveries = 0;
  #dropped = 0;
  #pending = new Map<string, Reading>();
  #cancelFlush: (() => void) | null = null;
  #flushedAtMs = -Infinity;
  #cancelPing: (() => void) | null = null;
  #newlyHeld = new Set<string>();
  #cancelHeld: (() => void) | null = null;
  readonly #closing = new AbortController();
  /** The log for those who missed much: one reads at a time, so that hundreds hold up nobody else. */
  readonly #patient: LogReader;

  constructor(
    private readonly sources: StreamSources,
    private readonly clock: Clock,
    private readonly log: Log,
    options: Partial<StreamOptions> = {},
  ) {
    this.#options = { ...DEFAULTS, ...options };
    this.#patient = oneAtATime(sources.events);
    this.#liveSeq = sources.seq();
    this.#subscription = this.#subscribe();
    this.#unsubscribe = [
      sources.onReadings((readings) => this.#takeReadings(readings)),
      sources.onDevice((view) => {
        this.#publishDevice(view);
        // Nothing new was measured, so nobody else would tell viewers that a number is stale now.
        this.#takeReadings(view.readings.filter(({ quality }) => quality === "stale"));
      }),
      sources.onExperiment((e) =>
        this.#publish("experiments", "experiment", () => JSON.stringify(e))
      ),
      sources.onAlarm((alarm) => this.#publish("alarms", "alarm", () => JSON.stringify(alarm))),
    ];
    this.#follow();
  }

  /**
   * Opens a stream: `hello`, then missed events if it comes back, then everything as it happens.
   *
   * @throws {Problem} `too-many-viewers` when `viewersMax` are connected, `store-unavailable` when closed.
   */
  open(ask: StreamAsk): Response {
    if (this.#closed) throw new Problem("store-unavailable", "The instrument is closing");
    if (this.#viewers >= this.#options.viewersMax) {
      throw new Problem(
        "too-many-viewers",
        `${this.#viewers} viewers are connected, and "stream.viewersMax" allows no more`,
        { retryAfterS: 10 },
      );
    }
    const shared = this.#classOf(ask);
    const viewer = new Viewer(
      shared.filter,
      ask.actor,
      this.clock,
      this.#options.bufferBytes,
      (gone) => this.#forget(shared, gone),
    );
    shared.viewers.add(viewer);
    this.#viewers++;
    this.#armPing();
    this.#greet(viewer, shared, ask.lastEventId);
    return new Response(viewer.stream, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // Else nginx gathers small chunks before it passes them on.
        "x-accel-buffering": "no",
      },
    });
  }

  /** Ends the streams of everyone `matches` accepts, such as the owner of a token that was revoked. */
  disconnect(matches: (actor: string) => boolean): void {
    for (const viewer of this.#all()) {
      if (matches(viewer.actor)) viewer.end("bye", { reason: "access" });
    }
  }

  status(): StreamStatus {
    return {
      viewers: this.#viewers,
      filters: this.#classes.size,
      deliveries: this.#deliveries,
      dropped: this.#dropped,
    };
  }

  /** Says goodbye to everyone and lets go of the sources. */
  close(): void {
    if (this.#closed) return;
    this.#closing.abort();
    for (const stop of this.#unsubscribe) stop();
    this.#subscription[Symbol.dispose]();
    this.#cancelFlush?.();
    this.#cancelHeld?.();
    for (const viewer of this.#all()) viewer.end("bye", { reason: "closing" });
    this.#cancelPing?.();
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  #all(): Viewer[] {
    return [...this.#classes.values()].flatMap(({ viewers }) => [...viewers]);
  }

  #classOf({ topics, devices }: StreamAsk): Class {
    const wanted = topics.length === 0
      ? Topic.options
      : Topic.options.filter((t) => topics.includes(t));
    const ids = [...new Set(devices)].sort();
    const key = JSON.stringify([wanted, ids]);
    let shared = this.#classes.get(key);
    if (shared === undefined) {
      const filter = { topics: new Set(wanted), devices: ids.length === 0 ? null : new Set(ids) };
      this.#classes.set(key, shared = { filter, viewers: new Set(), hello: null });
    }
    return shared;
  }

  #forget(shared: Class, viewer: Viewer): void {
    if (!shared.viewers.delete(viewer)) return;
    this.#viewers--;
    if (shared.viewers.size > 0) return;
    for (const [key, one] of this.#classes) if (one === shared) this.#classes.delete(key);
  }

  #greet(viewer: Viewer, shared: Class, lastEventId: number | null): void {
    const wantsEvents = shared.filter.topics.has("events");
    const { bytes, seq } = shared.hello = this.#fresh(shared.hello) ?? this.#hello(shared.filter);
    // Spread out, or all viewers of an instrument that restarts would come back in the same moment.
    const retryMs = 1000 + Math.floor(Math.random() * 2000);
    const isNew = lastEventId === null;
    viewer.send(sseOpening(retryMs, wantsEvents && isNew ? seq : undefined));
    viewer.send(bytes);
    viewer.afterSeq = seq;
    if (wantsEvents && !isNew) {
      viewer.afterSeq = lastEventId;
      viewer.replaying = true;
      const source = {
        events: this.#patient,
        seq: () => this.sources.seq(),
        liveSeq: () => this.#liveSeq,
        most: this.#options.replayMax,
      };
      replay(viewer, source).catch((error) => {
        this.log.error("stream: cannot replay events", { error });
        viewer.end("bye", { reason: "replay" });
      });
    }
  }

  /** A snapshot that still tells the time of day and the age of its readings. */
  #fresh(snapshot: Snapshot | null): Snapshot | null {
    const ageMs = this.clock.monotonicMs() - (snapshot?.madeAtMs ?? -Infinity);
    return ageMs < this.#options.readingsEveryMs ? snapshot : null;
  }

  #hello({ topics, devices }: Filter): Snapshot {
    const views = this.sources.devices()
      .filter(({ capability }) => devices === null || devices.has(capability.deviceId));
    const hello: Hello = {
      nowMs: this.clock.nowMs(),
      seq: this.sources.seq(),
      readings: topics.has("readings") ? views.flatMap((view) => view.readings) : [],
      devices: topics.has("devices") ? views.map(liveDevice) : [],
      alarms: topics.has("alarms") ? [...this.sources.alarms()] : [],
    };
    const bytes = sseEvent("hello", JSON.stringify(hello));
    return { bytes, seq: hello.seq, madeAtMs: this.clock.monotonicMs() };
  }

  /** Hands every event of the log to the viewers that want events, in order, once. */
  async #follow(): Promise<void> {
    while (!this.#closed) {
      try {
        for await (const delivery of this.#subscription) {
          if (delivery.kind === "event") this.#publishEvent(delivery.event);
          else await this.#catchUp();
        }
        if (this.#closed) return;
        this.log.warn("stream: the event log ended its subscription");
      } catch (error) {
        if (this.#closed) return;
        this.log.error("stream: the event log does not answer", { error });
      }
      await delay(this.clock, RESUBSCRIBE_MS, this.#closing.signal).catch(() => {});
      if (!this.#closed) this.#subscription = this.#subscribe();
    }
  }

  #subscribe(): AsyncIterableIterator<EventDelivery> & Disposable {
    return this.sources.events.subscribe({ afterSeq: this.#liveSeq });
  }

  /** After the log dropped this subscription for being slow: the rest is read from the log. */
  async #catchUp(): Promise<void> {
    for (;;) {
      const missed = await this.sources.events.read({ afterSeq: this.#liveSeq, limit: 500 });
      if (missed.length === 0) return;
      for (const event of missed) this.#publishEvent(event);
    }
  }

  #publishEvent(event: HoldfastEvent): void {
    if (event.seq <= this.#liveSeq) return;
    this.#liveSeq = event.seq;
    if (this.#classes.size === 0) return;
    if (event.type.startsWith("lock.")) this.#holderChanged(event.subject);
    let bytes: Uint8Array | undefined;
    for (const shared of this.#classes.values()) {
      shared.hello = null;
      if (!shared.filter.topics.has("events")) continue;
      for (const viewer of shared.viewers) {
        if (viewer.replaying || viewer.afterSeq >= event.seq) continue;
        viewer.afterSeq = event.seq;
        this.#deliver(viewer, bytes ??= eventBytes(event));
      }
    }
  }

  /** Sends the device with its new holder, as soon as whoever made the change has finished with it. */
  #holderChanged(deviceId: string): void {
    this.#newlyHeld.add(deviceId);
    this.#cancelHeld ??= this.clock.timer(0, () => {
      this.#cancelHeld = null;
      for (const view of this.sources.devices()) {
        if (this.#newlyHeld.has(view.capability.deviceId)) this.#publishDevice(view);
      }
      this.#newlyHeld.clear();
    });
  }

  #publishDevice(view: DeviceView): void {
    const device = liveDevice(view);
    this.#publish("devices", "device", () => JSON.stringify(device), device.deviceId);
  }

  #publish(topic: Topic, name: string, json: () => string, deviceId?: string): void {
    let bytes: Uint8Array | undefined;
    for (const shared of this.#classes.values()) {
      shared.hello = null;
      const { topics, devices } = shared.filter;
      if (!topics.has(topic)) continue;
      if (deviceId !== undefined && devices !== null && !devices.has(deviceId)) continue;
      bytes ??= sseEvent(name, json());
      for (const viewer of shared.viewers) this.#deliver(viewer, bytes);
    }
  }

  #takeReadings(readings: readonly Reading[]): void {
    if (this.#viewers === 0) return;
    for (const reading of readings) {
      this.#pending.set(`${reading.deviceId}.${reading.channel}`, reading);
    }
    if (this.#cancelFlush !== null || this.#pending.size === 0) return;
    const sinceMs = this.clock.monotonicMs() - this.#flushedAtMs;
    const waitMs = Math.max(0, this.#options.readingsEveryMs - sinceMs);
    this.#cancelFlush = this.clock.timer(waitMs, () => this.#flushReadings());
  }

  #flushReadings(): void {
    this.#cancelFlush = null;
    this.#flushedAtMs = this.clock.monotonicMs();
    const encoded = Array.from(
      this.#pending.values(),
      (reading) => [reading.deviceId, JSON.stringify(reading)] as const,
    );
    this.#pending.clear();
    for (const shared of this.#classes.values()) {
      shared.hello = null;
      const { topics, devices } = shared.filter;
      if (!topics.has("readings")) continue;
      const own = encoded.filter(([id]) => devices === null || devices.has(id));
      if (own.length === 0) continue;
      const bytes = sseEvent("readings", `{"readings":[${own.map(([, json]) => json).join()}]}`);
      for (const viewer of shared.viewers) this.#deliver(viewer, bytes);
    }
  }

  #deliver(viewer: Viewer, bytes: Uint8Array): void {
    const outcome = viewer.send(bytes);
    if (outcome === "sent") this.#deliveries++;
    else if (outcome === "dropped") this.#dropped++;
  }

  #armPing(): void {
    if (this.#cancelPing !== null) return;
    this.#cancelPing = this.clock.timer(this.#options.heartbeatMs, () => {
      this.#cancelPing = null;
      const bytes = ssePing(this.clock.nowMs());
      for (const viewer of this.#all()) this.#deliver(viewer, bytes);
      if (this.#viewers > 0) this.#armPing();
    });
  }
}

function liveDevice({ capability, state, holder }: DeviceView): LiveDevice {
  return { deviceId: capability.deviceId, state, holder };
}
