import { z } from "zod";

/** One abnormal condition, from when it was raised until it cleared and was acknowledged. */
export const Alarm = z.object({
  v: z.literal(1),
  /** Stable for its condition, so that raising twice is one alarm: `stale:ambient-temp`, `offline:stirrer`, `stop`. */
  id: z.string(),
  severity: z.enum(["warning", "critical"]),
  subject: z.string(),
  /** `Ambient temperature is stale`. */
  title: z.string(),
  /** What was found, what it means, what to do. */
  text: z.string(),
  raisedAtMs: z.number().int(),
  clearedAtMs: z.number().int().nullable(),
  acknowledgedBy: z.string().nullable(),
  acknowledgedAtMs: z.number().int().nullable(),
});
export type Alarm = z.infer<typeof Alarm>;
