import type { Clock } from "../clock.ts";
import type { EventDraft } from "../events.ts";
import { newId } from "../ids.ts";
import { type Kv, KvUnavailable, type Seen } from "../kv.ts";
import { accept } from "../result.ts";
import { PlanStale, TransactionRows } from "./ingest_rows.ts";
import { keysOf, nothingTouched, type Op, type Touched } from "./ingest_ops.ts";
import { micrographByStemKey } from "./keys.ts";

/** Keys one commit of ours may read; a Deno KV commit takes 100 checks. */
const KEYS_MAX = 96;
const READ_AT_ONCE = 90;
const PLANS_MAX = 5;

/** Ops that belong into one commit where they fit: a parent and those who waited for it. */
export type OpGroup = readonly Op[];

export interface CommitAsk {
  readonly acquisitionId: string | null;
  /** Subject of the events. */
  readonly subject: string;
  readonly actor: string;
  readonly groups: readonly OpGroup[];
  /** Drop ops that change nothing before anything is written: for files that mostly repeat themselves. */
  readonly sift: boolean;
  readonly event: (touched: Touched, counts: TransactionRows["counts"]) => EventDraft | null;
}

/** Writes ops in as few commits as they fit, in order; a crash between two is made good by doing all again. */
export class Committer {
  #commits = 0;

  constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  /** Commits asked for so far. */
  get commits(): number {
    return this.#commits;
  }

  async run(ask: CommitAsk): Promise<Touched> {
    for (let plan = 1;; plan++) {
      try {
        return await this.#attempt(ask);
      } catch (error) {
        if (!(error instanceof PlanStale) || plan >= PLANS_MAX) throw error;
      }
    }
  }

  /** The stored values of any number of keys. */
  async read(keys: readonly Deno.KvKey[]): Promise<Seen[]> {
    const parts: Promise<readonly Seen[]>[] = [];
    for (let i = 0; i < keys.length; i += READ_AT_ONCE) {
      parts.push(this.#readSome(keys.slice(i, i + READ_AT_ONCE)));
    }
    return (await Promise.all(parts)).flat();
  }

  async #readSome(keys: readonly Deno.KvKey[]): Promise<readonly Seen[]> {
    const read = await this.kv.transact<readonly Seen[], never>(
      keys,
      (seen) => accept({ value: seen }),
    );
    if (!read.ok) throw new KvUnavailable("A read was refused");
    return read.value;
  }

  async #attempt(ask: CommitAsk): Promise<Touched> {
    const { acquisitionId } = ask;
    const stems = await this.#stemsOf(ask.groups.flat(), acquisitionId);
    const groups = ask.sift ? await this.#sifted(ask, stems) : ask.groups;
    const all = nothingTouched();
    const chunks = cut(groups, acquisitionId, stems);
    for (const [i, { ops, keys }] of chunks.entries()) {
      const nowMs = this.clock.nowMs();
      const ids: string[] = [];
      const isLast = i === chunks.length - 1;
      this.#commits++;
      const done = await this.kv.transact<Touched, never>(keys, (seen) => {
        let used = 0;
        const rows = new TransactionRows(seen, {
          acquisitionId,
          nowMs,
          stems,
          newId: () => ids[used++] ??= newId(this.clock),
        });
        for (const op of ops) rows.do(op);
        const sum = isLast ? added(copied(all), rows.touched) : rows.touched;
        const event = isLast ? ask.event(sum, rows.counts) : null;
        return accept(rows.commit(rows.touched, event === null ? [] : [event]));
      });
      if (done.ok) added(all, done.value);
    }
    return all;
  }

  /** Ids of all micrographs that the ops name: stored ones, or new. */
  async #stemsOf(
    ops: readonly Op[],
    acquisitionId: string | null,
  ): Promise<ReadonlyMap<string, string>> {
    const stems = new Map<string, string>();
    if (acquisitionId === null) return stems;
    const given = new Map<string, string | undefined>();
    for (const op of ops) {
      if (op.on === "micrograph") given.set(op.stem, given.get(op.stem) ?? op.id);
      else if (op.on === "withdraw-micrograph") given.set(op.stem, given.get(op.stem));
    }
    const names = [...given.keys()];
    const found = await this.read(names.map((stem) => micrographByStemKey(stem, acquisitionId)));
    for (const [i, stem] of names.entries()) {
      const id = found[i]!.value;
      stems.set(stem, id === null ? given.get(stem) ?? newId(this.clock) : String(id));
    }
    return stems;
  }

  async #sifted(ask: CommitAsk, stems: ReadonlyMap<string, string>): Promise<OpGroup[]> {
    const { acquisitionId } = ask;
    const keys = new Map<string, Deno.KvKey>();
    for (const op of ask.groups.flat()) {
      for (const key of keysOf(op, acquisitionId, stems)) keys.set(JSON.stringify(key), key);
    }
    const rows = new TransactionRows(await this.read([...keys.values()]), {
      acquisitionId,
      nowMs: this.clock.nowMs(),
      stems,
      newId: () => newId(this.clock),
    });
    return ask.groups.map((group) => group.filter((op) => rows.do(op)))
      .filter((group) => group.length > 0);
  }
}

interface Chunk {
  readonly ops: Op[];
  readonly keys: Deno.KvKey[];
}

/** A group is split only where it alone reads more than a commit may. */
function cut(
  groups: readonly OpGroup[],
  a: string | null,
  stems: ReadonlyMap<string, string>,
): Chunk[] {
  const chunks: Chunk[] = [];
  let ops: Op[] = [];
  let keys = new Map<string, Deno.KvKey>();
  const close = () => {
    if (ops.length > 0) chunks.push({ ops, keys: [...keys.values()] });
    ops = [];
    keys = new Map();
  };
  const add = (some: readonly Op[]): boolean => {
    const wanted = new Map(keys);
    for (const op of some) {
      for (const key of keysOf(op, a, stems)) wanted.set(JSON.stringify(key), key);
    }
    if (wanted.size > KEYS_MAX) return false;
    keys = wanted;
    ops.push(...some);
    return true;
  };
  for (const group of groups) {
    if (add(group)) continue;
    close();
    if (add(group)) continue;
    for (const op of group) {
      if (add([op])) continue;
      close();
      add([op]);
    }
  }
  close();
  return chunks;
}

function copied(touched: Touched): Touched {
  return {
    ...touched,
    squares: new Set(touched.squares),
    micrographs: new Set(touched.micrographs),
  };
}

function added(into: Touched, more: Touched): Touched {
  into.acquisition ||= more.acquisition;
  into.atlas ||= more.atlas;
  into.holes += more.holes;
  into.files += more.files;
  into.orphans += more.orphans;
  into.findings += more.findings;
  for (const id of more.squares) into.squares.add(id);
  for (const id of more.micrographs) into.micrographs.add(id);
  return into;
}
