import { type Clock, delay } from "../../clock.ts";
import type { EventLog, HoldfastEvent } from "../../events.ts";
import type { Kv } from "../../kv.ts";
import type { Log } from "../../log.ts";
import { accept } from "../../result.ts";
import { digestOf } from "../keys.ts";
import type { GridSquare } from "../model.ts";
import type { EpuStore, Page } from "../store.ts";
import {
  acquisitionBody,
  atlasBody,
  type Body,
  gridBody,
  gridIdOf,
  holeBody,
  linkBody,
  micrographBody,
  squareBody,
} from "./bodies.ts";
import { type Remote, RemoteError } from "./remote.ts";

export interface SenderOptions {
  readonly kv: Kv;
  readonly store: EpuStore;
  readonly events: EventLog;
  readonly remote: Remote;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for the jitter of retries. */
  readonly random?: () => number;
}

/** What there is to be sent of one acquisition. */
interface Due {
  acquisition: boolean;
  atlas: boolean;
  /** `null`: all. */
  squareIds: Set<number> | null;
  micrographIds: Set<string> | null;
}

/** What we know of one entity at the backend. */
interface Shipped {
  readonly v: 1;
  /** Of the body that it has, or may have. */
  readonly digest: string;
  /** `sending`: nobody knows whether it arrived. */
  readonly state: "sending" | "sent" | "refused";
}

interface Parcel {
  readonly kind: string;
  readonly id: string;
  readonly body: Body;
  /** Where it is created. */
  readonly post: string;
  /** Where it stands once it is there, for asking and replacing; `null`: it is only ever created. */
  readonly own: string | null;
}

const EVENTS_AT_ONCE = 200;
const TOGETHER = 32;
const HOLES_TOGETHER = 200;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;
const POSITION: Deno.KvKey = ["epu", "shipped", "position"];

function shippedKey(kind: string, id: string): Deno.KvKey {
  return ["epu", "shipped", kind, id];
}

/**
 * Passes on what the store learns to a SmartEM API elsewhere. The store is the buffer: its event log says what
 * changed since the position kept here, so a network that is away costs nothing but time. Each entity goes out
 * once for each change; where it is not known whether it arrived, the backend is asked before it is told again.
 */
export class Sender {
  #pending = 0;
  #position = 0;

  constructor(private readonly options: SenderOptions) {}

