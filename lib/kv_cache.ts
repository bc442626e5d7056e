/** What the store holds under a key; `versionstamp` is `null` when nothing is stored. */
export interface Entry {
  readonly value: unknown;
  readonly versionstamp: string | null;
  /** Upper bound of the stored length. */
  readonly bytes: number;
}

/** Keys and bytes of one generation; there are two. */
const KEYS_MAX = 5000;
const BYTES_MAX = 4 * 1024 * 1024;

/**
 * The latest committed entry of the keys used last, the versions with it. Two generations stand for
 * "least recently used": a hit moves an entry into the young one, and when that is full the old one goes.
 * Values belong to the cache: copy before handing one out.
 */
export class ReadCache {
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #youngBytes = 0;

  get(text: string): Entry | undefined {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const old = this.#old.get(text);
    if (old !== undefined) this.put(text, old);
    return old;
  }

  has(text: string): boolean {
    return this.#young.has(text) || this.#old.has(text);
  }

  put(text: string, entry: Entry): void {
    if (this.#young.size >= KEYS_MAX || this.#youngBytes >= BYTES_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#youngBytes += entry.bytes - (this.#young.get(text)?.bytes ?? 0);
    this.#young.set(text, entry);
  }

  delete(text: string): void {
    this.#youngBytes -= this.#young.get(text)?.bytes ?? 0;
    this.#young.delete(text);
    this.#old.delete(text);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#youngBytes = 0;
  }
}
