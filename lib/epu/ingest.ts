import type { Clock } from "../clock.ts";
import { ContentionError, type Kv, KvUnavailable } from "../kv.ts";
import type { Log } from "../log.ts";
import { accept } from "../result.ts";
import { Turns } from "../turns.ts";
import { FindingBook } from "./findings.ts";
import { Folders } from "./files.ts";
import { atlasFindings, chooseAtlas, type DriveMapping } from "./ingest_atlas.ts";
import type { Op } from "./ingest_ops.ts";
import { changeEvent, hasEntities } from "./ingest_event.ts";
import { Committer, type OpGroup } from "./ingest_commit.ts";
import { acquisitionFor } from "./ingest_session.ts";
import { withdrawals } from "./ingest_withdraw.ts";
import { factsOf, type FileSays } from "./ingest_facts.ts";
import { acquisitionKey, atlasKey, folderScope, holeByIdKey, holeKey, squareKey } from "./keys.ts";
import { Acquisition, type Atlas, type FileEntry, type Orphan } from "./model.ts";
import { OrphanBook } from "./orphans.ts";
import type { SessionFile } from "./read/files.ts";
import { fileKindOf } from "./read/mod.ts";
import type { TakenFile } from "./watch/mod.ts";

/** One file as the watcher took it, or what has become of it. */
export type Taken = TakenFile;

export interface IngestOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  /** A hole or square that its children name is made by itself after this time, ms. */
  readonly graceMs: number;
  readonly drives: readonly DriveMapping[];
  /** The folder of a root on this machine. */
  readonly dirOf: (root: string) => string;
}

const ACTOR = "system";
/** Files of one commit, where they are small. */
const TOGETHER_MAX = 24;

/**
 * Takes in what files say, in any order, as often as they are told: rows are found again by EPU's own ids, and
 * a file is done when its manifest entry says so, which is written last.
 */
export class Ingest {
  readonly committer: Committer;
  readonly #turns = new Turns();
  /** Which atlas file each acquisition has taken its atlas from. */
  readonly #joined = new Map<string, string>();
  /** What is in memory may be behind the store: something failed half-way. */
  #isStale = false;

  private constructor(
    private readonly options: IngestOptions,
    private folders: Folders,
    private orphans: OrphanBook,
    private findings: FindingBook,
  ) {
    this.committer = new Committer(options.kv, options.clock);
  }

  static async open(options: IngestOptions): Promise<Ingest> {
    const { kv } = options;
    const ingest = new Ingest(
      options,
      await Folders.open(kv),
      await OrphanBook.open(kv),
      await FindingBook.open(kv),
    );
    await ingest.#turns.take(() => ingest.#resume());
    return ingest;
  }

  /** Resolves once all of `batch` is on the disk. One batch after another. */
  take(batch: readonly Taken[]): Promise<void> {
    return this.#turns.take(() => this.#takeOrSetAside(batch, (some) => this.#take(some)));
  }

  /** Does `work` while nothing is taken in. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(work);
  }

  /**
   * Adopts orphans whose parent is here, and makes the parents of those that waited for longer than the
   * grace: most holes never get a file of their own. `now`: for all, however long they waited.
   */
  sweep(now = false): Promise<void> {
    return this.#turns.take(() => this.#fresh(() => this.#sweep(now)));
  }

