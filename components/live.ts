import { type Signal, signal } from "@preact/signals";
import { IS_BROWSER } from "fresh/runtime";
import type { Alarm } from "../lib/alarms/model.ts";
import type { DeviceState, Holder, Reading } from "../lib/devices/model.ts";
import type { Experiment } from "../lib/experiments/model.ts";

/**
 * The page's one connection to the instrument: every island reads these signals, and a page holds one
 * EventSource however many islands it has.
 */

/** `waiting` before the first answer, `live`, or `lost` while reconnecting. */
export const link = signal<"waiting" | "live" | "lost">("waiting");
/** When the last message of any kind came, by this browser's clock. */
export const lastHeardAtMs = signal(0);
/** How far the instrument's clock is ahead of this browser's. */
export const clockAheadMs = signal(0);
/** Ticks once a second while the page is seen, so that ages count up. */
export const tick = signal(IS_BROWSER ? Date.now() : 0);

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
const onExperiment = new Set<Listener<Experiment>>();
const onAlarm = new Set<Listener<Alarm>>();
const onReadings = new Set<Listener<Reading[]>>();

function listen<T>(set: Set<Listener<T>>, listener: Listener<T>): () => void {
  connect();
  set.add(listener);
  return () => set.delete(listener);
}
export const hearEvents = (listener: Listener<LiveEvent>) => listen(onEvent, listener);
export const hearExperiments = (listener: Listener<Experiment>) => listen(onExperiment, listener);
export const hearAlarms = (listener: Listener<Alarm>) => listen(onAlarm, listener);
export const hearReadings = (listener: Listener<Reading[]>) => listen(onReadings, listener);

let source: EventSource | null = null;

/** Opens the stream once; safe to call from every island. */
export function connect(): void {
  if (!IS_BROWSER || source !== null) return;
  source = new EventSource("/api/v1/stream");
  source.onerror = () => {
    link.value = "lost";
    // A refused stream (server gone, login over) is closed for good: open a new one after a pause.
    if (source?.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(connect, 3000);
    }
  };
  on(source, "hello", (data: { nowMs: number; readings: Reading[]; devices: LiveDevice[] }) => {
    clockAheadMs.value = data.nowMs - Date.now();
    for (const reading of data.readings) take(reading);
    for (const device of data.devices) deviceOf(device.deviceId).value = device;
  });
  on(source, "readings", (data: { readings: Reading[] }) => {
    for (const reading of data.readings) take(reading);
    for (const listener of onReadings) listener(data.readings);
  });
  on(source, "device", (data: LiveDevice) => {
    deviceOf(data.deviceId).value = data;
  });
  on(
    source,
    "experiment",
    (data: Experiment) => onExperiment.forEach((listener) => listener(data)),
  );
  on(source, "alarm", (data: Alarm) => onAlarm.forEach((listener) => listener(data)));
  on(source, "event", (data: LiveEvent) => onEvent.forEach((listener) => listener(data)));
  setInterval(() => {
    tick.value = Date.now();
    // Three missed heartbeats: the connection hangs without having broken.
    if (link.value === "live" && tick.value - lastHeardAtMs.value > 20_000) link.value = "lost";
  }, 1000);
}

function take(reading: Reading): void {
  readingOf(reading.deviceId, reading.channel).value = reading;
}

function on<T>(from: EventSource, name: string, act: (data: T) => void): void {
  from.addEventListener(name, (message) => {
    lastHeardAtMs.value = Date.now();
    link.value = "live";
    act(JSON.parse((message as MessageEvent<string>).data));
  });
}
