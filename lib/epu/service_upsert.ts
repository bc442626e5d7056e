import type { Clock } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import { emptyCounts } from "./counts.ts";
import type { Op } from "./ingest_ops.ts";
import type { Committer, OpGroup } from "./ingest_commit.ts";
import {
  acquisitionByEpuKey,
  acquisitionKey,
  countKey,
  entityKey,
  holeKey,
  naturalKeyOf,
  squareKey,
} from "./keys.ts";
import { merged, type Rows } from "./merge.ts";
import { Acquisition, type TileLink } from "./model.ts";

/** What a caller of the SmartEM API says of one entity; fields it leaves out stay as they are. */
export type Upsert =
  | { readonly on: "atlas"; readonly id?: string; readonly fields: Partial<Rows["atlas"]> }
  | {
    readonly on: "tile";
    readonly id?: string;
    readonly tileId: number;
    readonly fields: Partial<Rows["tile"]>;
  }
  | { readonly on: "link"; readonly link: Omit<TileLink, "v"> }
  | {
    readonly on: "square";
    readonly id?: string;
    readonly squareId: number;
    readonly fields: Partial<Rows["square"]>;
  }
  | {
    readonly on: "hole";
    readonly id?: string;
    readonly squareId: number;
    readonly holeId: number;
    readonly fields: Partial<Rows["hole"]>;
  }
  | {
    readonly on: "micrograph";
    readonly id?: string;
    readonly squareId: number;
    readonly holeId: number;
    /** The file's name without ending: with the acquisition it names the exposure. */
    readonly stem: string;
    readonly areaId: number;
    readonly k: number;
    readonly fields: Partial<Rows["micrograph"]>;
  };

export type UpsertRefusal =
  | { readonly kind: "unknown-acquisition"; readonly acquisitionId: string }
  | { readonly kind: "unknown-square"; readonly squareId: number }
  | { readonly kind: "unknown-hole"; readonly squareId: number; readonly holeId: number };

export interface AcquisitionAsk {
  /** Kept as the acquisition's id, or as a further name where the same session is here already. */
  readonly id?: string;
  readonly fields: Partial<Rows["acquisition"]> & { readonly name: string };
}

/** Writes what callers of the SmartEM API bring: the same rows, found by the same natural keys. */
export class Upserts {
  constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly committer: Committer,
  ) {}

  async acquisition({ id, fields }: AcquisitionAsk, actor: string): Promise<Acquisition> {
    const nowMs = this.clock.nowMs();
    const natural = naturalKeyOf({
      name: fields.name,
      epuId: fields.epuId ?? null,
      startedAtMs: fields.startedAtMs ?? null,
    });
    // Without an id of EPU's and a start, a name alone says nothing: the caller's id decides.
    const isNamed = fields.epuId != null || fields.startedAtMs != null;
    const fresh = id ?? newId(this.clock);
    const byEpu = isNamed ? await this.kv.get(acquisitionByEpuKey(natural)) : null;
    const known = await this.kv.get(entityKey(fresh)) as
      | { acquisitionId: string; kind: string }
      | null;
    const own = known?.kind === "acquisition"
      ? known.acquisitionId
      : byEpu === null
      ? fresh
      : String(byEpu);
    const keys = [acquisitionKey(own), entityKey(fresh), acquisitionByEpuKey(natural)];
    const done = await this.kv.transact<Acquisition, never>(keys, ([rowSeen, refSeen, epuSeen]) => {
      const before = rowSeen!.value === null ? null : Acquisition.parse(rowSeen!.value);
      const row = before ?? Acquisition.parse({
        v: 1,
        id: own,
        acquisitionId: own,
        inferred: true,
        sources: {},
        createdAtMs: nowMs,
        changedAtMs: nowMs,
        name: fields.name,
        state: "started",
        folder: "",
        areas: [],
        squaresListed: null,
      });
      const next = merged("acquisition", row, fields, {
        source: "compat",
        path: actor,
        atMs: nowMs,
      });
      const set: [Deno.KvKey, unknown][] = [];
      if (next !== before) set.push([acquisitionKey(own), Acquisition.parse(next)]);
      if (before === null) set.push([countKey(own), emptyCounts(nowMs)]);
      if (refSeen!.value === null) {
        const alias = own === fresh ? {} : { id: own };
        set.push([entityKey(fresh), {
          v: 1,
          kind: "acquisition",
          acquisitionId: own,
          ...alias,
        }]);
      }
      if (isNamed && epuSeen!.value === null) set.push([acquisitionByEpuKey(natural), own]);
      const events = next === before ? [] : [{
        type: "epu.acquisition",
        subject: own,
        actor,
        text: before === null ? "started" : "updated",
        data: { acquisitionId: own, state: next.state, acquisition: true },
      }];
      return accept({ value: next, set, events });
    });
    if (!done.ok) throw new TypeError("An acquisition was refused");
    return done.value;
  }

  /** All or, where a parent is not here, nothing. */
  async write(
    acquisitionId: string,
    asks: readonly Upsert[],
    actor: string,
  ): Promise<Result<null, UpsertRefusal>> {
    if (await this.kv.get(acquisitionKey(acquisitionId)) === null) {
      return refuse({ kind: "unknown-acquisition", acquisitionId });
    }
    const refusal = await this.#missingParent(acquisitionId, asks);
    if (refusal !== null) return refuse(refusal);
    const own = { source: "compat", path: actor } as const;
    const groups: OpGroup[] = asks.map((ask): Op[] => [
      ask.on === "link" ? { on: "link", ...own, link: { v: 1, ...ask.link } } : { ...own, ...ask },
    ]);
    await this.committer.run({
      acquisitionId,
      subject: acquisitionId,
      actor,
      groups,
      sift: false,
      event: (touched, counts) => {
        const { atlas, squares, micrographs, holes } = touched;
        if (!atlas && squares.size + micrographs.size + holes === 0) return null;
        return {
          type: "epu.changed",
          subject: acquisitionId,
          actor,
          text: `${squares.size} squares, ${holes} holes, ${micrographs.size} micrographs`,
          data: {
            acquisitionId,
            acquisition: false,
            atlas,
            squareIds: [...squares].slice(0, 200),
            micrographIds: [...micrographs].slice(0, 200),
            holes,
            files: 0,
            ...(counts === null ? {} : { counts }),
          },
        };
      },
    });
    return accept(null);
  }

  async #missingParent(a: string, asks: readonly Upsert[]): Promise<UpsertRefusal | null> {
    const brought = new Set<string>();
    const wanted = new Map<string, { key: Deno.KvKey; refusal: UpsertRefusal }>();
    for (const ask of asks) {
      if (ask.on === "square") brought.add(`s${ask.squareId}`);
      if (ask.on === "hole") {
        brought.add(`h${ask.holeId}`);
        const { squareId } = ask;
        const refusal = { kind: "unknown-square", squareId } as const;
        wanted.set(`s${squareId}`, { key: squareKey(a, squareId), refusal });
      }
      if (ask.on === "micrograph") {
        const { squareId, holeId } = ask;
        const refusal = { kind: "unknown-hole", squareId, holeId } as const;
        wanted.set(`h${holeId}`, { key: holeKey(a, squareId, holeId), refusal });
      }
    }
    const asked = [...wanted].filter(([name]) => !brought.has(name)).map(([, one]) => one);
    const found = await this.committer.read(asked.map(({ key }) => key));
    const missing = found.findIndex(({ value }) => value === null);
    return missing === -1 ? null : asked[missing]!.refusal;
  }
}
