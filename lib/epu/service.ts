import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { accept, refuse, type Result } from "../result.ts";
import { Ingest, type Taken } from "./ingest.ts";
import type { DriveMapping } from "./ingest_atlas.ts";
import { fileKey, squareKey } from "./keys.ts";
import {
  type Acquisition,
  type AcquisitionState,
  type Counts,
  FileEntry,
  GridSquare,
} from "./model.ts";
import { ResultStore } from "./results/mod.ts";
import { deleteAcquisition, deleteEntity, type DeleteRefusal } from "./service_delete.ts";
import { AgentFeed, type AskAgent, type Unreachable } from "./service_feed.ts";
import { type AcquisitionAsk, type Upsert, type UpsertRefusal, Upserts } from "./service_upsert.ts";
import { EpuStore } from "./store.ts";
import type { KnownFile, WatchRoot } from "./watch/mod.ts";

/** One folder that EPU writes to, as configured; paths absolute. */
export interface EpuFolder {
  readonly name: string;
  readonly dir: string;
  /** Where atlases lie that sessions of this folder point to. */
  readonly atlasRoots: readonly string[];
  readonly drives: readonly DriveMapping[];
}

export interface EpuOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly folders?: readonly EpuFolder[];
  /** From the first sight of an orphan until its parent is made; default 60 s. */
  readonly graceMs?: number;
  /** Without a change for so long, a session with nothing left to do is finished; default 30 min. */
  readonly finishedMs?: number;
}

const GRACE_MS = 60_000;
const FINISHED_MS = 30 * 60_000;
const HOUSEKEEPING_MS = 10_000;

/** The roots an agent watches for these folders: the folders, and where their atlases lie. */
export function rootsOf(folders: readonly EpuFolder[]): WatchRoot[] {
  return folders.flatMap(({ name, dir, atlasRoots }) => [
    { name, dir },
    ...atlasRoots.map((root, i) => ({ name: `${name}.atlas${i + 1}`, dir: root, atlasOnly: true })),
  ]);
}

/** The cryo-EM sessions of this instrument: what is known of them, and everything that changes it. */
export class Epu extends EpuStore {
  readonly #upserts: Upserts;
  readonly #roots: ReadonlyMap<string, string>;
  readonly #feeds: AgentFeed[] = [];
  #cancel = () => {};
  #closed = false;

  private constructor(private readonly options: EpuOptions, private readonly ingest: Ingest) {
    super(options.kv);
    this.#upserts = new Upserts(options.kv, options.clock, ingest.committer);
    this.#roots = new Map(rootsOf(options.folders ?? []).map(({ name, dir }) => [name, dir]));
    this.#keepHouse();
  }

  static async open(options: EpuOptions): Promise<Epu> {
    const { kv, clock, log, folders = [] } = options;
    const dirs = new Map(rootsOf(folders).map(({ name, dir }) => [name, dir]));
    const ingest = await Ingest.open({
      kv,
      clock,
      log,
      graceMs: options.graceMs ?? GRACE_MS,
      drives: folders.flatMap(({ drives }) => drives),
      dirOf: (root) => dirs.get(root) ?? `/${root}`,
    });
    return new Epu(options, ingest);
  }

  /** The folder that a file's or an atlas's `root` names, on this machine; `null` for one not configured. */
  dirOf(root: string): string | null {
    return this.#roots.get(root) ?? null;
  }

  /** Where atlases lie, beside the folder itself, that sessions of the watched folder `root` point to. */
  atlasRootsOf(root: string): readonly string[] {
    return this.options.folders?.find(({ name }) => name === root)?.atlasRoots ?? [];
  }

  /** Takes files in; resolves once they are on the disk. */
  take(files: readonly Taken[]): Promise<void> {
    return this.ingest.take(files);
  }

  /** Makes the parents that orphans still wait for, after the grace; `now`: without waiting for it. */
  settle(now = false): Promise<void> {
    return this.ingest.sweep(now);
  }

  /** An agent whose batches are taken in; its owner tells when it starts and ends. */
  feed(
    ask: AskAgent,
    onUnreachable: (folders: readonly Unreachable[]) => void = () => {},
  ): AgentFeed {
    const { clock, log } = this.options;
    const feed = new AgentFeed({
      ask,
      clock,
      log,
      known: () => this.knownFiles(),
      take: (files) => this.take(files),
      onUnreachable,
    });
    this.#feeds.push(feed);
    return feed;
  }

