import { checkedDraft } from "./event_draft.ts";
import { type EventDraft, eventKey, type HoldfastEvent } from "./events.ts";
import type { Entry } from "./kv_cache.ts";
import { because } from "./kv_errors.ts";
import { fitsAsText, jsonText, packedRows } from "./rows.ts";
import { bytesOf, copyOf, keyName, type KeyRef, keyRef, VALUE_BYTES_MAX } from "./kv_value.ts";
import type { Result } from "./result.ts";

/** One key as `decide` sees it; `value` is `null` when nothing is stored. */
export interface Seen {
  readonly key: Deno.KvKey;
  readonly value: unknown;
}

/** What an accepted transaction writes, and what its caller gets back. */
export interface Commit<T> {
  readonly value: T;
  readonly set?: readonly (readonly [Deno.KvKey, unknown])[];
  readonly remove?: readonly Deno.KvKey[];
  readonly events?: readonly EventDraft[];
}

/** Pure: it may be called again with newer values when a race was lost. */
export type Decide<T, R> = (seen: readonly Seen[]) => Result<Commit<T>, R>;

/** Keys one transaction may read: a Deno KV commit takes 100 checks, one of them is for the events' place. */
export const READS_MAX = 99;
/** Sets, removals and events of one commit. */
export const WRITES_MAX = 1000;
/** Keys and values of one commit. */
export const COMMIT_BYTES_MAX = 819_200;
/** Keys alone of one commit, those of its checks with them. */
export const COMMIT_KEY_BYTES_MAX = 81_920;

const EVENT_KEY_BYTES = 18;
/** What `v`, `seq` and `atMs` add to a draft. */
const EVENT_STAMP_BYTES = 64;

/** One caller's transaction while it waits. */
export interface Pending {
  readonly refs: readonly KeyRef[];
  readonly decide: Decide<unknown, unknown>;
  readonly settle: (result: Result<unknown, unknown>) => void;
  readonly fail: (error: unknown) => void;
  /** Races lost so far. */
  attempts: number;
}

/** What `decide` came to; told to the caller only once all it rests on is durable. */
interface Outcome {
  readonly pending: Pending;
  readonly tell: () => void;
}

/** A key's new state; `gone` when it is removed. */
interface Write {
  readonly ref: KeyRef;
  readonly value: unknown;
  readonly bytes: number;
  readonly gone: boolean;
}

/** An event before it has its number, and the JSON it is stored as. */
interface Drafted {
  readonly draft: Required<EventDraft>;
  readonly text: string;
}

interface Effect {
  readonly writes: readonly Write[];
  readonly drafts: readonly Drafted[];
  readonly bytes: number;
  readonly keyBytes: number;
}

/**
 * The transactions of one commit, decided in the order they came, each seeing what those before it
 * wrote. So the commit equals running them one after another, also where their keys meet. Whoever saw
 * another's write hears its own outcome, be it a refusal or a throw, only when that write is durable.
 */
export class Group {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #writes = new Map<string, Write>();
  readonly #checks = new Map<string, KeyRef>();
  readonly #drafts: Drafted[] = [];
  readonly #outcomes: Outcome[] = [];
  #mutations = 0;
  #bytes = 0;
  #keyBytes = 0;

  /** `entries` holds the committed state of every key that will be asked for. */
  constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  /** Whether there is anything to commit. */
  get empty(): boolean {
    return this.#mutations === 0;
  }

  get pendings(): Pending[] {
    return this.#outcomes.map(({ pending }) => pending);
  }