  /** Sends until `signal` aborts; with `untilDone`, returns once everything known has been sent. */
  async run(signal: AbortSignal, { untilDone = false } = {}): Promise<void> {
    const { clock, log, random = Math.random } = this.options;
    for (let tries = 0; !signal.aborted;) {
      try {
        const wasIdle = await this.#round(signal);
        tries = 0;
        if (!wasIdle) continue;
        if (untilDone) return;
        await this.#news(signal);
      } catch (error) {
        if (signal.aborted) return;
        const whole = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(10, tries++));
        const waitMs = whole / 2 + random() * whole / 2;
        const isAway = error instanceof RemoteError;
        log[isAway ? "warn" : "error"]("the backend does not take what there is; it is kept", {
          error: isAway ? error.message : error,
          againInMs: Math.round(waitMs),
        });
        await delay(clock, waitMs, signal).catch(() => {});
      }
    }
  }

  /** Events that have not been sent on. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether there was nothing to do. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { kv, events } = this.options;
    const position = Number(await kv.get(POSITION) ?? 0);
    this.#position = position;
    this.#pending = kv.seq - position;
    const first = await events.firstSeq();
    if (first > position + 1 && kv.seq > 0) {
      // Some events were trimmed unsent: everything is compared with what was sent.
      const until = kv.seq;
      for (const id of await this.#acquisitionIds()) await this.#send(id, everything(), signal);
      await this.#moveTo(until);
      return false;
    }
    const some = await events.read({ afterSeq: position, limit: EVENTS_AT_ONCE });
    if (some.length === 0) return true;
    for (const [id, due] of dueOf(some)) await this.#send(id, due, signal);
    await this.#moveTo(some.at(-1)!.seq);
    return false;
  }

  async #moveTo(seq: number): Promise<void> {
    await this.options.kv.transact<null, never>(
      [POSITION],
      () => accept({ value: null, set: [[POSITION, seq]] }),
    );
  }

  async #acquisitionIds(): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | null = null;;) {
      const page: Page<{ id: string }> = await this.options.store.acquisitions({
        limit: 1000,
        after,
      });
      ids.push(...page.items.map(({ id }) => id));
      if (page.next === null) return ids;
      after = page.next;
    }
  }

  /** Parents before children: the backend refuses a child whose parent it does not have. */
  async #send(a: string, due: Due, signal: AbortSignal): Promise<void> {
    const { store } = this.options;
    const acquisition = await store.acquisition(a);
    if (acquisition === null) return;
    const grid = gridIdOf(a);
    await this.#deliver([{
      kind: "acquisition",
      id: a,
      body: acquisitionBody(acquisition),
      post: "/acquisitions",
      own: `/acquisitions/${a}`,
    }], signal);
    await this.#deliver([{
      kind: "grid",
      id: grid,
      body: gridBody(acquisition),
      post: `/acquisitions/${a}/grids`,
      own: `/grids/${grid}`,
    }], signal);
    if (due.atlas) await this.#sendAtlas(a, signal);
    const squares = await this.#squares(a, due);
    await this.#deliver(
      squares.map((square) => ({
        kind: "square",
        id: square.id,
        body: squareBody(square),
        post: `/grids/${grid}/gridsquares`,
        own: `/gridsquares/${square.id}`,
      })),
      signal,
    );
    if (due.atlas) await this.#sendLinks(a, signal);
    for (const square of squares) await this.#sendHoles(a, square, signal);
    await this.#sendMicrographs(a, due, squares, signal);
  }

  async #squares(a: string, { squareIds, atlas }: Due): Promise<GridSquare[]> {
    const { store } = this.options;
    if (squareIds !== null && !atlas) {
      const some = await Promise.all([...squareIds].map((id) => store.square(a, id)));
      return some.filter((square) => square !== null);
    }
    const all: GridSquare[] = [];
    for (let after: string | null = null;;) {
      const page: Page<GridSquare> = await store.squares({ acquisitionId: a, limit: 1000, after });
      all.push(...page.items);
      if (page.next === null) return all;
      after = page.next;
    }
  }

  async #sendAtlas(a: string, signal: AbortSignal): Promise<void> {
    const { store } = this.options;
    const atlas = await store.atlas(a);
    if (atlas === null) return;
    await this.#deliver([{
      kind: "atlas",
      id: atlas.id,
      body: atlasBody(atlas, await store.tiles(a)),
      post: `/grids/${gridIdOf(a)}/atlas`,
      own: `/atlases/${atlas.id}`,
    }], signal);
  }

  async #sendLinks(a: string, signal: AbortSignal): Promise<void> {
    const { store } = this.options;
    const tiles = new Map((await store.tiles(a)).map(({ tileId, id }) => [tileId, id]));
    const squares = new Map<number, string>();
    for (const { squareId, id } of await this.#squares(a, everything())) squares.set(squareId, id);
    const parcels: Parcel[] = [];
    for (const link of await store.tileLinks(a)) {
      const tile = tiles.get(link.tileId);
      const square = squares.get(link.squareId);
      if (tile === undefined || square === undefined) continue;
      parcels.push({
        kind: "link",
        id: `${tile}/${square}`,
        body: linkBody(link, square),
        post: `/atlas-tiles/${tile}/gridsquares/${square}`,
        own: null,
      });
    }
    await this.#deliver(parcels, signal);
  }

  /** Holes go as a list, which the backend takes at once; those it has are replaced one by one. */
  async #sendHoles(a: string, square: GridSquare, signal: AbortSignal): Promise<void> {
    const { store, remote } = this.options;
    const post = `/gridsquares/${square.id}/foilholes`;
    let fresh = 0;
    for (let after: string | null = null;;) {
      const page: Page<Parameters<typeof holeBody>[0]> = await store.holes({
        acquisitionId: a,
        squareId: square.squareId,
        limit: HOLES_TOGETHER,
        after,
      });
      const parcels = page.items.map((hole): Parcel => ({
        kind: "hole",
        id: hole.id,
        body: holeBody(hole, square.id),
        post,
        own: `/foilholes/${hole.id}`,
      }));
      const known = await this.#known(parcels);
      const unsure = parcels.some(({ id }) => known.get(id)?.state === "sending");
      const there = unsure ? await this.#holesThere(post, signal) : new Set<string>();
      const isNew = ({ id }: Parcel) => {
        const state = known.get(id)?.state;
        return state === undefined || (state === "sending" && !there.has(id));
      };
      const unborn = parcels.filter(isNew);
      if (unborn.length > 0) {
        await this.#mark(unborn, "sending");
        await remote.ask("POST", post, unborn.map(({ body }) => body), signal);
        await this.#mark(unborn, "sent");
        fresh += unborn.length;
      }
      await this.#deliver(parcels.filter((one) => !isNew(one)), signal);
      if (page.next === null) break;
      after = page.next;
    }
    if (fresh > 0 && !square.lowMag) {
      await remote.ask(
        "POST",
        `/gridsquares/${square.id}/registered?count=${square.holes}`,
        undefined,
        signal,
      );
    }
  }

  async #holesThere(path: string, signal: AbortSignal): Promise<Set<string>> {
    const found = await this.options.remote.ask("GET", path, undefined, signal);
    return new Set(
      Array.isArray(found) ? found.map((one) => String((one as { uuid?: unknown }).uuid)) : [],
    );
  }

  async #sendMicrographs(
    a: string,
    { micrographIds }: Due,
    squares: readonly GridSquare[],
    signal: AbortSignal,
  ): Promise<void> {
    const { store } = this.options;
    const holes = new Map<string, string | null>();
    const parcels: Parcel[] = [];
    const add = async (one: Parameters<typeof micrographBody>[0] | null) => {
      // What only EPU's ledger names has no image to speak of.
      if (one === null || (one.xmlPath === null && one.sources.compat === undefined)) return;
      const place = `${one.squareId}/${one.holeId}`;
      if (!holes.has(place)) {
        holes.set(place, (await store.hole(a, one.squareId, one.holeId))?.id ?? null);
      }
      const hole = holes.get(place);
      if (hole == null) return;
      parcels.push({
        kind: "micrograph",
        id: one.id,
        body: micrographBody(one, hole),
        post: `/foilholes/${hole}/micrographs`,
        own: `/micrographs/${one.id}`,
      });
      if (parcels.length >= TOGETHER) await this.#deliver(parcels.splice(0), signal);
    };
    if (micrographIds !== null) {
      for (const id of micrographIds) await add(await store.micrograph({ id }));
    } else {
      for (const { squareId } of squares) {
        for (let after: string | null = null;;) {
          const page: Page<Parameters<typeof micrographBody>[0]> = await store.micrographs({
            acquisitionId: a,
            squareId,
            limit: 500,
            after,
          });
          for (const one of page.items) await add(one);
          if (page.next === null) break;
          after = page.next;
        }
      }
    }
    await this.#deliver(parcels, signal);
  }

  /** Each as it needs it: nothing, created, replaced, or asked about first. */
  async #deliver(parcels: readonly Parcel[], signal: AbortSignal): Promise<void> {
    for (let i = 0; i < parcels.length; i += TOGETHER) {
      const some = parcels.slice(i, i + TOGETHER);
      const known = await this.#known(some);
      const due = some.filter(({ id, body }) => {
        const record = known.get(id);
        return record === undefined || record.state === "sending" ||
          record.digest !== digestOfBody(body);
      });
      await this.#mark(due.filter(({ id }) => known.get(id) === undefined), "sending");
      const sent: Parcel[] = [];
      try {
        for (const parcel of due) {
          if (await this.#hand(parcel, known.get(parcel.id), signal)) sent.push(parcel);
        }
      } finally {
        await this.#mark(sent, "sent");
      }
    }
  }

  /** Whether the backend has it now; one that it refuses for good is kept as such and passed over. */
  async #hand(
    { kind, id, body, post, own }: Parcel,
    known: Shipped | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { remote, log } = this.options;
    try {
      const isThere = own !== null && (known?.state === "sent" ||
        (known?.state === "sending" && await remote.ask("GET", own, undefined, signal) !== null));
      if (isThere) await remote.ask("PUT", own, body, signal);
      else await remote.ask("POST", post, body, signal);
      return true;
    } catch (error) {
      const status = error instanceof RemoteError ? error.status : null;
      // It is there already: brought by an earlier life that did not hear the answer.
      if (own === null && known !== undefined && (status === 409 || status === 500)) return true;
      if (own !== null && status === 409) {
        await remote.ask("PUT", own, body, signal);
        return true;
      }
      if (!(error instanceof RemoteError) || error.kind !== "refused") throw error;
      log.error("the backend refuses an entity", { kind, id, error: error.message });
      await this.#mark([{ kind, id, body, post, own }], "refused");
      return false;
    }
  }

  async #known(parcels: readonly Parcel[]): Promise<Map<string, Shipped>> {
    const known = new Map<string, Shipped>();
    for (let i = 0; i < parcels.length; i += 90) {
      const some = parcels.slice(i, i + 90);
      const keys = some.map(({ kind, id }) => shippedKey(kind, id));
      const read = await this.options.kv.transact<(Shipped | null)[], never>(
        keys,
        (seen) => accept({ value: seen.map(({ value }) => value as Shipped | null) }),
      );
      if (!read.ok) continue;
      for (const [at, record] of read.value.entries()) {
        if (record !== null) known.set(some[at]!.id, record);
      }
    }
    return known;
  }

  async #mark(parcels: readonly Parcel[], state: Shipped["state"]): Promise<void> {
    if (parcels.length === 0) return;
    // Only this sender writes them, and nothing is decided on what they were.
    await this.options.kv.transact<null, never>([], () =>
      accept({
        value: null,
        set: parcels.map(({ kind, id, body }) =>
          [shippedKey(kind, id), { v: 1, digest: digestOfBody(body), state }] as const
        ),
      }));
  }

  /** Resolves with the next commit that brought events. */
  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        unlisten();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const unlisten = this.options.kv.onEvents(end);
      signal.addEventListener("abort", end, { once: true });
      // One that came before we listened.
      if (signal.aborted || this.options.kv.seq > this.#position) end();
    });
  }
}

function everything(): Due {
  return { acquisition: true, atlas: true, squareIds: null, micrographIds: null };
}

function dueOf(events: readonly HoldfastEvent[]): Map<string, Due> {
  const all = new Map<string, Due>();
  for (const { type, data } of events) {
    const id = data.acquisitionId;
    if (!type.startsWith("epu.") || typeof id !== "string") continue;
    const due = all.get(id) ?? {
      acquisition: false,
      atlas: false,
      squareIds: new Set<number>(),
      micrographIds: new Set<string>(),
    };
    due.atlas ||= data.atlas === true;
    if (data.squareIds === null) due.squareIds = null;
    else for (const one of asList(data.squareIds)) due.squareIds?.add(Number(one));
    if (data.micrographIds === null) due.micrographIds = null;
    else for (const one of asList(data.micrographIds)) due.micrographIds?.add(String(one));
    all.set(id, due);
  }
  return all;
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function digestOfBody(body: Body): string {
  return digestOf(JSON.stringify(body));
}
