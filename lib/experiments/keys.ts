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

const RunLease = z.object({ id: z.string(), sinceMs: z.number().int() });

/** The experiments that have the instrument, each with its own devices, in the order of their starts. */
export const RunLeases = z.object({ v: z.literal(2), runs: z.array(RunLease).min(1) });
export type RunLeases = z.infer<typeof RunLeases>;

/** What stands at `runKey`: nobody, one as it was written while only one could run, or several. */
export function runLeasesOf(value: unknown): RunLeases["runs"] {
  if (value === null || value === undefined) return [];
  const one = RunLease.extend({ v: z.literal(1) }).safeParse(value);
  return one.success
    ? [{ id: one.data.id, sinceMs: one.data.sinceMs }]
    : RunLeases.parse(value).runs;
}

/** How many of one owner's experiments are not ended. */
export const ActiveCount = z.object({ v: z.literal(1), count: z.number().int().nonnegative() });
export type ActiveCount = z.infer<typeof ActiveCount>;

/** Value: `Experiment`. */
export const experimentKey = (id: string): Deno.KvKey => ["experiments", "experiment", id];

/** Value: `Order`. */
export const orderKey: Deno.KvKey = ["experiments", "order"];

/** Value: `RunLeases`; absent while nothing runs. */
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
