import { type Signal, signal } from "@preact/signals";
import { IS_BROWSER } from "fresh/runtime";
import type { Alarm } from "../lib/alarms/model.ts";
import type { DeviceState, Holder, Reading } from "../lib/devices/model.ts";
import type { InstrumentStatus } from "../lib/instrument/model.ts";
import type { Hello } from "../lib/telemetry/model.ts";
import type { PageClock } from "./clock.ts";
import type { ShownExperiment } from "./experiments.ts";

/**
 * The page's one connection to the instrument: every island reads these signals, and a page holds one
 * EventSource however many islands it has. A page nobody sees holds none: browsers allow six connections
 * to one host over all tabs, and a seventh tab's STOP must get through.
 */

/** `waiting` before the first answer, `live`, or `lost` while reconnecting. */
export const link = signal<"waiting" | "live" | "lost">("waiting");
/** When the last message of any kind came, by this browser's clock. */
export const lastHeardAtMs = signal(0);
/** How far the instrument's clock is ahead of this browser's. */
export const clockAheadMs = signal(0);
/** Ticks once a second while the page is seen, so that ages count up. */
export const tick = signal(0);
/** The instrument as the top bar shows it; `null` until it was asked. */
export const status = signal<InstrumentStatus | null>(null);
/** Alarms that stand or that nobody has seen; `null` before the first `hello`. */
export const alarms = signal<readonly Alarm[] | null>(null);

/** The instrument's time: the page's own until the stream has told it. Reads a signal, once a second. */
export function instrumentNow(clock: PageClock): number {
  return tick.value === 0 ? clock.nowMs : tick.value + clockAheadMs.value;
}

export interface LiveDevice {
  deviceId: string;
  state: DeviceState;
  holder: Holder | null;
}

const readings = new Map<string, Signal<Reading | null>>();
const devices = new Map<string, Signal<LiveDevice | null>>();

/** The latest reading of one channel; the same signal for every asker. */
export function readingOf(deviceId: string, channel: string): Signal<Reading | null> {
  return entry(readings, `${deviceId}.${channel}`);
}

export function deviceOf(deviceId: string): Signal<LiveDevice | null> {
  return entry(devices, deviceId);
}

function entry<T>(map: Map<string, Signal<T | null>>, key: string): Signal<T | null> {
  // A server renders for everybody and hears nothing: it keeps no signal.
  if (!IS_BROWSER) return signal<T | null>(null);
  let found = map.get(key);
  if (found === undefined) map.set(key, found = signal<T | null>(null));
  return found;
}

/** One event of the log as the stream carries it. */
export interface LiveEvent {
  seq: number;
  atMs: number;
  type: string;
  subject: string;
  actor: string;
  text: string;
  data: Record<string, unknown>;
}

type Listener<T> = (value: T) => void;
const onEvent = new Set<Listener<LiveEvent>>();
const onExperiment = new Set<Listener<ShownExperiment>>();
const onReadings = new Set<Listener<Reading[]>>();
const onHello = new Set<Listener<Hello>>();

function listen<T>(set: Set<Listener<T>>, listener: Listener<T>): () => void {
  connect();
  set.add(listener);
  return () => set.delete(listener);
}
export const hearEvents = (listener: Listener<LiveEvent>) => listen(onEvent, listener);
export const hearExperiments = (listener: Listener<ShownExperiment>) =>
  listen(onExperiment, listener);
export const hearReadings = (listener: Listener<Reading[]>) => listen(onReadings, listener);
/** At each connection: what the stream does not replay has to be asked for again. */
export const hearHello = (listener: Listener<Hello>) => listen(onHello, listener);

/** Three missed heartbeats would be 45 s; one and a little is long enough to say so. */
const SILENCE_MAX_MS = 20_000;
/** A tab that is only passed by keeps its connection. */
const HIDDEN_GRACE_MS = 2000;
const RETRY_MS = 3000;

let source: EventSource | null = null;
let started = false;
let lastSeq: number | null = null;
let openedAtMs = 0;

