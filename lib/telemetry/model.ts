import { z } from "zod";

/** One bucket of a series; all numbers `null` where no good sample fell: a gap is a gap. */
export const Bucket = z.object({
  atMs: z.number().int(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  last: z.number().nullable(),
  count: z.number().int(),
});
export type Bucket = z.infer<typeof Bucket>;

export const Series = z.object({
  deviceId: z.string(),
  channel: z.string(),
  unit: z.string(),
  fromMs: z.number().int(),
  toMs: z.number().int(),
  bucketMs: z.number().int(),
  buckets: z.array(Bucket),
});
export type Series = z.infer<typeof Series>;

/** Topics of `/api/v1/stream`. */
export const Topic = z.enum(["readings", "devices", "experiments", "alarms", "events"]);
export type Topic = z.infer<typeof Topic>;
