import type { Look, WatchFs } from "./fs.ts";

interface Node {
  bytes: Uint8Array;
  mtimeMs: number;
  id: number;
  /** Leads there instead. */
  link?: string;
  unreadable?: boolean;
  /** A pipe, a socket. */
  special?: boolean;
}

/** Files in memory below absolute folders, with the ways in which disks and shares misbehave. */
export class MemoryFs implements WatchFs {
  readonly files = new Map<string, Node>();
  readonly #hints = new Set<(paths: readonly string[] | null) => void>();
  readonly closed = new Set<string>();
  /** The share is away: its folder is not there. */
  isAway = false;
  /** Reads wait for it. */
  gate: Promise<void> = Promise.resolve();
  /** Whether changes are told. */
  tells = true;
  looks = 0;
  reads = 0;
  #ids = 0;

  write(path: string, bytes: Uint8Array, mtimeMs: number): void {
    const id = this.files.get(path)?.id ?? ++this.#ids;
    this.files.set(path, { bytes, mtimeMs, id });
    this.#hint(path);
  }
  link(path: string, to: string): void {
    this.files.set(path, { bytes: new Uint8Array(), mtimeMs: 0, id: ++this.#ids, link: to });
  }
  remove(path: string): void {
    this.files.delete(path);
    this.#hint(path);
  }
  /** A whole folder, as by `mv`. */
  move(from: string, to: string): void {
    for (const [path, node] of [...this.files]) {
      if (!path.startsWith(`${from}/`)) continue;
      this.files.delete(path);
      this.files.set(to + path.slice(from.length), node);
    }
    this.#hint(from);
    this.#hint(to);
  }
  /** Who listened hears nothing more: what they listened to is another now. */
  forget(): void {
    this.#hints.clear();
  }
  /** The system says it lost some. */
  overflow(): void {
    for (const hint of this.#hints) hint(null);
  }
  #hint(path: string): void {
    if (this.tells) { for (const hint of this.#hints) hint([path]); }
  }

  list(folder: string): Promise<{ name: string; look: Look }[]> {
    if (this.isAway) return Promise.reject(new Deno.errors.NotFound(`"${folder}" is away`));
    if (this.closed.has(folder)) {
      return Promise.reject(new Deno.errors.PermissionDenied(`"${folder}" is closed`));
    }
    const names = new Map<string, Look>();
    for (const [path, node] of this.files) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name, ...more] = path.slice(folder.length + 1).split("/");
      names.set(
        name!,
        more.length > 0 ? { kind: "folder", sizeBytes: 0, mtimeMs: 0, fileId: null } : lookOf(node),
      );
    }
    return Promise.resolve([...names].map(([name, look]) => ({ name, look })));
  }
  look(path: string): Promise<Look> {
    this.looks++;
    const node = this.files.get(path);
    if (node !== undefined && !this.isAway) return Promise.resolve(lookOf(node));
    const isFolder = [...this.files.keys()].some((one) => one.startsWith(`${path}/`));
    return isFolder && !this.isAway
      ? Promise.resolve({ kind: "folder", sizeBytes: 0, mtimeMs: 0, fileId: null })
      : Promise.reject(new Deno.errors.NotFound(path));
  }
  async read(path: string, bytesMax: number): Promise<{ bytes: Uint8Array; look: Look }> {
    this.reads++;
    await this.gate;
    const node = this.files.get(path);
    if (node === undefined || this.isAway) throw new Deno.errors.NotFound(path);
    if (node.unreadable) throw new Error("Input/output error");
    if (node.bytes.length > bytesMax) throw new RangeError("It is too large");
    return { bytes: node.bytes, look: lookOf(node) };
  }
  real(path: string): Promise<string | null> {
    return Promise.resolve(this.files.get(path)?.link ?? path);
  }
  watch(_folder: string, hint: (paths: readonly string[] | null) => void): Promise<() => void> {
    this.#hints.add(hint);
    return Promise.resolve(() => this.#hints.delete(hint));
  }
}

function lookOf({ bytes, mtimeMs, id, link, special }: Node): Look {
  return {
    kind: special ? "other" : link === undefined ? "file" : "link",
    sizeBytes: bytes.length,
    mtimeMs,
    fileId: String(id),
  };
}
