import { z } from "zod";

/** What a transaction says happened; it becomes an event in the same commit. */
export interface EventDraft {
  /** Dotted, past or state, lower case: `device.setpoint`, `experiment.state`, `instrument.stopped`. */
  readonly type: string;
  /** What it is about: a device id, an experiment id, `instrument`. */
  readonly subject: string;
  /** Who did it: an actor string as `lib/auth` spells it, or `system`. */
  readonly actor: string;
  /** One sentence a person reads in the event list, without subject and time: `stopped: script ended`. */
  readonly text: string;
  /** The whole new state where there is one, never a delta; at most a few KiB. */
  readonly data?: Record<string, unknown>;
}

export const HoldfastEvent = z.object({
  v: z.literal(1),
  /** Gapless, from 1. */
  seq: z.number().int().positive(),
  /** Unix epoch, milliseconds. */
  atMs: z.number().int(),
  type: z.string(),
  subject: z.string(),
  actor: z.string(),
  text: z.string(),
  data: z.record(z.string(), z.unknown()).default({}),
});
export type HoldfastEvent = z.infer<typeof HoldfastEvent>;

/** What a live subscriber receives: events in order, or word that it was too slow and must read again from `fromSeq`. */
export type EventDelivery =
  | { readonly kind: "event"; readonly event: HoldfastEvent }
  | { readonly kind: "dropped"; readonly fromSeq: number };

/** Key of event `seq`; without it, the prefix of all events. */
export function eventKey(seq?: number): Deno.KvKey {
  return seq === undefined ? ["event"] : ["event", seq];
}
