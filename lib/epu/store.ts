import type { Kv } from "../kv.ts";
import { type Counts, emptyCounts, isTarget, withExpected } from "./counts.ts";
import {
  acquisitionKey,
  atlasKey,
  countKey,
  entityKey,
  fileKey,
  filesBelow,
  findingKey,
  folderScope,
  holeByIdKey,
  holeKey,
  linkKey,
  micrographByHoleKey,
  micrographByStemKey,
  micrographByUniqueIdKey,
  micrographKey,
  observationKey,
  orphanKey,
  squareKey,
  tileKey,
} from "./keys.ts";
import {
  Acquisition,
  type AcquisitionState,
  Atlas,
  EntityRef,
  FileEntry,
  FoilHole,
  GridSquare,
  Micrograph,
  Observation,
  Orphan,
  StoredFinding,
  Tile,
  TileLink,
} from "./model.ts";

export const PAGE_MAX = 1000;

/** One page of a list; `next` is the `after` of the following one, `null` at the end. */
export interface Page<T> {
  readonly items: T[];
  readonly next: string | null;
}

interface Paged {
  /** 1 to `PAGE_MAX`. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | null;
}

export interface AcquisitionsQuery extends Paged {
  readonly states?: readonly AcquisitionState[];
  readonly root?: string;
}
export interface SquaresQuery extends Paged {
  readonly acquisitionId: string;
  readonly filters?: {
    readonly lowMag?: boolean;
    readonly selected?: boolean;
    readonly imaged?: boolean;
    readonly state?: string;
    readonly category?: number;
  };
}
export interface HolesQuery extends Paged {
  readonly acquisitionId: string;
  /** Without it, those of all squares, square by square. */
  readonly squareId?: number;
  readonly filters?: {
    readonly selected?: boolean;
    readonly nearGridBar?: boolean;
    readonly state?: string;
    readonly exposed?: boolean;
    readonly qualityMin?: number;
    readonly qualityMax?: number;
  };
}
export interface MicrographsQuery extends Paged {
  readonly acquisitionId: string;
  readonly squareId?: number;
  /** Needs `squareId`. */
  readonly holeId?: number;
  /** Those that became known last come first; of a square, those of its last hole. */
  readonly newestFirst?: boolean;
  readonly filters?: {
    /** Its xml is here, or only EPU's ledger says it was taken. */
    readonly seen?: boolean;
    readonly fromMs?: number;
    readonly toMs?: number;
    readonly ctfResolutionMaxA?: number;
    /** Has a result of this step. */
    readonly processed?: "motion" | "ctf" | "picking" | "selection";
  };
}
export interface FindingsQuery extends Paged {
  /** `null`: those of folders without an acquisition too. */
  readonly acquisitionId: string | null;
  readonly severities?: readonly string[];
}
export interface OrphansQuery extends Paged {
  readonly acquisitionId: string | null;
}
export interface FilesQuery extends Paged {
  /** The session's folder and what lies in it; `null` with `root`: all of a watched folder. */
  readonly acquisitionId: string | null;
  readonly root?: string;
  readonly states?: readonly FileEntry["state"][];
  readonly kinds?: readonly string[];
}

/** Everything kept of cryo-EM sessions, as others read it. Lists never load more than they give. */
export class EpuStore {
  constructor(protected readonly kv: Kv) {}

  /** Newest first. */
  async acquisitions(query: AcquisitionsQuery): Promise<Page<Acquisition>> {
    const all: Acquisition[] = [];
    for await (const { value } of this.kv.list({ prefix: acquisitionKey() })) {
      const one = Acquisition.parse(value);
      if (query.states !== undefined && !query.states.includes(one.state)) continue;
      if (query.root !== undefined && query.root !== one.root) continue;
      all.push(one);
    }
    const atMs = (one: Acquisition) => one.startedAtMs ?? one.createdAtMs;
    all.sort((a, b) => atMs(b) - atMs(a) || (a.id < b.id ? 1 : -1));
    const limit = checkedLimit(query.limit);
    const at = query.after == null ? 0 : all.findIndex(({ id }) => id === query.after) + 1;
    const items = all.slice(at, at + limit);
    return { items, next: at + limit < all.length ? items.at(-1)!.id : null };
  }

