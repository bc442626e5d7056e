import type { Kv } from "../../kv.ts";
import { accept } from "../../result.ts";
import { overallKey } from "../predictions/keys.ts";
import { Overall } from "../predictions/mod.ts";
import { plannedOrder, scoredHoles } from "./authorities/bayes.ts";
import type { Snapshot } from "./authority.ts";

/** Squares written in one commit: each is up to 64 KiB. */
const BATCH = 10;
/** More do not fit one value; a square has up to about 600. */
const HOLES_MAX = 900;

/** Keeps what all models together say, hole by hole, with its place in the order: what the maps show. */
export async function keepOverall(kv: Kv, snapshot: Snapshot): Promise<void> {
  const holes = await scoredHoles(snapshot);
  if (holes.length === 0) return;
  const a = snapshot.acquisitionId;
  const place = new Map((await plannedOrder(snapshot)).map((id, i) => [id, i + 1]));
  const changed: (readonly [Deno.KvKey, Overall])[] = [];
  for (const [squareId, own] of Map.groupBy(holes, (hole) => hole.squareId)) {
    const overall = Overall.parse({
      v: 1,
      atMs: snapshot.nowMs,
      holes: own.toSorted((x, y) => x.id - y.id).slice(0, HOLES_MAX).map((hole) => ({
        holeId: hole.id,
        value: hole.score,
        suggestedIndex: place.get(hole.id)!,
      })),
    });
    const before = await kv.get(overallKey(a, squareId)) as Overall | null;
    if (JSON.stringify(before?.holes) !== JSON.stringify(overall.holes)) {
      changed.push([overallKey(a, squareId), overall]);
    }
  }
  for (let from = 0; from < changed.length; from += BATCH) {
    const set = changed.slice(from, from + BATCH);
    await kv.transact([], () => accept({ value: null, set }));
  }
}
