import type { Reading } from "../devices/model.ts";
import { type ChannelEntry, QUALITIES, type Row, type TelemetryFile } from "./file.ts";
import type { StoredChannel } from "./model.ts";

/** A sample and whose it is. */
export type Sample = Row & { readonly entry: ChannelEntry };

/** A channel and what is known of it without asking the file. */
export interface Known {
  readonly entry: ChannelEntry;
  /** Of the sample that came last, which after a clock was set back need not be the newest. */
  lastAtMs: number | null;
  lastValue: number | null;
  lastQuality: number;
  /** Usual time between two samples. */
  periodMs: number | null;
}

/**
 * The channels the store knows. A channel whose unit changes becomes a second one beside the first, so
 * that volts and millivolts never end up in one mean.
 */
export class Dictionary {
  readonly #known = new Map<string, Known>();

  get size(): number {
    return this.#known.size;
  }

  /**
   * A reading as a sample; `null` for words, for the same reading twice running (as a command's answer and
   * as a notice), and for a channel that has had no number yet.
   */
  take({ deviceId, channel, unit, atMs, value, quality }: Reading, nowMs: number): Sample | null {
    if (typeof value === "string") return null;
    const key = keyOf(deviceId, channel, unit);
    let known = this.#known.get(key);
    if (known === undefined) {
      // Only its first value shows whether a channel carries words.
      if (value === null) return null;
      const type = typeof value === "boolean" ? "boolean" : "number";
      this.#known.set(key, known = newlyKnown({ id: 0, deviceId, channel, unit, type }));
    }
    const number = value === null ? NaN : Number(value);
    const sample = {
      entry: known.entry,
      atMs: Number.isSafeInteger(atMs) && atMs >= 0 ? atMs : nowMs,
      // SQLite keeps no minus zero, so nobody shall see one before it is stored either.
      value: Number.isFinite(number) ? number + 0 : null,
      quality: QUALITIES.indexOf(
        Number.isFinite(number) || quality === "stale" ? quality : "bad",
      ),
    };
    const again = sample.atMs === known.lastAtMs && sample.value === known.lastValue &&
      sample.quality === known.lastQuality;
    if (again) return null;
    remember(known, sample);
    return sample;
  }

  /** By device, channel and unit. */
  list(): StoredChannel[] {
    return [...this.#known.values()]
      .map(({ entry: { deviceId, channel, unit, type }, lastAtMs }) => ({
        deviceId,
        channel,
        unit,
        type,
        lastAtMs,
      }))
      .sort((a, b) =>
        compare(a.deviceId, b.deviceId) || compare(a.channel, b.channel) || compare(a.unit, b.unit)
      );
  }

  /** The unit of a channel that was recorded last. */
  latest(deviceId: string, channel: string): Known | null {
    let latest: Known | null = null;
    for (const known of this.#known.values()) {
      if (known.entry.deviceId !== deviceId || known.entry.channel !== channel) continue;
      if (latest === null || (known.lastAtMs ?? 0) >= (latest.lastAtMs ?? 0)) latest = known;
    }
    return latest;
  }

  newestMs(): number | null {
    let newest: number | null = null;
    for (const { lastAtMs } of this.#known.values()) {
      if (lastAtMs !== null && (newest === null || lastAtMs > newest)) newest = lastAtMs;
    }
    return newest;
  }

  /** Learns a file's channels; those met before it could be opened keep what is known of them. */
  adopt(file: TelemetryFile): void {
    for (const entry of file.channels()) {
      const key = keyOf(entry.deviceId, entry.channel, entry.unit);
      const known = this.#known.get(key);
      if (known !== undefined) {
        known.entry.id = entry.id;
        continue;
      }
      const stamps = file.newestStamps(entry.id, 16);
      const fresh = newlyKnown(entry);
      fresh.lastAtMs = stamps[0] ?? null;
      fresh.periodMs = medianStep(stamps);
      this.#known.set(key, fresh);
    }
  }

  /** Ids belong to the file that gave them: after this the next file gives new ones. */
  forgetIds(): void {
    for (const { entry } of this.#known.values()) entry.id = 0;
  }
}

function newlyKnown(entry: ChannelEntry): Known {
  return { entry, lastAtMs: null, lastValue: null, lastQuality: -1, periodMs: null };
}

function remember(known: Known, { atMs, value, quality }: Row): void {
  if (known.lastAtMs !== null && atMs > known.lastAtMs) {
    const stepMs = atMs - known.lastAtMs;
    known.periodMs = known.periodMs === null
      ? stepMs
      : Math.round(known.periodMs + (stepMs - known.periodMs) / 8);
  }
  known.lastAtMs = atMs;
  known.lastValue = value;
  known.lastQuality = quality;
}

function keyOf(deviceId: string, channel: string, unit: string): string {
  return `${deviceId}.${channel} ${unit}`;
}

/** Of stamps, newest first; `null` for fewer than two. */
function medianStep(stamps: readonly number[]): number | null {
  const steps = stamps.slice(1).map((at, i) => stamps[i]! - at).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