  async acquisition(id: string): Promise<Acquisition | null> {
    return parsed(Acquisition, await this.kv.get(acquisitionKey(id)));
  }

  /** All zero for an acquisition without any; `null` where there is no such acquisition. */
  async counts(id: string): Promise<Counts | null> {
    const acquisition = await this.acquisition(id);
    if (acquisition === null) return null;
    const counts = (await this.kv.get(countKey(id))) as Counts | null;
    return withExpected(
      counts ?? emptyCounts(acquisition.createdAtMs),
      acquisition,
      counts?.holesSelected ?? 0,
    );
  }

  async atlas(acquisitionId: string): Promise<Atlas | null> {
    return parsed(Atlas, await this.kv.get(atlasKey(acquisitionId)));
  }

  async tiles(acquisitionId: string): Promise<Tile[]> {
    return await this.#all(Tile, { prefix: tileKey(acquisitionId) });
  }

  /** Where squares lie on tiles, square by square. */
  async tileLinks(acquisitionId: string, squareId?: number): Promise<TileLink[]> {
    return await this.#all(TileLink, { prefix: linkKey(acquisitionId, squareId) });
  }

  /** In the order of EPU's ids. */
  async squares(query: SquaresQuery): Promise<Page<GridSquare>> {
    const { acquisitionId, filters = {} } = query;
    const acquisition = await this.acquisition(acquisitionId);
    return await this.#page(
      query,
      squareKey(acquisitionId),
      (value) => {
        const square = GridSquare.parse(value);
        return withExpected(square, acquisition, square.holesSelected);
      },
      (square) =>
        same(filters.lowMag, square.lowMag) && same(filters.selected, square.selected) &&
        same(filters.state, square.state) && same(filters.category, square.category) &&
        same(filters.imaged, square.imagePath !== null),
    );
  }

  async square(acquisitionId: string, squareId: number): Promise<GridSquare | null> {
    const square = parsed(GridSquare, await this.kv.get(squareKey(acquisitionId, squareId)));
    return square &&
      withExpected(square, await this.acquisition(acquisitionId), square.holesSelected);
  }

  /** In the order of EPU's ids. */
  async holes(query: HolesQuery): Promise<Page<FoilHole>> {
    const { acquisitionId, squareId, filters = {} } = query;
    const acquisition = await this.acquisition(acquisitionId);
    return await this.#page(
      query,
      holeKey(acquisitionId, squareId),
      (value) => holeWithExpected(FoilHole.parse(value), acquisition),
      (hole) =>
        same(filters.selected, hole.selected) && same(filters.nearGridBar, hole.nearGridBar) &&
        same(filters.state, hole.state) &&
        same(filters.exposed, hole.exposures.seen > 0) &&
        (filters.qualityMin === undefined || (hole.quality ?? -Infinity) >= filters.qualityMin) &&
        (filters.qualityMax === undefined || (hole.quality ?? Infinity) <= filters.qualityMax),
    );
  }

  /** `squareId` `null`: wherever it lies. */
  async hole(
    acquisitionId: string,
    squareId: number | null,
    holeId: number,
  ): Promise<FoilHole | null> {
    const square = squareId ?? await this.squareOfHole(acquisitionId, holeId);
    if (square === null) return null;
    const hole = parsed(FoilHole, await this.kv.get(holeKey(acquisitionId, square, holeId)));
    return hole && holeWithExpected(hole, await this.acquisition(acquisitionId));
  }

  async squareOfHole(acquisitionId: string, holeId: number): Promise<number | null> {
    return await this.kv.get(holeByIdKey(acquisitionId, holeId)) as number | null;
  }

  /** Every image taken of a square (hole 0) or of a hole, oldest name first. */
  async observations(
    acquisitionId: string,
    squareId: number,
    holeId = 0,
  ): Promise<Observation[]> {
    return await this.#all(Observation, {
      prefix: observationKey(acquisitionId, squareId, holeId),
    });
  }

  /** In the order in which they became known, or the other way round. */
  async micrographs(query: MicrographsQuery): Promise<Page<Micrograph>> {
    const { acquisitionId, squareId, holeId, newestFirst = false, filters = {} } = query;
    const passes = (one: Micrograph) =>
      same(filters.seen, one.xmlPath !== null) &&
      (filters.fromMs === undefined || (one.acquiredAtMs ?? -Infinity) >= filters.fromMs) &&
      (filters.toMs === undefined || (one.acquiredAtMs ?? Infinity) < filters.toMs) &&
      (filters.ctfResolutionMaxA === undefined ||
        (one.results.ctf?.maxResolutionA ?? Infinity) <= filters.ctfResolutionMaxA) &&
      (filters.processed === undefined || one.results[filters.processed] !== null);
    if (squareId === undefined) {
      const prefix = micrographKey(acquisitionId);
      return await this.#pageOf(
        query,
        prefix,
        newestFirst ? before(prefix, query.after) : after(prefix, query.after),
        (value) => Micrograph.parse(value),
        passes,
        newestFirst,
      );
    }
    const limit = checkedLimit(query.limit);
    const prefix = micrographByHoleKey(acquisitionId, squareId, holeId);
    const items: Micrograph[] = [];
    let last: string | null = null;
    const selector = newestFirst ? before(prefix, query.after) : after(prefix, query.after);
    for await (const { key } of this.kv.list(selector, { reverse: newestFirst })) {
      if (items.length === limit) return { items, next: last };
      const one = parsed(
        Micrograph,
        await this.kv.get(micrographKey(acquisitionId, String(key.at(-1)))),
      );
      if (one === null || !passes(one)) continue;
      items.push(one);
      last = cursorOf(prefix, key);
    }
    return { items, next: null };
  }

  async micrograph(
    ask:
      | { readonly id: string }
      | { readonly uniqueId: string; readonly acquisitionId?: string }
      | { readonly stem: string; readonly acquisitionId?: string },
  ): Promise<Micrograph | null> {
    if ("id" in ask) {
      const ref = await this.entity(ask.id);
      return ref?.kind !== "micrograph" ? null : parsed(
        Micrograph,
        await this.kv.get(micrographKey(ref.acquisitionId, ref.id ?? ask.id)),
      );
    }
    const found = "uniqueId" in ask
      ? await this.#byUniqueId(ask.uniqueId.toLowerCase(), ask.acquisitionId)
      : await this.#byStem(ask.stem, ask.acquisitionId);
    return found === null ? null : parsed(Micrograph, await this.kv.get(micrographKey(...found)));
  }

  /** What the id stands for, wherever it came from; `id` in it is the entity's own where that is another. */
  async entity(id: string): Promise<EntityRef | null> {
    return parsed(EntityRef, await this.kv.get(entityKey(id)));
  }

  async findings(query: FindingsQuery): Promise<Page<StoredFinding>> {
    return await this.#page(
      query,
      findingKey(query.acquisitionId ?? undefined),
      (value) => StoredFinding.parse(value),
      ({ severity }) => query.severities === undefined || query.severities.includes(severity),
    );
  }

  async orphans(query: OrphansQuery): Promise<Page<Orphan>> {
    return await this.#page(
      query,
      orphanKey(query.acquisitionId ?? undefined),
      (value) => Orphan.parse(value),
      () => true,
    );
  }

  /** In the order of their paths. */
  async files(query: FilesQuery): Promise<Page<FileEntry>> {
    let selector: Deno.KvListSelector = { prefix: fileKey(query.root) };
    if (query.acquisitionId !== null) {
      const acquisition = await this.acquisition(query.acquisitionId);
      if (acquisition === null || acquisition.root === null) return { items: [], next: null };
      selector = filesBelow(acquisition.root, acquisition.folder);
    }
    const prefix = fileKey();
    const { start } = after(prefix, query.after);
    if (start !== undefined) selector = { ...selector, start };
    return await this.#pageOf(
      query,
      prefix,
      selector,
      (value) => FileEntry.parse(value),
      (one) =>
        (query.states === undefined || query.states.includes(one.state)) &&
        (query.kinds === undefined || query.kinds.includes(one.kind)),
    );
  }

  /** Where findings and orphans of a folder without an acquisition stand. */
  folderScope(root: string, folder: string): string {
    return folderScope(root, folder);
  }

  async #byUniqueId(guid: string, a?: string): Promise<[string, string] | null> {
    const prefix = micrographByUniqueIdKey(guid);
    for await (
      const { key } of this.kv.list({ prefix: a === undefined ? prefix : [...prefix, a] })
    ) {
      return [String(key.at(-2)), String(key.at(-1))];
    }
    return null;
  }

  async #byStem(stem: string, a?: string): Promise<[string, string] | null> {
    if (a !== undefined) {
      const id = await this.kv.get(micrographByStemKey(stem, a));
      return id === null ? null : [a, String(id)];
    }
    for await (const { key, value } of this.kv.list({ prefix: micrographByStemKey(stem) })) {
      return [String(key.at(-1)), String(value)];
    }
    return null;
  }

  async #all<T>(schema: { parse(value: unknown): T }, selector: Deno.KvListSelector): Promise<T[]> {
    const found: T[] = [];
    for await (const { value } of this.kv.list(selector)) found.push(schema.parse(value));
    return found;
  }

  async #page<T>(
    query: Paged,
    prefix: Deno.KvKey,
    read: (value: unknown) => T,
    passes: (one: T) => boolean,
  ): Promise<Page<T>> {
    return await this.#pageOf(query, prefix, after(prefix, query.after), read, passes);
  }

  async #pageOf<T>(
    query: Paged,
    prefix: Deno.KvKey,
    selector: Deno.KvListSelector,
    read: (value: unknown) => T,
    passes: (one: T) => boolean,
    reverse = false,
  ): Promise<Page<T>> {
    const limit = checkedLimit(query.limit);
    const items: T[] = [];
    let last: string | null = null;
    for await (const { key, value } of this.kv.list(selector, { reverse })) {
      // One more than asked for tells whether there is another page.
      const one = read(value);
      if (!passes(one)) continue;
      if (items.length === limit) return { items, next: last };
      items.push(one);
      last = cursorOf(prefix, key);
    }
    return { items, next: null };
  }
}