  /**
   * One file that cannot be kept must not keep all others waiting: those of a batch that failed are done one
   * by one, and the one it is due to is told as unreadable. A store that fails is nobody's fault: it throws.
   */
  async #takeOrSetAside(
    batch: readonly Taken[],
    work: (some: readonly Taken[]) => Promise<void>,
  ): Promise<void> {
    try {
      return await this.#fresh(() => work(batch));
    } catch (error) {
      if (isOfTheStore(error)) throw error;
      if (batch.length === 1) return await this.#setAside(batch[0]!, error);
    }
    for (const one of batch) await this.#takeOrSetAside([one], work);
  }

  /** Does `work` on books that are as the store is. */
  async #fresh(work: () => Promise<void>): Promise<void> {
    if (this.#isStale) {
      const { kv } = this.options;
      this.folders = await Folders.open(kv);
      this.orphans = await OrphanBook.open(kv);
      this.findings = await FindingBook.open(kv);
      this.#joined.clear();
      this.#isStale = false;
    }
    try {
      await work();
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  async #setAside(taken: Taken, error: unknown): Promise<void> {
    const { root, path, kind } = taken;
    this.options.log.error("a file of EPU's cannot be kept", { root, path, error });
    const text = (error instanceof Error ? error.message : String(error)).slice(0, 400);
    const named = fileKindOf(path);
    const folder = "folder" in named ? named.folder : folderOf(path);
    await this.#fresh(async () => {
      const orphan = this.orphans.find(root, path);
      if (orphan !== null) await this.#leave(orphan);
      const scope = this.folders.acquisitionOf(root, folder) ?? folderScope(root, folder);
      await this.#note({
        ...taken,
        file: null,
        state: "unreadable",
        error: text,
        findings: [{
          code: "not-kept",
          severity: "error",
          path,
          where: null,
          text: `What this ${kind} says cannot be stored: ${text}`,
          consequence: "Nothing of this form of the file is known",
        }],
      }, scope);
    });
  }

  async #take(batch: readonly Taken[]): Promise<void> {
    const [touched, told] = [
      batch.filter((one) => one.unchanged),
      batch.filter((one) => !one.unchanged),
    ];
    if (touched.length > 0) await this.#touch(touched);
    await this.#takeTold(told);
  }

  async #touch(files: readonly Taken[]): Promise<void> {
    const nowMs = this.options.clock.nowMs();
    await this.committer.run({
      acquisitionId: null,
      subject: files[0]!.root,
      actor: ACTOR,
      groups: files.map((taken) => [{ on: "file", entry: entryOf(taken, nowMs) }]),
      sift: true,
      event: () => null,
    });
  }

  async #takeTold(batch: readonly Taken[]): Promise<void> {
    // Files of one acquisition that stand side by side share commits.
    let together: Taken[] = [];
    let owner: string | null = null;
    const flush = async () => {
      if (together.length > 0 && owner !== null) await this.#takeMany(owner, together);
      together = [];
    };
    for (const taken of batch) {
      const acquisitionId = this.#ownerOf(taken);
      const isSmall = taken.kind !== "session" && taken.kind !== "atlas" &&
        taken.kind !== "square-metadata";
      if (acquisitionId !== owner || together.length >= TOGETHER_MAX || !isSmall) await flush();
      owner = acquisitionId;
      if (acquisitionId !== null && isSmall) together.push(taken);
      else await this.#takeOne(taken, acquisitionId);
    }
    await flush();
  }

  #ownerOf({ root, path }: { root: string; path: string }): string | null {
    const named = fileKindOf(path);
    return "folder" in named ? this.folders.acquisitionOf(root, named.folder) : null;
  }

  async #takeOne(taken: Taken, acquisitionId: string | null): Promise<void> {
    if (taken.state === "taken" && taken.file?.kind === "session") {
      return await this.#takeSession(taken, taken.file);
    }
    if (taken.state === "taken" && taken.file?.kind === "atlas") {
      return await this.#takeAtlas(taken);
    }
    if (acquisitionId !== null) return await this.#takeMany(acquisitionId, [taken]);
    const named = fileKindOf(taken.path);
    const isOfAtlas = named.kind === "atlas" ||
      (named.kind === "pixels" && (named.of === "atlas" || named.of === "tile"));
    const belongs = "folder" in named && !isOfAtlas && named.kind !== "bookkeeping";
    const folder = "folder" in named ? named.folder : "";
    if (taken.state !== "taken" || !belongs) {
      return await this.#note(taken, folderScope(taken.root, folder));
    }
    await this.#shelve(taken, null, {
      scope: folderScope(taken.root, folder),
      parentKind: "acquisition",
      parentKey: folder,
    });
  }

  /** Files of a known acquisition: those whose parent is here are written, the others wait for it. */
  async #takeMany(a: string, files: readonly Taken[]): Promise<void> {
    const says = await this.#understood(a, files);
    const present = await this.#parentsHere(a, says);
    const groups: OpGroup[] = [];
    const made = new Set<string>();
    let sift = false;
    for (const { taken, facts } of says) {
      if (taken.state !== "taken" || facts === null) {
        groups.push(this.#noteOps(taken, a));
        continue;
      }
      const { awaits, stray } = facts;
      if (stray !== undefined) {
        await this.#write(a, groups.splice(0), sift);
        const place = { scope: a, parentKind: "hole", parentKey: `?/${stray}` } as const;
        await this.#shelve(taken, a, place);
        continue;
      }
      if (awaits !== null) {
        const parentKey = parentKeyOf(awaits);
        const here = present.has(`${awaits.kind}:${parentKey}`) ||
          made.has(`${awaits.kind}:${parentKey}`);
        if (!here) {
          await this.#write(a, groups.splice(0), sift);
          await this.#shelve(taken, a, { scope: a, parentKind: awaits.kind, parentKey });
          continue;
        }
      }
      if (facts.retract !== null) sift = true;
      groups.push(...await this.#opsOf(a, taken, facts, made));
    }
    const about = files.length === 1 ? says[0]!.facts?.retract ?? null : null;
    await this.#write(a, groups, sift, about?.of === "square" ? about.squareId : null);
  }

  /** What each file says, and `null` where it says nothing of entities. */
  async #understood(
    a: string,
    files: readonly Taken[],
  ): Promise<{ taken: Taken; facts: FileSays | null }[]> {
    const acquisition = await this.#acquisition(a);
    const strays = new Map<number, number | null>();
    for (const { path } of files) {
      const named = fileKindOf(path);
      if ("squareId" in named && named.squareId === null && "holeId" in named) {
        strays.set(named.holeId, null);
      }
    }
    const holeIds = [...strays.keys()];
    const found = await this.committer.read(holeIds.map((id) => holeByIdKey(a, id)));
    for (const [i, id] of holeIds.entries()) strays.set(id, found[i]!.value as number | null);
    return files.map((taken) => ({
      taken,
      facts: taken.state !== "taken" ? null : factsOf(taken.path, taken.file, taken.digest, {
        root: taken.root,
        zoneMin: acquisition.zoneMin,
        squareOfHole: (holeId) => strays.get(holeId) ?? null,
      }),
    }));
  }

  async #parentsHere(
    a: string,
    says: readonly { facts: FileSays | null }[],
  ): Promise<ReadonlySet<string>> {
    const wanted = new Map<string, Deno.KvKey>();
    for (const { facts } of says) {
      if (facts?.awaits == null) continue;
      const { kind, squareId, holeId } = facts.awaits;
      wanted.set(
        `${kind}:${parentKeyOf(facts.awaits)}`,
        kind === "square" ? squareKey(a, squareId) : holeKey(a, squareId, holeId),
      );
    }
    const found = await this.committer.read([...wanted.values()]);
    return new Set([...wanted.keys()].filter((_, i) => found[i]!.value !== null));
  }

  /** All ops of one file, in groups; those who waited for what it brings come with it. */
  async #opsOf(
    a: string,
    taken: Taken,
    facts: FileSays,
    made: Set<string>,
  ): Promise<OpGroup[]> {
    const groups: OpGroup[] = [];
    for (const statement of facts.statements) {
      groups.push(await this.#withAdoptees(a, statement, made));
    }
    if (facts.retract !== null) {
      groups.push(...await withdrawals(this.#store, a, facts, facts.retract));
    }
    const waited = this.orphans.find(taken.root, taken.path);
    groups.push([
      ...(waited === null ? [] : [await this.#adoptedOp(waited)]),
      ...this.#noteOps(taken, a),
    ]);
    return groups;
  }

  /** A statement and those who waited for what it makes: one group, for one commit. */
  async #withAdoptees(a: string, statement: Op, made: Set<string>): Promise<OpGroup> {
    const group: Op[] = [statement];
    for (const parent of parentsMadeBy(statement)) {
      if (made.has(parent)) continue;
      made.add(parent);
      group.push(...await this.#adoptees(a, parent, made));
    }
    return group;
  }

  async #adoptees(a: string, parent: string, made: Set<string>): Promise<Op[]> {
    const ops: Op[] = [];
    for (const orphan of this.orphans.waitingFor(a, parent)) {
      const shelved = await this.orphans.shelved(orphan);
      const taken: Taken = { ...shelved, state: "taken" };
      const [{ facts } = { facts: null }] = await this.#understood(a, [taken]);
      if (facts === null) continue;
      for (const statement of facts.statements) {
        ops.push(...await this.#withAdoptees(a, statement, made));
      }
      ops.push(await this.#adoptedOp(orphan), ...this.#noteOps(taken, a));
    }
    return ops;
  }

  async #adoptedOp(orphan: Orphan): Promise<Op> {
    return { on: "adopted", orphan, parts: await this.orphans.partsOf(orphan) };
  }

  get #store() {
    return { kv: this.options.kv, committer: this.committer };
  }

  /** The file's manifest entry, and what a person should know of it. */
  #noteOps(taken: Taken, scope: string): Op[] {
    return [
      ...this.findings.changes(scope, taken, this.options.clock.nowMs()),
      { on: "file", entry: entryOf(taken, this.options.clock.nowMs()) },
    ];
  }

  async #note(taken: Taken, scope: string): Promise<void> {
    const ops = this.#noteOps(taken, scope);
    await this.committer.run({
      acquisitionId: null,
      subject: taken.root,
      actor: ACTOR,
      groups: [ops],
      sift: true,
      event: (touched) =>
        touched.files + touched.findings === 0 ? null : {
          type: "epu.file",
          subject: taken.root,
          actor: ACTOR,
          text: `${taken.path}: ${taken.error ?? taken.state}`,
          data: { root: taken.root, path: taken.path, state: taken.state, scope },
        },
    });
    this.findings.keep(ops);
  }

  /** Keeps what was read until its parent is here. */
  async #shelve(
    taken: Taken,
    a: string | null,
    place: Pick<Orphan, "scope" | "parentKind" | "parentKey">,
  ): Promise<void> {
    const sinceMs = this.options.clock.nowMs();
    const orphan: Orphan = {
      v: 1,
      ...place,
      root: taken.root,
      path: taken.path,
      kind: taken.kind,
      sinceMs,
    };
    const { state: _state, ...shelved } = taken;
    const parts = this.orphans.cut(shelved);
    const before = this.orphans.find(taken.root, taken.path);
    const moved = before !== null && (before.scope !== place.scope ||
      before.parentKey !== place.parentKey || before.parentKind !== place.parentKind);
    const notes = this.#noteOps({ ...taken, state: "orphaned" }, place.scope);
    const isSmall = this.orphans.isSmall(parts);
    if (!isSmall) {
      await this.#forgetOrphan(taken, before);
      await this.orphans.layDown(orphan, parts);
    }
    const partsBefore = before === null ? 0 : await this.orphans.partsOf(before);
    const ops: Op[] = [
      // What it says stays: only the place where it waits is another.
      ...(moved && isSmall ? [{ on: "adopted", orphan: before, parts: 0 } as const] : []),
      {
        on: "orphan",
        orphan,
        parts: isSmall ? parts : [],
        partsThere: isSmall ? 0 : parts.length,
        partsBefore,
      },
      ...notes,
    ];
    await this.committer.run({
      acquisitionId: a,
      subject: a ?? taken.root,
      actor: ACTOR,
      groups: [ops],
      sift: false,
      event: () =>
        before !== null && !moved ? null : ({
          type: "epu.orphan",
          subject: a ?? taken.root,
          actor: ACTOR,
          text: `${taken.path} waits for its ${place.parentKind}`,
          data: { ...place, root: taken.root, path: taken.path, acquisitionId: a },
        }),
    });
    this.#keepBooks(ops);
  }

  /** What it said is to be written anew, in several commits: cut off in between, it is as if never read. */
  async #forgetOrphan(taken: Taken, before: Orphan | null): Promise<void> {
    if (before === null) return;
    const nowMs = this.options.clock.nowMs();
    const unread: FileEntry = {
      ...entryOf(taken, nowMs),
      state: "settling",
      sizeBytes: 0,
      mtimeMs: -1,
      digest: null,
    };
    const ops = [await this.#adoptedOp(before), { on: "file", entry: unread } as const];
    const a = before.scope.startsWith("@") ? null : before.scope;
    await this.committer.run({
      acquisitionId: a,
      subject: a ?? before.root,
      actor: ACTOR,
      groups: [ops],
      sift: false,
      event: () => null,
    });
    this.#keepBooks(ops);
  }

  #keepBooks(ops: readonly Op[]): void {
    this.findings.keep(ops);
    for (const op of ops) {
      if (op.on === "orphan") this.orphans.add(op.orphan);
      else if (op.on === "adopted") this.orphans.remove(op.orphan);
    }
  }

  async #write(
    a: string,
    groups: readonly OpGroup[],
    sift: boolean,
    squareId: number | null = null,
  ): Promise<void> {
    if (groups.length === 0) return;
    const touched = await this.committer.run({
      acquisitionId: a,
      subject: a,
      actor: ACTOR,
      groups,
      sift,
      event: (touched, counts) => changeEvent(a, touched, counts, squareId),
    });
    this.#keepBooks(groups.flat());
    if (hasEntities(touched)) await this.#reopen(a);
  }

  /** A later change reopens what was finished. */
  async #reopen(a: string): Promise<void> {
    if (!this.folders.isFinished(a)) return;
    await this.setState(a, "started", ACTOR, "new files came");
  }

  /** Acquisitions that may become finished. */
  running(): string[] {
    return this.folders.inState("started");
  }

  /** After an acquisition was deleted. */
  forget(a: string): void {
    this.folders.forget(a);
    this.orphans.forget(a);
    this.findings.forget(a);
    this.#joined.delete(a);
  }

  /** Moves the acquisition to `state`, with its event. */
  async setState(
    a: string,
    state: Acquisition["state"],
    actor: string,
    reason: string,
  ): Promise<Acquisition | null> {
    const { clock, kv } = this.options;
    const nowMs = clock.nowMs();
    const key = acquisitionKey(a);
    const done = await kv.transact<Acquisition | null, never>([key], ([seen]) => {
      if (seen!.value === null) return accept({ value: null });
      const row = Acquisition.parse(seen!.value);
      if (row.state === state) return accept({ value: row });
      const ended = state === "completed" || state === "abandoned";
      const next: Acquisition = {
        ...row,
        state,
        endedAtMs: ended ? nowMs : null,
        pausedAtMs: state === "paused" ? nowMs : null,
        sources: { ...row.sources, person: { path: actor, seenAtMs: nowMs } },
        changedAtMs: nowMs,
      };
      return accept({
        value: next,
        set: [[key, next]],
        events: [{
          type: "epu.acquisition",
          subject: a,
          actor,
          text: `${state}: ${reason}`,
          data: { acquisitionId: a, state, acquisition: true },
        }],
      });
    });
    const row = done.ok ? done.value : null;
    if (row !== null) this.folders.setState(a, row.state);
    return row;
  }

  async #takeSession(taken: Taken, file: SessionFile): Promise<void> {
    const named = fileKindOf(taken.path);
    const folder = named.kind === "session" ? named.folder : "";
    const { kv, clock } = this.options;
    const here = this.folders.acquisitionOf(taken.root, folder);
    const a = await acquisitionFor({ kv, clock, here }, taken.root, folder, file);
    this.folders.put(taken.root, folder, a);
    await this.#takeMany(a, [taken]);
    await this.#adoptFolder(a, taken.root, folder);
    await this.#joinAtlas(a);
  }

  /** Those who waited for the session of this folder. */
  async #adoptFolder(a: string, root: string, folder: string): Promise<void> {
    const scope = folderScope(root, folder);
    const waiting = [...this.orphans.of(scope)];
    waiting.sort((x, y) => rankOf(x.path) - rankOf(y.path) || (x.path < y.path ? -1 : 1));
    for (let i = 0; i < waiting.length; i += TOGETHER_MAX) {
      const some = waiting.slice(i, i + TOGETHER_MAX);
      const files: Taken[] = [];
      for (const orphan of some) {
        const shelved = await this.orphans.shelved(orphan);
        files.push({ ...shelved, state: "taken" });
      }
      // Big files one by one: each sifts and withdraws for itself.
      const big = files.filter(({ kind }) => kind === "square-metadata");
      const take = (some: readonly Taken[]) => this.#takeMany(a, some);
      for (const one of big) await this.#takeOrSetAside([one], take);
      const small = files.filter(({ kind }) => kind !== "square-metadata");
      if (small.length > 0) await this.#takeOrSetAside(small, take);
      // Those that wait on, now for a square or a hole, stand under another key; the rest are written.
      for (const orphan of some) await this.#leave(orphan);
    }
    await this.#rescope(scope, a);
  }

  /** Takes an orphan off the place where it waited, should it still stand there. */
  async #leave(orphan: Orphan): Promise<void> {
    if (!this.orphans.has(orphan)) return;
    const ops = [await this.#adoptedOp(orphan)];
    await this.committer.run({
      acquisitionId: orphan.scope.startsWith("@") ? null : orphan.scope,
      subject: orphan.root,
      actor: ACTOR,
      groups: [ops],
      sift: false,
      event: () => null,
    });
    this.#keepBooks(ops);
  }

  /** Findings of files that have an acquisition now. */
  async #rescope(scope: string, a: string): Promise<void> {
    for (const finding of [...this.findings.of(scope)]) {
      const over: Op[] = [{ on: "finding-over", finding }];
      const event = () => null;
      const ask = { subject: a, actor: ACTOR, sift: false, event };
      const anew: Op[] = [{ on: "finding", finding: { ...finding, scope: a } }];
      await this.committer.run({ ...ask, acquisitionId: a, groups: [anew] });
      await this.committer.run({ ...ask, acquisitionId: null, groups: [over] });
      this.#keepBooks([...over, ...anew]);
    }
  }

  async #takeAtlas(taken: Taken): Promise<void> {
    const { state: _state, ...shelved } = taken;
    await this.orphans.keepAtlas(shelved);
    for (const a of this.folders.acquisitions()) await this.#joinAtlas(a, taken);
    await this.#note(taken, folderScope(taken.root, folderOf(taken.path)));
  }

  /** The acquisition's atlas, should its file be here: several sessions may share one. */
  async #joinAtlas(a: string, changed?: Taken): Promise<void> {
    const acquisition = await this.#acquisition(a);
    const { drives, dirOf, clock } = this.options;
    const choice = chooseAtlas(acquisition.atlasPath, this.orphans.atlases(), { drives, dirOf });
    const path = acquisition.folder === ""
      ? "EpuSession.dm"
      : `${acquisition.folder}/EpuSession.dm`;
    const about = { root: acquisition.root ?? "", path, kind: "atlas-link" };
    const findings = atlasFindings(choice, path, acquisition.atlasPath);
    const groups: OpGroup[] = [];
    const changes = this.findings.changes(a, { ...about, findings }, clock.nowMs());
    if (changes.length > 0) groups.push(changes);
    const name = choice.kind === "found" ? `${choice.atlas.root}/${choice.atlas.path}` : null;
    const isNew = this.#joined.get(a) !== name ||
      (changed !== undefined && `${changed.root}/${changed.path}` === name);
    if (choice.kind === "found" && isNew) {
      const shelved = await this.orphans.atlas(choice.atlas);
      const [one] = await this.#understood(a, [{ ...shelved, state: "taken" }]);
      const facts = one!.facts!;
      const made = new Set<string>();
      // The atlas itself last: where it stands, all it says has been written.
      const [atlas, ...others] = facts.statements;
      for (const statement of others) {
        groups.push(await this.#withAdoptees(a, statement, made));
      }
      groups.push(...await withdrawals(this.#store, a, facts, { of: "atlas" }), [atlas!]);
    }
    await this.#write(a, groups, true);
    if (name !== null) this.#joined.set(a, name);
  }

  /** What was cut off between a session or a parent and those who waited for it. */
  async #resume(): Promise<void> {
    for (const a of this.folders.acquisitions()) {
      const atlas = await this.options.kv.get(atlasKey(a)) as Atlas | null;
      const path = atlas?.sources.atlas?.path;
      if (atlas === null || path === undefined) await this.#joinAtlas(a);
      else this.#joined.set(a, `${atlas.root}/${path}`);
    }
    await this.#sweep(false);
  }

  async #sweep(now: boolean): Promise<void> {
    const { clock, graceMs } = this.options;
    for (const scope of this.orphans.scopes()) {
      if (scope.startsWith("@")) {
        const [first] = this.orphans.of(scope);
        const a = this.folders.acquisitionOf(first!.root, first!.parentKey);
        if (a !== null) await this.#adoptFolder(a, first!.root, first!.parentKey);
        continue;
      }
      const due: Orphan[] = [];
      for (const orphan of this.orphans.of(scope)) {
        const waitedMs = clock.nowMs() - orphan.sinceMs;
        // A clock that stepped back makes nobody wait for ever.
        // Nobody can make the parent of a hole whose square is unknown.
        if (orphan.parentKey.startsWith("?/")) continue;
        if (now || waitedMs >= graceMs || waitedMs < 0) due.push(orphan);
      }
      due.sort((x, y) => rankOf(x.path) - rankOf(y.path) || (x.path < y.path ? -1 : 1));
      for (let i = 0; i < due.length; i += TOGETHER_MAX) {
        const files: Taken[] = [];
        for (const orphan of due.slice(i, i + TOGETHER_MAX)) {
          // It may have been adopted by the parent one before it made.
          if (!this.orphans.has(orphan)) continue;
          files.push({ ...await this.orphans.shelved(orphan), state: "taken" });
        }
        await this.#takeOrSetAside(files, (some) => this.#writeWithParents(scope, some));
      }
    }
  }

  /** Files that wait no longer: what their names say of their parents makes them. */
  async #writeWithParents(a: string, files: readonly Taken[]): Promise<void> {
    const groups: OpGroup[] = [];
    const made = new Set<string>();
    for (const { taken, facts } of await this.#understood(a, files)) {
      if (facts !== null) groups.push(...await this.#opsOf(a, taken, facts, made));
    }
    await this.#write(a, groups, false);
  }

  async #acquisition(a: string): Promise<Acquisition> {
    return Acquisition.parse(await this.options.kv.get(acquisitionKey(a)));
  }
}

