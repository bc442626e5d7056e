import { z } from "zod";
import type { DeviceState, Holder, Reading } from "../devices/model.ts";
import type { Alarm } from "../alarms/model.ts";

/** Most buckets one series may have. */
export const BUCKETS_MAX = 5000;

/**
 * One bucket of a series: all samples with `atMs <= t < atMs + bucketMs`. Its numbers are `null` where
 * no sample with a number fell: a gap is a gap.
 */
export const Bucket = z.object({
  /** Start of the bucket. */
  atMs: z.number().int(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  /** The newest number in the bucket; of two with one stamp, the one that came later. */
  last: z.number().nullable(),
  /** Samples that carried a number, `good` or `suspect`. */
  count: z.number().int(),
  /** How many of `count` were `suspect`; absent: none. */
  suspect: z.number().int().optional(),
  /** Samples without a number (`bad` or `stale`); absent: none. */
  bad: z.number().int().optional(),
});
export type Bucket = z.infer<typeof Bucket>;

/** What one sample of the store stands for. */
export const Level = z.enum(["raw", "minute", "hour"]);
export type Level = z.infer<typeof Level>;

export const Series = z.object({
  deviceId: z.string(),
  channel: z.string(),
  unit: z.string(),
  /** As asked; the first and last bucket may reach beyond it, since buckets are whole. */
  fromMs: z.number().int(),
  toMs: z.number().int(),
  /** Buckets start at multiples of this since the epoch, unless there is only one. */
  bucketMs: z.number().int(),
  /** From what the buckets were made. */
  level: Level.optional(),
  /** Usual time between two samples of this channel; a hole of up to three of these is no gap. */
  periodMs: z.number().int().nullable().optional(),
  buckets: z.array(Bucket),
});
export type Series = z.infer<typeof Series>;

/** One channel the store knows. */
export const StoredChannel = z.object({
  deviceId: z.string(),
  channel: z.string(),
  unit: z.string(),
  /** Booleans are stored as 0 and 1. */
  type: z.enum(["number", "boolean"]),
  /** Newest sample, with or without a number. */
  lastAtMs: z.number().int().nullable(),
});
export type StoredChannel = z.infer<typeof StoredChannel>;

/** Topics of `/api/v1/stream`. */
export const Topic = z.enum(["readings", "devices", "experiments", "alarms", "events"]);
export type Topic = z.infer<typeof Topic>;

/** A device's state as the stream sends it, whole each time. */
export interface LiveDevice {
  readonly deviceId: string;
  readonly state: DeviceState;
  readonly holder: Holder | null;
}

/** First message of every stream (`event: hello`): everything as it stands. */
export interface Hello {
  /** The instrument's clock. */
  readonly nowMs: number;
  /** Number of the newest event of the log. */
  readonly seq: number;
  readonly readings: Reading[];
  readonly devices: LiveDevice[];
  readonly alarms: Alarm[];
}

/** `event: readings`: the newest reading of each channel that had one since the last batch. */
export interface ReadingsMessage {
  readonly readings: Reading[];
}

/** `event: reset`: events after `Last-Event-ID` are gone; load what you show again. */
export interface ResetMessage {
  /** `trimmed`: too old; `ahead`: this log never gave out that number; `far`: more than one stream replays. */
  readonly reason: "trimmed" | "ahead" | "far";
  readonly firstSeq: number;
  readonly seq: number;
}
