import { z } from "zod";
import type { ExperimentState } from "./model.ts";

/** What every change to the queue reads and counts up. */
export const Order = z.object({
  v: z.literal(1),
  /** Counts up with every change of the queue: the ETag of its pages. */
  version: z.number().int().nonnegative(),
  /** Number of the next experiment. */
  nextNumber: z.number().int().positive(),
  /** Rank the next submission gets, as a number of `RANK_DIGITS` digits. */
  tail: z.number().int().positive(),
  /** Rank of the foremost ever given. */
  head: z.number().int().positive(),
  /** How many stand in the queue, paused ones included. */
  waiting: z.number().int().nonnegative(),
});
export type Order = z.infer<typeof Order>;

/** Present while one experiment has the instrument. */
export const RunLease = z.object({
  v: z.literal(1),
  id: z.string(),
  sinceMs: z.number().int(),
});
export type RunLease = z.infer<typeof RunLease>;

/** How many of one owner's experiments are not ended. */
export const ActiveCount = z.object({ v: z.literal(1), count: z.number().int().nonnegative() });
export type ActiveCount = z.infer<typeof ActiveCount>;

/** Value: `Experiment`. */
export const experimentKey = (id: string): Deno.KvKey => ["experiments", "experiment", id];

/** Value: `Order`. */
export const orderKey: Deno.KvKey = ["experiments", "order"];

/** Value: `RunLease`. */
export const runKey: Deno.KvKey = ["experiments", "run"];

/** Value: `ActiveCount`. */
export const activeKey = (owner: string): Deno.KvKey => ["experiments", "active", owner];

/** The queue in order. Value: null. */
export const waitingKey = (
  rank: string,
  id: string,
): Deno.KvKey => ["experiments", "waiting", rank, id];
export const waitingPrefix: Deno.KvKey = ["experiments", "waiting"];

/** Value: null. */
export const byNumberKey = (
  number: number,
  id: string,
): Deno.KvKey => ["experiments", "by_number", number, id];
export const byNumberPrefix = (number?: number): Deno.KvKey =>
  number === undefined ? ["experiments", "by_number"] : ["experiments", "by_number", number];

/** Value: null. */
export const byOwnerKey = (
  owner: string,
  number: number,
  id: string,
): Deno.KvKey => ["experiments", "by_owner", owner, number, id];
export const byOwnerPrefix = (owner: string): Deno.KvKey => ["experiments", "by_owner", owner];

/** Value: null. */
export const byStateKey = (
  state: ExperimentState,
  number: number,
  id: string,
): Deno.KvKey => ["experiments", "by_state", state, number, id];
export const byStatePrefix = (
  state: ExperimentState,
): Deno.KvKey => ["experiments", "by_state", state];

/** Who still needs a stored script. Value: null. */
export const byScriptKey = (
  sha256: string,
  id: string,
): Deno.KvKey => ["experiments", "by_script", sha256, id];
export const byScriptPrefix = (sha256: string): Deno.KvKey => ["experiments", "by_script", sha256];

/** What people noted about it: all in one value. */
export const annotationsKey = (id: string): Deno.KvKey => ["experiments", "annotations", id];

/** What a repeated submission finds. Value: the experiment's id. */
export const askedKey = (
  owner: string,
  idempotencyKey: string,
): Deno.KvKey => ["experiments", "asked", owner, idempotencyKey];
