import type { EventDraft } from "../events.ts";
import type { Commit, Seen } from "../kv.ts";
import { difference, emptyCounts, holeShare, isZero, squareShare } from "./counts.ts";
import { findingKeyOf, nothingTouched, type Op, orphanKeyOf } from "./ingest_ops.ts";
import {
  acquisitionKey,
  atlasKey,
  countKey,
  entityKey,
  fileKey,
  holeByIdKey,
  holeKey,
  linkKey,
  micrographByHoleKey,
  micrographByStemKey,
  micrographByUniqueIdKey,
  micrographKey,
  observationKey,
  orphanPartKey,
  squareKey,
  tileKey,
} from "./keys.ts";
import { RowSheet } from "./ingest_sheet.ts";
import { equal, merged, type Origin, withdrawn } from "./merge.ts";
import {
  Acquisition,
  Atlas,
  Counts,
  type EntityRef,
  FileEntry,
  FoilHole,
  GridSquare,
  Micrograph,
  Observation,
  Orphan,
  type Source,
  StoredFinding,
  Tile,
  TileLink,
} from "./model.ts";

export interface RowsContext {
  /** `null`: files of a folder whose acquisition is not known yet. */
  readonly acquisitionId: string | null;
  readonly nowMs: number;
  /** Ids for new rows: the same sequence each time the ops are done again. */
  readonly newId: () => string;
  /** Ids of the micrographs the ops name, those to be made included. */
  readonly stems: ReadonlyMap<string, string>;
}

/** The store moved under the plan: plan again. */
export class PlanStale extends Error {
  override readonly name = "PlanStale";
}

/**
 * Does ops on rows as one transaction sees them. Sums follow each row: what a row counts for before and after
 * decides what its parents gain, so doing an op twice gains nothing.
 */
export class TransactionRows {
  readonly touched = nothingTouched();
  readonly #sheet: RowSheet;

  constructor(seen: readonly Seen[], private readonly context: RowsContext) {
    this.#sheet = new RowSheet(seen);
  }

  /** Whether the op changed anything. */
  do(op: Op): boolean {
    const before = this.#sheet.changes;
    this.#act(op);
    return this.#sheet.changes !== before;
  }

  /** The counts after all ops, `null` without an acquisition. */
  get counts(): Counts | null {
    const { acquisitionId } = this.context;
    if (acquisitionId === null) return null;
    return this.#sheet.peek(countKey(acquisitionId)) as Counts | null;
  }

  commit<T>(value: T, events: readonly EventDraft[] = []): Commit<T> {
    return { value, ...this.#sheet.writes(), events };
  }

  #act(op: Op): void {
    switch (op.on) {
      case "acquisition":
        return this.#acquisition(op);
      case "atlas":
        return this.#atlas(op);
      case "tile":
        return this.#tile(op);
      case "link":
        return this.#link(op.link);
      case "square":
        return this.#square(op);
      case "hole":
        return this.#hole(op);
      case "micrograph":
        return this.#micrograph(op);
      case "image":
        return this.#image(op);
      case "withdraw-square":
        return this.#withdrawSquare(op.squareId, op.source);
      case "withdraw-hole":
        return this.#withdrawHole(op.squareId, op.holeId, op.source);
      case "withdraw-micrograph":
        return this.#withdrawMicrograph(op.stem, op.source);
      case "withdraw-tile":
        return this.#withdrawTile(op.tileId);
      case "withdraw-link":
        this.touched.atlas = true;
        return this.#sheet.put(linkKey(this.#a, op.squareId, op.tileId), null);
      case "file":
        return this.#file(op.entry);
      case "orphan":
        return this.#orphan(op);
      case "adopted":
        return this.#adopted(op.orphan, op.parts);
      case "finding":
        return this.#finding(op.finding);
      case "finding-over":
        return this.#findingOver(op.finding);
    }
  }

