import { z } from "zod";
import type { Clock } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import { annotationsKey, experimentKey } from "./keys.ts";
import { Experiment } from "./model.ts";

/** What a person wrote about one moment of an experiment. */
export const Annotation = z.object({
  id: z.string(),
  /** The moment it is about. */
  atMs: z.number().int(),
  text: z.string(),
  /** Who wrote it, and when. */
  actor: z.string(),
  createdAtMs: z.number().int(),
});
export type Annotation = z.infer<typeof Annotation>;

/** Longest text of one, characters. */
export const ANNOTATION_CHARS_MAX = 500;

const Stored = z.object({ v: z.literal(1), list: z.array(Annotation) });

/** All of one experiment are one value of the store, which takes 64 KiB. */
const BYTES_MAX = 60_000;

export type AnnotateRefusal =
  | { kind: "unknown"; id: string }
  /** The moment lies before the submission or ahead of now. */
  | { kind: "outside"; atMs: number; fromMs: number; toMs: number }
  /** No more of them can be kept. */
  | { kind: "full"; count: number };

/** Annotations of experiments: kept with their record, never edited, gone with it. */
export class Annotations {
  constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  /** In the order of the moments they are about. */
  async list(id: string): Promise<Annotation[]> {
    return listOf(await this.kv.get(annotationsKey(id)));
  }

  /** Adds one about `atMs` (default: now), with an event `experiment.annotation` in the same commit. */
  add(
    id: string,
    given: { atMs?: number; text: string },
    actor: string,
  ): Promise<Result<Annotation, AnnotateRefusal>> {
    const createdAtMs = this.clock.nowMs();
    const annotation = Annotation.parse({
      id: newId<"Annotation">(this.clock),
      atMs: given.atMs ?? createdAtMs,
      text: given.text,
      actor,
      createdAtMs,
    });
    return this.kv.transact<Annotation, AnnotateRefusal>(
      [experimentKey(id), annotationsKey(id)],
      ([seen, seenList]) => {
        if (seen!.value === null) return refuse({ kind: "unknown", id });
        const { number, createdAtMs: fromMs } = Experiment.parse(seen!.value);
        const { atMs, text } = annotation;
        if (atMs < fromMs || atMs > createdAtMs) {
          return refuse({ kind: "outside", atMs, fromMs, toMs: createdAtMs });
        }
        const before = listOf(seenList!.value);
        const value = {
          v: 1,
          list: [...before, annotation].toSorted((a, b) => a.atMs - b.atMs),
        };
        if (new TextEncoder().encode(JSON.stringify(value)).length > BYTES_MAX) {
          return refuse({ kind: "full", count: before.length });
        }
        return accept({
          value: annotation,
          set: [[annotationsKey(id), value]],
          events: [{
            type: "experiment.annotation",
            subject: id,
            actor,
            text: `experiment ${number}: ${text}`,
            data: { number, annotation },
          }],
        });
      },
    );
  }
}

function listOf(stored: unknown): Annotation[] {
  return stored === null ? [] : Stored.parse(stored).list;
}
