import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import type { AtlasPlace } from "./ingest_atlas.ts";
import type { Taken } from "./ingest.ts";
import { atlasFileKey, orphanKey, orphanPartKey } from "./keys.ts";
import { Orphan } from "./model.ts";

/** A file as it was read, kept until its parent is here. */
export type Shelved = Omit<Taken, "state">;

/** Characters of one piece: twice as many bytes where a name is not Latin, and a value takes 64 KiB. */
const PIECE_CHARS = 30_000;
/** Pieces of one commit, which takes 800 KiB. */
const PIECES_TOGETHER = 8;

/** Who waits for whom, in memory; what they say stays in the store. */
export class OrphanBook {
  readonly #byScope = new Map<string, Map<string, Orphan>>();
  readonly #byParent = new Map<string, Set<Orphan>>();
  readonly #byPath = new Map<string, Orphan>();
  readonly #atlases = new Map<string, AtlasPlace>();

  private constructor(private readonly kv: Kv) {}

  static async open(kv: Kv): Promise<OrphanBook> {
    const book = new OrphanBook(kv);
    for await (const { value } of kv.list({ prefix: orphanKey() })) book.add(Orphan.parse(value));
    for await (const { key, value } of kv.list({ prefix: atlasFileKey() })) {
      if (key.at(-1) !== 0) continue;
      const { root, path } = JSON.parse(String(value)) as AtlasPlace;
      book.#atlases.set(`${root}/${path}`, { root, path });
    }
    return book;
  }

  scopes(): string[] {
    return [...this.#byScope.keys()];
  }

  of(scope: string): Iterable<Orphan> {
    return this.#byScope.get(scope)?.values() ?? [];
  }

  /** `parent`: `square:1`, `hole:1/2`. */
  waitingFor(scope: string, parent: string): Orphan[] {
    return [...this.#byParent.get(`${scope} ${parent}`) ?? []];
  }

  find(root: string, path: string): Orphan | null {
    return this.#byPath.get(`${root}/${path}`) ?? null;
  }

  has(orphan: Orphan): boolean {
    const known = this.find(orphan.root, orphan.path);
    return known !== null && placeOf(known) === placeOf(orphan);
  }

  add(orphan: Orphan): void {
    const before = this.find(orphan.root, orphan.path);
    if (before !== null) this.remove(before);
    const { scope, root, path } = orphan;
    const own = this.#byScope.get(scope) ?? new Map<string, Orphan>();
    own.set(`${root}/${path}`, orphan);
    this.#byScope.set(scope, own);
    const place = placeOf(orphan);
    const beside = this.#byParent.get(place) ?? new Set();
    beside.add(orphan);
    this.#byParent.set(place, beside);
    this.#byPath.set(`${root}/${path}`, orphan);
  }

  remove(orphan: Orphan): void {
    const known = this.find(orphan.root, orphan.path);
    if (known === null || placeOf(known) !== placeOf(orphan)) return;
    const { scope, root, path } = known;
    const own = this.#byScope.get(scope);
    own?.delete(`${root}/${path}`);
    if (own?.size === 0) this.#byScope.delete(scope);
    const place = placeOf(known);
    const beside = this.#byParent.get(place);
    beside?.delete(known);
    if (beside?.size === 0) this.#byParent.delete(place);
    this.#byPath.delete(`${root}/${path}`);
  }

  /** All of one scope: they were deleted. */
  forget(scope: string): void {
    for (const orphan of [...this.of(scope)]) this.remove(orphan);
  }

  cut(shelved: Shelved): string[] {
    return pieces(JSON.stringify(shelved));
  }

  /** Whether so many pieces fit into the commit of what they belong to. */
  isSmall(parts: readonly string[]): boolean {
    return parts.length <= PIECES_TOGETHER;
  }

  /** Puts pieces down before the row that makes them count. */
  async layDown({ root, path }: Orphan, parts: readonly string[]): Promise<void> {
    await this.#put(parts.map((text, i) => [orphanPartKey(root, path, i), text] as const));
  }

  async shelved({ root, path }: Orphan): Promise<Shelved> {
    return JSON.parse(await this.#text(orphanPartKey(root, path))) as Shelved;
  }

  async partsOf({ root, path }: Orphan): Promise<number> {
    let parts = 0;
    for await (const _ of this.kv.list({ prefix: orphanPartKey(root, path) })) parts++;
    return parts;
  }

  /** Every atlas file that was read: sessions that come later may mean it too. */
  atlases(): AtlasPlace[] {
    return [...this.#atlases.values()];
  }

  async atlas({ root, path }: AtlasPlace): Promise<Shelved> {
    const text = await this.#text(atlasFileKey(root, path));
    return JSON.parse(text.slice(text.indexOf("\n") + 1)) as Shelved;
  }

  async keepAtlas(shelved: Shelved): Promise<void> {
    const { root, path } = shelved;
    // The first piece tells by itself whose it is.
    const parts = [`${JSON.stringify({ root, path })}\n`, ...pieces(JSON.stringify(shelved))];
    const remove = await this.#keys(atlasFileKey(root, path));
    const [first, ...others] = parts.map((text, i) => [atlasFileKey(root, path, i), text] as const);
    // Without its first piece it does not count: cut off in between, its file is taken again.
    if (remove.length > 0) {
      await this.kv.transact<null, never>([], () => accept({ value: null, remove }));
    }
    this.#atlases.delete(`${root}/${path}`);
    await this.#put(others);
    await this.#put([first!]);
    this.#atlases.set(`${root}/${path}`, { root, path });
  }

  async #put(set: readonly (readonly [Deno.KvKey, string])[]): Promise<void> {
    for (let i = 0; i < set.length; i += PIECES_TOGETHER) {
      const some = set.slice(i, i + PIECES_TOGETHER);
      await this.kv.transact<null, never>([], () => accept({ value: null, set: some }));
    }
  }

  async #text(prefix: Deno.KvKey): Promise<string> {
    const texts: string[] = [];
    for await (const { value } of this.kv.list({ prefix })) texts.push(String(value));
    return texts.join("");
  }

  async #keys(prefix: Deno.KvKey): Promise<Deno.KvKey[]> {
    const keys: Deno.KvKey[] = [];
    for await (const { key } of this.kv.list({ prefix })) keys.push(key);
    return keys;
  }
}

function pieces(text: string): string[] {
  const parts: string[] = [];
  for (let i = 0; i < text.length; i += PIECE_CHARS) parts.push(text.slice(i, i + PIECE_CHARS));
  return parts;
}

function placeOf({ scope, parentKind, parentKey }: Orphan): string {
  return `${scope} ${parentKind}:${parentKey}`;
}