  /** The manifest of every watched folder. */
  async *knownFiles(): AsyncGenerator<KnownFile> {
    for (const root of this.#roots.keys()) {
      for await (const { value } of this.kv.list({ prefix: fileKey(root) })) {
        yield FileEntry.parse(value);
      }
    }
  }

  /** Keeps the caller's uuid; the same session told again with another uuid gets a further name. */
  upsertAcquisition(ask: AcquisitionAsk, actor: string): Promise<Acquisition> {
    return this.ingest.alone(() => this.#upserts.acquisition(ask, actor));
  }

  /** Creates or updates entities of one acquisition, parents first within `asks`. */
  upsert(
    acquisitionId: string,
    asks: readonly Upsert[],
    actor: string,
  ): Promise<Result<null, UpsertRefusal>> {
    return this.ingest.alone(() => this.#upserts.write(acquisitionId, asks, actor));
  }

  /** Closes, pauses, abandons or reopens; later files reopen what is completed. */
  async setState(
    id: string,
    state: AcquisitionState,
    actor: string,
    reason: string,
  ): Promise<Result<Acquisition, { kind: "unknown" }>> {
    const row = await this.ingest.alone(() => this.ingest.setState(id, state, actor, reason));
    return row === null ? refuse({ kind: "unknown" }) : accept(row);
  }

  /** A person's note on a square; `null` takes it away. */
  async note(
    acquisitionId: string,
    squareId: number,
    note: string | null,
    actor: string,
  ): Promise<Result<GridSquare, { kind: "unknown" }>> {
    const key = squareKey(acquisitionId, squareId);
    const nowMs = this.options.clock.nowMs();
    return await this.kv.transact<GridSquare, { kind: "unknown" }>([key], ([seen]) => {
      if (seen!.value === null) return refuse({ kind: "unknown" });
      const row = GridSquare.parse(seen!.value);
      if (row.note === note) return accept({ value: row });
      const sources = { ...row.sources, person: { path: actor, seenAtMs: nowMs } };
      const next: GridSquare = { ...row, note, sources, inferred: false, changedAtMs: nowMs };
      return accept({
        value: next,
        set: [[key, next]],
        events: [{
          type: "epu.note",
          subject: acquisitionId,
          actor,
          text: note === null ? `square ${squareId}: no note` : `square ${squareId}: ${note}`,
          data: { acquisitionId, squareId, squareIds: [squareId], note },
        }],
      });
    });
  }

  /** Removes a whole acquisition; `confirm` is its name. */
  deleteAcquisition(
    id: string,
    ask: { readonly confirm: string; readonly actor: string },
  ): Promise<Result<{ readonly removed: number }, DeleteRefusal>> {
    return this.ingest.alone(async () => {
      const isWatched = (root: string) => this.#roots.has(root);
      const done = await deleteAcquisition(this.kv, id, { ...ask, isWatched });
      if (done.ok) this.ingest.forget(id);
      return done;
    });
  }

  /** Removes one entity that no file speaks for. */
  deleteEntity(id: string, actor: string): Promise<Result<null, DeleteRefusal>> {
    const results = new ResultStore(this.kv, this.options.clock, this);
    const forget = (micrographId: string) => results.forget(micrographId, actor);
    return this.ingest.alone(() => deleteEntity(this.kv, this.ingest.committer, id, actor, forget));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await Promise.all(this.#feeds.map((feed) => feed.close()));
    // What is being written is written to its end.
    await this.ingest.alone(() => Promise.resolve());
  }

  #keepHouse(): void {
    const { clock, log } = this.options;
    this.#cancel = clock.timer(HOUSEKEEPING_MS, async () => {
      try {
        await this.settle();
        await this.#finish();
      } catch (error) {
        log.error("the housekeeping of cryo-EM sessions failed", { error });
      }
      if (!this.#closed) this.#keepHouse();
    });
  }

  /** EPU writes no end mark: nothing left to expose, nothing missing, and no change for a while. */
  async #finish(): Promise<void> {
    const { clock, finishedMs = FINISHED_MS } = this.options;
    for (const id of this.ingest.running()) {
      const counts = await this.counts(id);
      if (counts === null || clock.nowMs() - counts.changedAtMs < finishedMs) continue;
      if (!isDone(counts)) continue;
      await this.ingest.alone(() =>
        this.ingest.setState(id, "completed", "system", "every selected hole has its exposures")
      );
    }
  }
}

function isDone({ holesSelected, holesFinished, exposures, orphans }: Counts): boolean {
  return holesSelected > 0 && holesFinished >= holesSelected &&
    exposures.listed === exposures.seen && orphans === 0;
}