  #acquisition(op: Extract<Op, { on: "acquisition" }>): void {
    const row = this.#sheet.get(acquisitionKey(this.#a), Acquisition);
    if (row === null) throw new PlanStale(`Acquisition "${this.#a}" is gone`);
    // Every image names the instrument: the first by name speaks for all, whatever came first.
    const known = row.sources[op.source];
    if (op.source.endsWith("-image") && known !== undefined && known.path < op.path) return;
    const next = merged("acquisition", row, op.fields, this.#origin(op));
    if (next === row) return;
    this.touched.acquisition = true;
    this.#sheet.put(acquisitionKey(this.#a), next);
  }

  #atlas(op: Extract<Op, { on: "atlas" }>): void {
    const key = atlasKey(this.#a);
    const row = this.#sheet.get(key, Atlas) ?? this.#newAtlas(op.id);
    this.#alias(op.id, row.id, { kind: "atlas" });
    this.#keep("atlas", key, row, merged("atlas", row, op.fields, this.#origin(op)));
  }

  #tile(op: Extract<Op, { on: "tile" }>): void {
    const key = tileKey(this.#a, op.tileId);
    const row = this.#sheet.get(key, Tile) ?? this.#newTile(op.tileId, op.id);
    this.#alias(op.id, row.id, { kind: "tile", tileId: op.tileId });
    this.#keep("atlas", key, row, merged("tile", row, op.fields, this.#origin(op)));
  }

  #link(link: TileLink): void {
    const key = linkKey(this.#a, link.squareId, link.tileId);
    if (equal(this.#sheet.get(key, TileLink), link)) return;
    this.touched.atlas = true;
    this.#sheet.put(key, TileLink.parse(link));
  }

  #square(op: Extract<Op, { on: "square" }>): void {
    const row = this.#squareRow(op.squareId, op.id);
    this.#alias(op.id, row.id, { kind: "square", squareId: op.squareId });
    this.#setSquare(row, merged("square", row, op.fields, this.#origin(op)));
  }

  #hole(op: Extract<Op, { on: "hole" }>): void {
    const row = this.#holeRow(op.squareId, op.holeId, op.id);
    this.#alias(op.id, row.id, { kind: "hole", squareId: op.squareId, holeId: op.holeId });
    this.#setHole(row, merged("hole", row, op.fields, this.#origin(op)));
  }

