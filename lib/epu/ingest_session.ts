import type { Clock } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import { emptyCounts } from "./counts.ts";
import { sessionFields } from "./ingest_facts.ts";
import {
  acquisitionByEpuKey,
  acquisitionKey,
  countKey,
  entityKey,
  folderKey,
  folderScope,
  naturalKeyOf,
} from "./keys.ts";
import { Acquisition } from "./model.ts";
import type { SessionFile } from "./read/files.ts";

/** The acquisition of a session: found again by what stays when a folder moves, or made. */
export async function acquisitionFor(
  { kv, clock, here }: {
    readonly kv: Kv;
    readonly clock: Clock;
    /** Of the session that was last read in this folder. */
    readonly here: string | null;
  },
  root: string,
  folder: string,
  file: SessionFile,
): Promise<string> {
  const fields = sessionFields(file, root, folder);
  const isNameless = fields.name === "" && fields.epuId === null && fields.startedAtMs === null;
  const natural = naturalKeyOf(
    isNameless ? { ...fields, name: folderScope(root, folder) } : fields,
  );
  const fresh = newId(clock);
  const nowMs = clock.nowMs();
  const keys = [acquisitionByEpuKey(natural), folderKey(root, folder)];
  if (here !== null) keys.push(acquisitionKey(here));
  const done = await kv.transact<string, never>(keys, ([byEpu, inFolder, hereRow]) => {
    const known = byEpu!.value === null ? null : String(byEpu!.value);
    // EPU fills its session in steps: the same id in the same folder is the same session.
    const row = hereRow?.value == null ? null : Acquisition.parse(hereRow.value);
    const grown = known === null && row !== null &&
      (row.epuId === null || row.epuId === fields.epuId);
    const id = known ?? (grown ? row.id : fresh);
    const set: [Deno.KvKey, unknown][] = [];
    if (known === null) set.push([acquisitionByEpuKey(natural), id]);
    const placed = inFolder!.value as { acquisitionId: string } | null;
    if (placed?.acquisitionId !== id) {
      set.push([folderKey(root, folder), { v: 1, acquisitionId: id }]);
    }
    if (known === null && !grown) {
      const made = Acquisition.parse({
        v: 1,
        id,
        acquisitionId: id,
        inferred: true,
        sources: {},
        createdAtMs: nowMs,
        changedAtMs: nowMs,
        name: fields.name,
        state: "started",
        folder,
        areas: [],
        squaresListed: null,
      });
      set.push(
        [acquisitionKey(id), made],
        [countKey(id), emptyCounts(nowMs)],
        [entityKey(id), { v: 1, kind: "acquisition", acquisitionId: id }],
      );
    }
    return accept({ value: id, set });
  });
  return done.ok ? done.value : fresh;
}