function isOfTheStore(error: unknown): boolean {
  return error instanceof KvUnavailable || error instanceof ContentionError;
}

function parentKeyOf({ kind, squareId, holeId }: NonNullable<FileSays["awaits"]>): string {
  return kind === "square" ? `${squareId}` : `${squareId}/${holeId}`;
}

/** `square:1`, `hole:1/2`: whom a statement brings into being, so that those who wait may follow. */
function parentsMadeBy(op: Op): string[] {
  switch (op.on) {
    case "square":
      return [`square:${op.squareId}`];
    case "hole":
    case "image":
    case "micrograph": {
      const own = op.holeId === 0
        ? []
        : [`hole:${op.squareId}/${op.holeId}`, `hole:?/${op.holeId}`];
      return [`square:${op.squareId}`, ...own];
    }
    default:
      return [];
  }
}

function rankOf(path: string): number {
  return fileKindOf(path).rank;
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function entryOf(taken: Taken, nowMs: number): FileEntry {
  const { root, path, kind, sizeBytes, mtimeMs, digest, state, tries, error } = taken;
  return {
    v: 1,
    root,
    path,
    kind,
    sizeBytes,
    mtimeMs,
    digest,
    state,
    tries,
    error,
    firstSeenAtMs: nowMs,
    changedAtMs: nowMs,
  };
}