  #micrograph(op: Extract<Op, { on: "micrograph" }>): void {
    const id = this.#micrographId(op.stem);
    const key = micrographKey(this.#a, id);
    const row = this.#sheet.get(key, Micrograph) ?? this.#newMicrograph(id, op);
    this.#alias(op.id, id, { kind: "micrograph", squareId: op.squareId, holeId: op.holeId });
    if (row.squareId !== op.squareId || row.holeId !== op.holeId) {
      // The same name below another square: a copy, and the first place stands.
      return;
    }
    const next = merged("micrograph", row, op.fields, this.#origin(op));
    if (next === row) return;
    if (next.uniqueId !== row.uniqueId) {
      if (row.uniqueId !== null) {
        this.#sheet.drop(micrographByUniqueIdKey(row.uniqueId, this.#a, id));
      }
      if (next.uniqueId !== null) {
        this.#sheet.also(micrographByUniqueIdKey(next.uniqueId, this.#a, id), null);
      }
    }
    this.#setMicrograph(row, next);
  }

  /** An image of a square or a hole, or its preview: the row shows the latest image. */
  #image(op: Extract<Op, { on: "image" }>): void {
    const key = observationKey(this.#a, op.squareId, op.holeId, op.stem);
    const known = this.#sheet.get(key, Observation);
    const isPreview = op.source === "path";
    const next = Observation.parse({
      ...(known ?? { v: 1, squareId: op.squareId, holeId: op.holeId, stem: op.stem }),
      ...(isPreview ? { previewPath: op.path } : {
        xmlPath: op.path,
        digest: op.digest ?? null,
        takenAtMs: op.takenAtMs ?? null,
      }),
    });
    if (!equal(known, next)) this.#sheet.put(key, next);
    if (op.holeId === 0) {
      const row = this.#squareRow(op.squareId);
      this.#setSquare(row, this.#shown("square", row, next, op.squareFields ?? {}, op));
    } else {
      const row = this.#holeRow(op.squareId, op.holeId);
      this.#setHole(row, this.#shown("hole", row, next, op.holeFields ?? {}, op));
    }
  }

  #shown<K extends "square" | "hole">(
    kind: K,
    row: K extends "square" ? GridSquare : FoilHole,
    seen: Observation,
    fields: object,
    op: Extract<Op, { on: "image" }>,
  ): K extends "square" ? GridSquare : FoilHole {
    let next: GridSquare | FoilHole = row;
    const shownStem = row.imagePath === null ? null : stemOf(row.imagePath);
    const isLatest = shownStem === null || shownStem === seen.stem ||
      isLater(seen, row.imagedAtMs, shownStem);
    if (op.source !== "path" && isLatest) {
      next = merged(kind, next as never, fields, this.#origin(op)) as typeof next;
    }
    const isShown = next.imagePath !== null && stemOf(next.imagePath) === seen.stem;
    if (isShown && next.previewPath !== seen.previewPath) {
      const origin = { source: "path", path: seen.previewPath ?? op.path } as const;
      const preview = { previewPath: seen.previewPath };
      next = merged(kind, next as never, preview as never, this.#origin(origin)) as typeof next;
    }
    return next as never;
  }

  #withdrawSquare(squareId: number, source: Source): void {
    const key = squareKey(this.#a, squareId);
    const row = this.#sheet.get(key, GridSquare);
    if (row === null) return;
    const next = { ...withdrawn("square", row, source, this.context.nowMs) };
    if (Object.keys(next.sources).length > 0 || next.holes > 0) {
      return this.#setSquare(row, next);
    }
    this.#sheet.drop(entityKey(row.id));
    this.#count(difference(squareShare(row), squareShare(null)));
    this.touched.squares.add(squareId);
    this.#sheet.put(key, null);
  }

  #withdrawHole(squareId: number, holeId: number, source: Source): void {
    const key = holeKey(this.#a, squareId, holeId);
    const row = this.#sheet.get(key, FoilHole);
    if (row === null) return;
    const next = withdrawn("hole", row, source, this.context.nowMs);
    const { listed, seen } = next.exposures;
    if (Object.keys(next.sources).length > 0 || listed + seen > 0) return this.#setHole(row, next);
    this.#sheet.drop(entityKey(row.id));
    this.#sheet.put(holeByIdKey(this.#a, holeId), null);
    this.#addToSquare(squareId, difference(holeShare(row), holeShare(null)));
    this.touched.holes++;
    this.#sheet.put(key, null);
  }

  #withdrawMicrograph(stem: string, source: Source): void {
    const id = this.#micrographId(stem);
    const key = micrographKey(this.#a, id);
    const row = this.#sheet.get(key, Micrograph);
    if (row === null) return;
    const next = withdrawn("micrograph", row, source, this.context.nowMs);
    if (Object.keys(next.sources).length > 0) return this.#setMicrograph(row, next);
    this.#addToHole(row.squareId, row.holeId, exposureOf(row), exposureOf(null));
    this.#bump({ micrographs: -1 });
    this.#sheet.drop(micrographByHoleKey(this.#a, row.squareId, row.holeId, id));
    this.#sheet.drop(entityKey(id));
    if (row.uniqueId !== null) this.#sheet.drop(micrographByUniqueIdKey(row.uniqueId, this.#a, id));
    this.#sheet.put(micrographByStemKey(stem, this.#a), null);
    this.touched.micrographs.add(id);
    this.#sheet.put(key, null);
  }

  #withdrawTile(tileId: number): void {
    const key = tileKey(this.#a, tileId);
    const row = this.#sheet.get(key, Tile);
    if (row === null) return;
    this.touched.atlas = true;
    this.#sheet.drop(entityKey(row.id));
    this.#sheet.put(key, null);
  }

  #file(entry: FileEntry): void {
    const key = fileKey(entry.root, entry.path);
    const known = this.#sheet.get(key, FileEntry);
    const truncated = (one: FileEntry | null) => one?.state === "truncated" ? 1 : 0;
    const next = known === null ? entry : { ...entry, firstSeenAtMs: known.firstSeenAtMs };
    if (known !== null && equal({ ...known, changedAtMs: 0 }, { ...next, changedAtMs: 0 })) return;
    this.#bump({ filesTruncated: truncated(next) - truncated(known) });
    this.touched.files++;
    this.#sheet.put(key, FileEntry.parse(next));
  }

  #orphan({ orphan, parts, partsThere, partsBefore }: Extract<Op, { on: "orphan" }>): void {
    const key = orphanKeyOf(orphan);
    const known = this.#sheet.get(key, Orphan);
    if (known === null && orphan.scope === this.context.acquisitionId) this.#bump({ orphans: 1 });
    this.touched.orphans++;
    this.#sheet.put(key, Orphan.parse({ ...orphan, sinceMs: known?.sinceMs ?? orphan.sinceMs }));
    for (const [i, text] of parts.entries()) {
      this.#sheet.also(orphanPartKey(orphan.root, orphan.path, partsThere + i), text);
    }
    for (let i = partsThere + parts.length; i < partsBefore; i++) {
      this.#sheet.drop(orphanPartKey(orphan.root, orphan.path, i));
    }
  }