/** Opens the stream once; safe to call from every island. */
export function connect(): void {
  if (!IS_BROWSER || started) return;
  started = true;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, HIDDEN_GRACE_MS);
    else {
      tick.value = Date.now();
      if (source === null) open();
    }
  });
  // A page kept for the back button must not hold a connection either.
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => {
    if (source === null && !document.hidden) open();
  });
  setInterval(beat, 1000);
  tick.value = Date.now();
  if (!document.hidden) open();
}

function beat(): void {
  if (document.hidden) return;
  tick.value = Date.now();
  const silentMs = tick.value - Math.max(lastHeardAtMs.value, openedAtMs);
  if (source === null || silentMs <= SILENCE_MAX_MS) return;
  // It hangs without having broken: only a new connection can tell.
  link.value = "lost";
  close();
  open();
}

function close(): void {
  source?.close();
  source = null;
}

function open(): void {
  openedAtMs = Date.now();
  const own = new EventSource(
    lastSeq === null ? "/api/v1/stream" : `/api/v1/stream?lastEventId=${lastSeq}`,
  );
  source = own;
  own.onerror = () => {
    if (source !== own) return;
    link.value = "lost";
    // A refused stream (server gone, login over) is closed for good: open a new one after a pause.
    if (own.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(() => {
        if (source === null && !document.hidden) open();
      }, RETRY_MS);
    }
  };
  on(own, "hello", (hello: Hello) => {
    clockAheadMs.value = hello.nowMs - Date.now();
    lastSeq ??= hello.seq;
    for (const reading of hello.readings) take(reading);
    for (const device of hello.devices) deviceOf(device.deviceId).value = device;
    alarms.value = hello.alarms;
    refreshStatus();
    onHello.forEach((listener) => listener(hello));
  });
  on(own, "readings", ({ readings }: { readings: Reading[] }) => {
    for (const reading of readings) take(reading);
    onReadings.forEach((listener) => listener(readings));
  });
  on(own, "device", (device: LiveDevice) => {
    deviceOf(device.deviceId).value = device;
    if (status.value?.state === "starting") refreshStatus();
  });
  on(own, "experiment", (experiment: ShownExperiment) => {
    refreshStatus();
    onExperiment.forEach((listener) => listener(experiment));
  });
  on(own, "alarm", (alarm: Alarm) => {
    alarms.value = withAlarm(alarms.value ?? [], alarm);
    refreshStatus();
  });
  on(own, "event", hear);
  on(own, "reset", ({ seq }: { seq: number }) => {
    lastSeq = seq;
    catchUp();
  });
  on(own, "ping", () => {});
}

function hear(event: LiveEvent): void {
  lastSeq = Math.max(lastSeq ?? 0, event.seq);
  if (/^(instrument|lock|agent)\./.test(event.type)) refreshStatus();
  onEvent.forEach((listener) => listener(event));
}

/** More was missed than the stream replays: the newest events are enough for any list on a page. */
async function catchUp(): Promise<void> {
  const reply = await fetch("/api/v1/events?limit=200").catch(() => null);
  if (!reply?.ok) return;
  const { events } = await reply.json() as { events: LiveEvent[] };
  for (const event of events.toReversed()) onEvent.forEach((listener) => listener(event));
}

function take(reading: Reading): void {
  readingOf(reading.deviceId, reading.channel).value = reading;
}

/** Active alarms after one changed: gone once it is over and somebody has seen it. */
export function withAlarm(list: readonly Alarm[], changed: Alarm): Alarm[] {
  const others = list.filter(({ id }) => id !== changed.id);
  const closed = changed.clearedAtMs !== null && changed.acknowledgedBy !== null;
  return closed ? others : [...others, changed];
}

let asking = false;
let asked = false;

/** Asks for the instrument's status, once for a burst of reasons. */
async function refreshStatus(): Promise<void> {
  asked = true;
  if (asking) return;
  asking = true;
  while (asked) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    asked = false;
    const reply = await fetch("/api/v1/status").catch(() => null);
    if (reply?.ok) status.value = await reply.json();
  }
  asking = false;
}

function on<T>(from: EventSource, name: string, act: (data: T) => void): void {
  from.addEventListener(name, (message) => {
    lastHeardAtMs.value = Date.now();
    link.value = "live";
    act(JSON.parse((message as MessageEvent<string>).data));
  });
}
