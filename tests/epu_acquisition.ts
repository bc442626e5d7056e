import {
  acquisitionKey,
  countKey,
  entityKey,
  fileKey,
  findingKey,
  holeByIdKey,
  holeKey,
  micrographByHoleKey,
  micrographByStemKey,
  micrographKey,
  orphanKey,
  squareKey,
} from "../lib/epu/keys.ts";
import { emptyCounts } from "../lib/epu/counts.ts";
import { FileEntry, type Micrograph, Orphan, StoredFinding } from "../lib/epu/model.ts";
import { acquisition, hole, micrograph, square } from "../lib/epu/results/rig_test.ts";
import type { Kv } from "../lib/kv.ts";
import { accept } from "../lib/result.ts";

/** Holes of the two squares of the acquisition that tests of pages look at. */
export const SQUARES = { 1: [11, 12, 13, 14], 2: [21, 22, 23, 24] } as const;

/** Puts a micrograph in as the reader would have: it is found by its id, its stem and its hole. */
export async function seedMicrograph(
  kv: Kv,
  { squareId, holeId, n, atMs }: { squareId: number; holeId: number; n: number; atMs: number },
): Promise<void> {
  const set = micrographEntries(micrograph(squareId, holeId, n, { acquiredAtMs: atMs }));
  await kv.transact([], () => accept({ value: null, set }));
}

function micrographEntries(one: Micrograph): (readonly [Deno.KvKey, unknown])[] {
  return [
    [micrographKey("a1", one.id), one],
    [micrographByHoleKey("a1", one.squareId, one.holeId, one.id), null],
    [micrographByStemKey(one.stem, "a1"), one.id],
    [entityKey(one.id), { v: 1, kind: "micrograph", acquisitionId: "a1" }],
  ];
}

/**
 * An acquisition `a1` as the reader would have left it: two squares of four holes, one micrograph for each
 * hole of the first, with findings, an orphan and a truncated file.
 */
export async function seedAcquisition(kv: Kv, nowMs: number): Promise<void> {
  const entries: (readonly [Deno.KvKey, unknown])[] = [
    [acquisitionKey("a1"), acquisition({ root: "main", folder: "session", squaresListed: 2 })],
    [countKey("a1"), {
      ...emptyCounts(nowMs),
      squares: 2,
      squaresSelected: 2,
      holes: 8,
      holesSelected: 8,
      micrographs: 4,
      exposures: { expected: null, listed: 4, seen: 4 },
      orphans: 1,
      findings: 3,
      filesTruncated: 1,
    }],
  ];
  let n = 0;
  for (const [id, holes] of Object.entries(SQUARES)) {
    const squareId = Number(id);
    entries.push([squareKey("a1", squareId), square(squareId, { holesSelected: 4 })]);
    for (const holeId of holes) {
      entries.push(
        [holeKey("a1", squareId, holeId), hole(squareId, holeId)],
        [holeByIdKey("a1", holeId), squareId],
      );
      if (squareId !== 1) continue;
      const one = micrograph(1, holeId, ++n, { acquiredAtMs: nowMs - 600_000 + n * 10_000 });
      entries.push(...micrographEntries(one));
    }
  }
  const since = { firstSeenAtMs: nowMs - 3_600_000, lastSeenAtMs: nowMs };
  const findings = [
    ["truncated-xml", "error", "session/Metadata/GridSquare_1.dm", "ends within an element"],
    ["movie-empty", "warning", "session/Images-Disc1/a_Fractions.mrc", "has no bytes"],
    ["movie-empty", "warning", "session/Images-Disc1/b_Fractions.mrc", "has no bytes"],
  ] as const;
  for (const [code, severity, path, text] of findings) {
    const finding = StoredFinding.parse({
      v: 1,
      scope: "a1",
      code,
      severity,
      path,
      text,
      consequence: `what follows from ${code}`,
      ...since,
    });
    entries.push([findingKey("a1", code, path), finding]);
  }
  const orphan = Orphan.parse({
    v: 1,
    scope: "a1",
    root: "main",
    path: "session/Images-Disc1/GridSquare_9/FoilHole_91.xml",
    kind: "hole-image",
    parentKind: "square",
    parentKey: "9",
    sinceMs: nowMs - 120_000,
  });
  entries.push([orphanKey("a1", "square", "9", orphan.path), orphan]);
  const file = { v: 1, root: "main", digest: null, tries: 3, ...since, mtimeMs: nowMs };
  for (
    const [path, kind, state, error] of [
      ["session/EpuSession.dm", "session", "taken", null],
      ["session/Metadata/GridSquare_1.dm", "square-metadata", "truncated", "ends too early"],
    ] as const
  ) {
    const { firstSeenAtMs, lastSeenAtMs: _, ...rest } = file;
    const one = FileEntry.parse({
      ...rest,
      path,
      kind,
      state,
      error,
      sizeBytes: 28_000,
      firstSeenAtMs,
      changedAtMs: nowMs - 60_000,
    });
    entries.push([fileKey("main", path), one]);
  }
  await kv.transact([], () => accept({ value: null, set: entries }));
}