  #adopted(orphan: Orphan, parts: number): void {
    const key = orphanKeyOf(orphan);
    if (this.#sheet.get(key, Orphan) === null) return;
    if (orphan.scope === this.context.acquisitionId) this.#bump({ orphans: -1 });
    this.touched.orphans++;
    for (let i = 0; i < parts; i++) this.#sheet.drop(orphanPartKey(orphan.root, orphan.path, i));
    this.#sheet.put(key, null);
  }

  #finding(finding: StoredFinding): void {
    const key = findingKeyOf(finding);
    const known = this.#sheet.get(key, StoredFinding);
    if (known === null && finding.scope === this.context.acquisitionId) this.#bump({ findings: 1 });
    const next = known === null ? finding : { ...finding, firstSeenAtMs: known.firstSeenAtMs };
    if (known !== null && equal({ ...known, lastSeenAtMs: 0 }, { ...next, lastSeenAtMs: 0 })) {
      return;
    }
    this.touched.findings++;
    this.#sheet.put(key, StoredFinding.parse(next));
  }

  #findingOver(finding: StoredFinding): void {
    const key = findingKeyOf(finding);
    if (this.#sheet.get(key, StoredFinding) === null) return;
    if (finding.scope === this.context.acquisitionId) this.#bump({ findings: -1 });
    this.touched.findings++;
    this.#sheet.put(key, null);
  }

  #squareRow(squareId: number, id?: string): GridSquare {
    return this.#sheet.get(squareKey(this.#a, squareId), GridSquare) ??
      GridSquare.parse({
        ...this.#newRow(id),
        squareId,
        lowMag: true,
        holes: 0,
        holesSelected: 0,
        holesFinished: 0,
        exposures: { expected: null, listed: 0, seen: 0 },
      });
  }

  #holeRow(squareId: number, holeId: number, id?: string): FoilHole {
    return this.#sheet.get(holeKey(this.#a, squareId, holeId), FoilHole) ??
      FoilHole.parse({
        ...this.#newRow(id),
        squareId,
        holeId,
        exposures: { expected: null, listed: 0, seen: 0 },
      });
  }

  #setSquare(row: GridSquare, given: GridSquare): void {
    const { squareId } = row;
    const key = squareKey(this.#a, squareId);
    const isNew = this.#sheet.get(key, GridSquare) === null;
    const next = given.sources["square-metadata"] !== undefined && given.lowMag
      ? { ...given, lowMag: false }
      : given;
    if (next === row && !isNew) return;
    if (isNew) this.#refer(next.id, { kind: "square", squareId });
    this.touched.squares.add(squareId);
    this.#count(difference(squareShare(isNew ? null : row), squareShare(next)));
    this.#sheet.put(key, next);
  }

  #setHole(row: FoilHole, next: FoilHole): void {
    const { squareId, holeId } = row;
    const key = holeKey(this.#a, squareId, holeId);
    const isNew = this.#sheet.get(key, FoilHole) === null;
    if (next === row && !isNew) return;
    if (isNew) {
      this.#refer(next.id, { kind: "hole", squareId, holeId });
      this.#sheet.put(holeByIdKey(this.#a, holeId), squareId);
    }
    this.touched.holes++;
    this.touched.squares.add(squareId);
    this.#addToSquare(squareId, difference(holeShare(isNew ? null : row), holeShare(next)));
    this.#sheet.put(key, next);
  }

  #setMicrograph(row: Micrograph, next: Micrograph): void {
    const key = micrographKey(this.#a, row.id);
    const isNew = this.#sheet.get(key, Micrograph) === null;
    if (isNew) {
      this.#refer(row.id, { kind: "micrograph", squareId: row.squareId, holeId: row.holeId });
      this.#sheet.put(micrographByStemKey(row.stem, this.#a), row.id);
      this.#sheet.also(micrographByHoleKey(this.#a, row.squareId, row.holeId, row.id), null);
      this.#bump({ micrographs: 1 });
    }
    this.touched.micrographs.add(row.id);
    this.#addToHole(
      row.squareId,
      row.holeId,
      exposureOf(isNew ? null : row),
      exposureOf(next),
    );
    const counts = this.#countsRow();
    if (next.acquiredAtMs !== null && next.acquiredAtMs > (counts.lastExposureAtMs ?? -Infinity)) {
      this.#sheet.put(countKey(this.#a), { ...counts, lastExposureAtMs: next.acquiredAtMs });
    }
    this.#sheet.put(key, next);
  }

  /** The hole an exposure belongs to, made where it is not here, gains the difference. */
  #addToHole(squareId: number, holeId: number, before: Exposed, after: Exposed): void {
    const row = this.#holeRow(squareId, holeId);
    const { listed, seen } = difference(before, after);
    this.#setHole(
      row,
      listed === 0 && seen === 0 ? row : {
        ...row,
        exposures: {
          ...row.exposures,
          listed: row.exposures.listed + listed,
          seen: row.exposures.seen + seen,
        },
        changedAtMs: this.context.nowMs,
      },
    );
  }

  #addToSquare(squareId: number, gain: ReturnType<typeof holeShare>): void {
    const row = this.#squareRow(squareId);
    this.#setSquare(
      row,
      isZero(gain) ? row : {
        ...row,
        holes: row.holes + gain.holes,
        holesSelected: row.holesSelected + gain.holesSelected,
        holesFinished: row.holesFinished + gain.holesFinished,
        exposures: {
          ...row.exposures,
          listed: row.exposures.listed + gain.listed,
          seen: row.exposures.seen + gain.seen,
        },
        changedAtMs: this.context.nowMs,
      },
    );
  }

  #count(gain: ReturnType<typeof squareShare>): void {
    if (isZero(gain)) return;
    const { listed, seen, ...sums } = gain;
    const counts = this.#countsRow();
    this.#bump(sums);
    const now = this.#countsRow();
    const { exposures } = counts;
    this.#sheet.put(countKey(this.#a), {
      ...now,
      exposures: { ...exposures, listed: exposures.listed + listed, seen: exposures.seen + seen },
      changedAtMs: this.context.nowMs,
    });
  }

  #bump(gain: Partial<Record<keyof Counts, number>>): void {
    if (this.context.acquisitionId === null || isZero(gain)) return;
    const counts = { ...this.#countsRow(), changedAtMs: this.context.nowMs };
    for (const [name, by] of Object.entries(gain)) {
      (counts as unknown as Record<string, number>)[name]! += by;
    }
    this.#sheet.put(countKey(this.#a), counts);
  }

  #countsRow(): Counts {
    return this.#sheet.get(countKey(this.#a), Counts) ?? emptyCounts(this.context.nowMs);
  }

  #newRow(id: string | undefined) {
    const { nowMs, newId } = this.context;
    return {
      v: 1,
      id: id ?? newId(),
      acquisitionId: this.#a,
      inferred: true,
      sources: {},
      createdAtMs: nowMs,
      changedAtMs: nowMs,
    } as const;
  }

  #newAtlas(id?: string): Atlas {
    const row = Atlas.parse({ ...this.#newRow(id), tiles: 0 });
    this.#refer(row.id, { kind: "atlas" });
    return row;
  }

  #newTile(tileId: number, id?: string): Tile {
    const row = Tile.parse({ ...this.#newRow(id), tileId });
    this.#refer(row.id, { kind: "tile", tileId });
    return row;
  }

  #newMicrograph(id: string, op: Extract<Op, { on: "micrograph" }>): Micrograph {
    const { squareId, holeId, stem, areaId, k } = op;
    return Micrograph.parse({
      ...this.#newRow(id),
      squareId,
      holeId,
      stem,
      areaId,
      k,
      listed: false,
      results: {},
    });
  }

  #refer(id: string, ref: Omit<EntityRef, "v" | "acquisitionId">): void {
    this.#sheet.also(entityKey(id), { v: 1, acquisitionId: this.#a, ...ref });
  }

  /** A further name for a row that is here already. */
  #alias(
    id: string | undefined,
    own: string,
    ref: Omit<EntityRef, "v" | "acquisitionId" | "id">,
  ): void {
    if (id !== undefined && id !== own) this.#refer(id, { ...ref, id: own });
  }

  /** @throws {PlanStale} when the name has another id by now. */
  #micrographId(stem: string): string {
    const id = this.context.stems.get(stem)!;
    const stored = this.#sheet.get(micrographByStemKey(stem, this.#a), asText);
    if (stored !== null && stored !== id) throw new PlanStale(`"${stem}" has an id already`);
    return id;
  }

  #keep(what: "atlas", key: Deno.KvKey, row: object, next: object): void {
    if (next === row) return;
    this.touched[what] = true;
    this.#sheet.put(key, next);
  }

  #origin({ source, path }: { source: Source; path: string }): Origin {
    return { source, path, atMs: this.context.nowMs };
  }

  get #a(): string {
    const { acquisitionId } = this.context;
    if (acquisitionId === null) throw new TypeError("These files have no acquisition");
    return acquisitionId;
  }
}

interface Exposed {
  readonly listed: number;
  readonly seen: number;
}

/** Seen: its own file was read, or a caller of the SmartEM API brought it. */
export function isSeen(one: Pick<Micrograph, "sources">): boolean {
  return one.sources["micrograph-image"] !== undefined || one.sources.compat !== undefined;
}

function exposureOf(one: Micrograph | null): Exposed {
  if (one === null) return { listed: 0, seen: 0 };
  return { listed: one.listed ? 1 : 0, seen: isSeen(one) ? 1 : 0 };
}

function isLater(seen: Observation, shownAtMs: number | null, shownStem: string): boolean {
  const at = seen.takenAtMs ?? -Infinity;
  const shown = shownAtMs ?? -Infinity;
  return at > shown || (at === shown && seen.stem > shownStem);
}

function stemOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]+$/, "");
}

const asText = { parse: (value: unknown) => String(value) };