  /** Every key that was read or written. */
  get texts(): string[] {
    return [...this.#checks.keys(), ...this.#writes.keys()];
  }

  /** Whether a transaction asked for this key. */
  read(text: string): boolean {
    return this.#checks.has(text);
  }

  get eventCount(): number {
    return this.#drafts.length;
  }

  /** Asks `pending` for its decision and takes it in; `false` if it does not fit beside the others. */
  add(pending: Pending): boolean {
    const dirty = pending.refs.some(({ text }) => this.#writes.has(text));
    let tell: () => void;
    let effect: Effect | null = null;
    try {
      const decision = pending.decide(pending.refs.map((ref) => this.#seen(ref)));
      if (decision.ok) {
        const { value } = decision.value;
        effect = effectOf(decision.value, pending.refs);
        tell = () => pending.settle({ ok: true, value });
      } else tell = () => pending.settle(decision);
    } catch (error) {
      tell = () => pending.fail(error);
    }
    if (effect === null || effect.writes.length + effect.drafts.length === 0) {
      if (dirty) this.#outcomes.push({ pending, tell });
      else tell();
      return true;
    }
    if (!this.#fits(effect)) {
      if (!this.empty) return false;
      pending.fail(tooLarge(effect));
      return true;
    }
    this.#take(pending.refs, effect);
    this.#outcomes.push({ pending, tell });
    return true;
  }

  /** Fills `atomic`; gives the events it will store, numbered from `firstSeq`. */
  fill(atomic: Deno.AtomicOperation, firstSeq: number, atMs: number): HoldfastEvent[] {
    for (const { key, text } of this.#checks.values()) {
      atomic.check({ key, versionstamp: this.#entries.get(text)!.versionstamp });
    }
    for (const { ref, value, gone } of this.#writes.values()) {
      if (gone) atomic.delete(ref.key);
      else atomic.set(ref.key, value);
    }
    if (this.#drafts.length === 0) return [];
    const events = this.#drafts.map(({ draft }, i): HoldfastEvent => ({
      v: 1,
      seq: firstSeq + i,
      atMs,
      ...draft,
    }));
    // The place of the first event must be free: two writers can never give one number twice.
    atomic.check({ key: eventKey(firstSeq), versionstamp: null });
    const rows = events.map((row, i) => {
      const { text } = this.#drafts[i]!;
      return { seq: row.seq, text: `{"v":1,"seq":${row.seq},"atMs":${atMs},${text.slice(1)}`, row };
    });
    for (const [seq, value] of packedRows(rows)) atomic.set(eventKey(seq), value);
    return events;
  }

  /** The committed entries, for the cache. */
  *written(versionstamp: string): Generator<[string, Entry]> {
    for (const [text, { value, gone, bytes }] of this.#writes) {
      yield [
        text,
        gone ? { value: null, versionstamp: null, bytes } : { value, versionstamp, bytes },
      ];
    }
  }

  /** A key that was read and is set, with its version before: what tells later whether the commit happened. */
  get witness(): { key: Deno.KvKey; before: string | null } | null {
    for (const [text, { ref, gone }] of this.#writes) {
      if (!gone && this.#checks.has(text)) {
        return { key: ref.key, before: this.#entries.get(text)!.versionstamp };
      }
    }
    return null;
  }

  tellAll(): void {
    for (const { tell } of this.#outcomes) tell();
  }

  #seen(ref: KeyRef): Seen {
    const { value } = this.#writes.get(ref.text) ?? this.#entries.get(ref.text)!;
    return { key: ref.key, value: copyOf(value) };
  }

  #fits(effect: Effect): boolean {
    return this.#mutations + effect.writes.length + effect.drafts.length <= WRITES_MAX &&
      this.#bytes + effect.bytes <= COMMIT_BYTES_MAX &&
      this.#keyBytes + effect.keyBytes <= COMMIT_KEY_BYTES_MAX;
  }

  #take(refs: readonly KeyRef[], effect: Effect): void {
    this.#mutations += effect.writes.length + effect.drafts.length;
    this.#bytes += effect.bytes;
    this.#keyBytes += effect.keyBytes;
    for (const ref of refs) this.#checks.set(ref.text, ref);
    for (const write of effect.writes) this.#writes.set(write.ref.text, write);
    this.#drafts.push(...effect.drafts);
  }
}

/** What a commit asks for, copied, so that a caller who goes on using its objects changes nothing here. */
function effectOf(commit: Commit<unknown>, refs: readonly KeyRef[]): Effect {
  const writes: Write[] = [];
  for (const [key, given] of commit.set ?? []) {
    const { value, bytes } = stored(key, given);
    if (bytes > VALUE_BYTES_MAX) {
      throw new TypeError(
        `The value of ${keyName(key)} has ${bytes} bytes, more than ${VALUE_BYTES_MAX}`,
      );
    }
    writes.push({ ref: keyRef(key), value, bytes, gone: false });
  }
  for (const key of commit.remove ?? []) {
    writes.push({ ref: keyRef(key), value: null, bytes: 1, gone: true });
  }
  const drafts = (commit.events ?? []).map((given): Drafted => {
    const draft = checkedDraft(given);
    return { draft, text: jsonText(draft) };
  });
  let bytes = 0;
  let keyBytes = drafts.length * EVENT_KEY_BYTES;
  for (const { draft, text } of drafts) {
    const stampedBytes = text.length + EVENT_STAMP_BYTES;
    const draftBytes = fitsAsText(text) ? stampedBytes : bytesOf(draft) + EVENT_STAMP_BYTES;
    if (draftBytes > VALUE_BYTES_MAX) {
      throw new TypeError(
        `The event "${draft.type}" has ${draftBytes} bytes, more than ${VALUE_BYTES_MAX}`,
      );
    }
    bytes += draftBytes;
  }
  for (const write of writes) {
    bytes += write.bytes;
    keyBytes += write.ref.bytes;
  }
  for (const ref of refs) keyBytes += ref.bytes;
  return { writes, drafts, bytes: bytes + keyBytes, keyBytes };
}

function stored(key: Deno.KvKey, given: unknown): { value: unknown; bytes: number } {
  try {
    const value = copyOf(given);
    return { value, bytes: bytesOf(value) };
  } catch (cause) {
    throw new TypeError(`The value of ${keyName(key)} cannot be stored${because(cause)}`, {
      cause,
    });
  }
}

function tooLarge({ writes, drafts, bytes, keyBytes }: Effect): RangeError {
  return new RangeError(
    `Cannot commit ${
      writes.length + drafts.length
    } writes of ${bytes} bytes, ${keyBytes} of them ` +
      `keys, at once: the limits are ${WRITES_MAX}, ${COMMIT_BYTES_MAX} and ${COMMIT_KEY_BYTES_MAX}`,
  );
}
