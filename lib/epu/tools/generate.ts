import { invent } from "./invent.ts";
import { type PlanAsk, planOf } from "./plan.ts";
import { type PlannedWrite, timeline } from "./timeline.ts";

/** One file of a finished session. */
export interface GeneratedFile {
  /** Relative, with forward slashes: `<project>/Metadata/GridSquare_1.dm`, `atlas/…/Atlas.dm`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** When EPU last wrote it. */
  readonly atMs: number;
}

/**
 * Every file of the session that `plan` asks for, once and as it ends, in the order of their last writing.
 * Made one at a time; the same plan gives the same bytes.
 *
 * @throws {RangeError} when the plan cannot be followed.
 */
export function* generateFiles(plan: PlanAsk): Generator<GeneratedFile> {
  for (const { path, atMs, isLast, render } of generateWrites(plan)) {
    if (isLast) yield { path, atMs, bytes: render() };
  }
}

/** The same session as EPU writes it: some files again and again, always whole and in place. */
export function generateWrites(ask: PlanAsk): Generator<PlannedWrite> {
  const plan = planOf(ask);
  return timeline(invent(plan), plan);
}
