import type { Commit, Seen } from "../kv.ts";

interface Row {
  readonly key: Deno.KvKey;
  readonly before: unknown;
  after: unknown;
  /** Went through its schema, or was made here. */
  checked: boolean;
}

/** Rows as one transaction has read them, with what is to become of them. */
export class RowSheet {
  readonly #rows = new Map<string, Row>();
  readonly #extra: (readonly [Deno.KvKey, unknown])[] = [];
  readonly #removed: Deno.KvKey[] = [];
  #changes = 0;

  constructor(seen: readonly Seen[]) {
    for (const { key, value } of seen) {
      const row = { key, before: value, after: value, checked: false };
      this.#rows.set(JSON.stringify(key), row);
    }
  }

  /** How often anything was put. */
  get changes(): number {
    return this.#changes;
  }

  /** @throws {TypeError} for a key that was not read */
  get<T>(key: Deno.KvKey, schema: { parse(value: unknown): T }): T | null {
    const name = JSON.stringify(key);
    const row = this.#row(name);
    if (row.after === null) return null;
    if (row.checked) return row.after as T;
    const value = schema.parse(row.before);
    this.#rows.set(name, { key, before: value, after: value, checked: true });
    return value;
  }

  /** As it is now, unchecked; `null` where it was not read. */
  peek(key: Deno.KvKey): unknown {
    return this.#rows.get(JSON.stringify(key))?.after ?? null;
  }

  /** `null` removes it. @throws {TypeError} for a key that was not read */
  put(key: Deno.KvKey, value: unknown): void {
    const row = this.#row(JSON.stringify(key));
    row.after = value;
    row.checked = true;
    this.#changes++;
  }

  /** A key that nothing is decided on: an index, a reference. */
  also(key: Deno.KvKey, value: unknown): void {
    this.#extra.push([key, value]);
    this.#changes++;
  }

  drop(key: Deno.KvKey): void {
    this.#removed.push(key);
  }

  writes(): Required<Pick<Commit<never>, "set" | "remove">> {
    const set: (readonly [Deno.KvKey, unknown])[] = [...this.#extra];
    const remove: Deno.KvKey[] = [...this.#removed];
    for (const { key, before, after } of this.#rows.values()) {
      if (after === before) continue;
      if (after === null) remove.push(key);
      else set.push([key, after]);
    }
    return { set, remove };
  }

  #row(name: string): Row {
    const row = this.#rows.get(name);
    if (row === undefined) throw new TypeError(`${name} was not read`);
    return row;
  }
}