function parsed<T>(schema: { parse(value: unknown): T }, value: unknown): T | null {
  return value === null ? null : schema.parse(value);
}

function holeWithExpected(hole: FoilHole, acquisition: Acquisition | null): FoilHole {
  return withExpected(hole, acquisition, isTarget(hole) ? 1 : 0);
}

function same<T>(wanted: T | undefined, found: T): boolean {
  return wanted === undefined || wanted === found;
}

function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX) return limit;
  throw new RangeError(`Cannot give ${limit} at once: 1 to ${PAGE_MAX}`);
}

/** The key's parts below `prefix`, as text that goes through a URL. */
function cursorOf(prefix: Deno.KvKey, key: Deno.KvKey): string {
  return JSON.stringify(key.slice(prefix.length));
}

/** @throws {RangeError} for a cursor that no list gave. */
function after(
  prefix: Deno.KvKey,
  cursor: string | null | undefined,
): { prefix: Deno.KvKey; start: Deno.KvKey } | { prefix: Deno.KvKey; start?: undefined } {
  if (cursor == null) return { prefix };
  // The first key after the last one given: nothing lies between a key and the same with a zero byte more.
  return { prefix, start: [...prefix, ...partsOf(cursor), new Uint8Array()] };
}

/** The same for a list that goes backwards: all before the last one given. @throws {RangeError} */
function before(prefix: Deno.KvKey, cursor: string | null | undefined): Deno.KvListSelector {
  return cursor == null ? { prefix } : { prefix, end: [...prefix, ...partsOf(cursor)] };
}

/** @throws {RangeError} */
function partsOf(cursor: string): Deno.KvKeyPart[] {
  let parts: unknown;
  try {
    parts = JSON.parse(cursor);
  } catch {
    parts = null;
  }
  const fits = Array.isArray(parts) && parts.length > 0 && parts.length <= 5 &&
    parts.every((part) => typeof part === "string" || Number.isSafeInteger(part));
  if (!fits) throw new RangeError(`"${cursor}" is not where a page ended`);
  return parts as Deno.KvKeyPart[];
}
