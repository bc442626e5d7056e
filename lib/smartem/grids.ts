import type { Acquisition, Epu } from "../epu/mod.ts";
import { gridIdOf } from "../epu/send/mod.ts";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import { gridByUuidKey, gridKey, squareWordKey } from "./keys.ts";
import { Grid, SquareWord } from "./model.ts";

/** Ends the name of a grid that nobody named: of a session that was read from its folder. */
const SUFFIX = gridIdOf("");
const REMOVED_AT_ONCE = 400;

/**
 * What callers say of grids and squares beyond what Holdfast keeps. A session lies on one grid, so every grid
 * posted for an acquisition is another name of the same one.
 */
export class Grids {
  constructor(private readonly kv: Kv, private readonly epu: Epu) {}

  /** The grid of an acquisition; `null` while only the acquisition was told of. */
  async of(acquisition: Acquisition): Promise<Grid | null> {
    const stored = await this.kv.get(gridKey(acquisition.id));
    if (stored !== null) return Grid.parse(stored);
    return acquisition.root === null ? null : {
      v: 1,
      acquisitionId: acquisition.id,
      uuid: gridIdOf(acquisition.id),
      name: acquisition.name === "" ? "Unknown" : acquisition.name,
      status: "none",
      dataDir: acquisition.folder,
      atlasDir: acquisition.atlasPath,
      scanStartedAtMs: acquisition.startedAtMs,
      scanEndedAtMs: acquisition.endedAtMs,
    };
  }

  /** By any of its names. */
  async find(uuid: string): Promise<{ grid: Grid; acquisition: Acquisition } | null> {
    const named = await this.kv.get(gridByUuidKey(uuid));
    const id = named !== null
      ? String(named)
      : uuid.endsWith(SUFFIX)
      ? uuid.slice(0, -SUFFIX.length)
      : null;
    const acquisition = id === null || id === "" ? null : await this.epu.acquisition(id);
    const grid = acquisition === null ? null : await this.of(acquisition);
    return grid === null ? null : { grid, acquisition: acquisition! };
  }

  /** The name under which the grid of an acquisition is shown. */
  async uuidOf(acquisitionId: string): Promise<string> {
    const stored = await this.kv.get(gridKey(acquisitionId)) as Grid | null;
    return stored?.uuid ?? gridIdOf(acquisitionId);
  }

  /** Changes the grid, or makes it; `uuid` is one of its names from now on. `null`: it is another one's. */
  async put(
    acquisition: Acquisition,
    uuid: string,
    change: Partial<Omit<Grid, "v" | "acquisitionId" | "uuid">>,
    actor: string,
  ): Promise<Grid | null> {
    const base = await this.of(acquisition);
    const keys = [gridKey(acquisition.id), gridByUuidKey(uuid)];
    const done = await this.kv.transact<Grid | null, never>(keys, ([seen, named]) => {
      if (named!.value !== null && named!.value !== acquisition.id) return accept({ value: null });
      const before = seen!.value === null ? null : Grid.parse(seen!.value);
      const fresh: Grid = base ?? {
        v: 1,
        acquisitionId: acquisition.id,
        uuid,
        name: acquisition.name,
        status: "none",
        dataDir: null,
        atlasDir: null,
        scanStartedAtMs: null,
        scanEndedAtMs: null,
      };
      const grid = Grid.parse({
        ...before ?? { ...fresh, uuid },
        ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)),
      });
      if (JSON.stringify(grid) === JSON.stringify(before) && named!.value !== null) {
        return accept({ value: grid });
      }
      return accept({
        value: grid,
        set: [[gridKey(acquisition.id), grid], [gridByUuidKey(uuid), acquisition.id]],
        events: [{
          type: "epu.grid",
          subject: acquisition.id,
          actor,
          text: before === null ? "grid told of" : "grid updated",
          data: { acquisitionId: acquisition.id, gridUuid: uuid, status: grid.status },
        }],
      });
    });
    return done.ok ? done.value : null;
  }

  async word(acquisitionId: string, squareId: number): Promise<SquareWord | null> {
    const stored = await this.kv.get(squareWordKey(acquisitionId, squareId));
    return stored === null ? null : SquareWord.parse(stored);
  }

  /** Of all squares. */
  async words(acquisitionId: string): Promise<Map<number, SquareWord>> {
    const found = new Map<number, SquareWord>();
    for await (const { key, value } of this.kv.list({ prefix: squareWordKey(acquisitionId) })) {
      found.set(Number(key.at(-1)), SquareWord.parse(value));
    }
    return found;
  }

  /** One commit for all of `changes`, which are at most a batch. */
  async setWords(
    acquisitionId: string,
    changes: ReadonlyMap<number, Partial<Omit<SquareWord, "v">>>,
  ): Promise<void> {
    const all = [...changes].filter(([, change]) => Object.keys(change).length > 0);
    for (let from = 0; from < all.length; from += 90) {
      const some = all.slice(from, from + 90);
      const keys = some.map(([squareId]) => squareWordKey(acquisitionId, squareId));
      await this.kv.transact<null, never>(keys, (seen) =>
        accept({
          value: null,
          set: some.map(([, change], i) => {
            const stored = seen[i]!.value;
            const before = stored === null
              ? { v: 1, status: "none", dataDir: null, atlasNodeId: null }
              : SquareWord.parse(stored);
            return [keys[i]!, SquareWord.parse({ ...before, ...change })] as const;
          }),
        }));
    }
  }

  /** What is left of acquisitions that are gone. */
  async sweep(): Promise<void> {
    const gone = new Set<string>();
    for await (const { key } of this.kv.list({ prefix: gridKey() })) {
      const id = String(key.at(-1));
      if (await this.epu.acquisition(id) === null) gone.add(id);
    }
    for (const id of gone) await this.forget(id);
  }

  async forget(acquisitionId: string): Promise<void> {
    const keys: Deno.KvKey[] = [gridKey(acquisitionId)];
    for await (const { key } of this.kv.list({ prefix: squareWordKey(acquisitionId) })) {
      keys.push(key);
    }
    for await (const { key, value } of this.kv.list({ prefix: gridByUuidKey() })) {
      if (value === acquisitionId) keys.push(key);
    }
    for (let from = 0; from < keys.length; from += REMOVED_AT_ONCE) {
      const remove = keys.slice(from, from + REMOVED_AT_ONCE);
      await this.kv.transact<null, never>([], () => accept({ value: null, remove }));
    }
  }
}
