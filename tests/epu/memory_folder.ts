import type { FolderEntry, FolderSource } from "../../lib/epu/validate/mod.ts";

/** Files by path below `/data`, as a file system would show them. */
export class MemoryFolder implements FolderSource {
  static readonly ROOT = "/data";
  readonly files: Map<string, Uint8Array>;
  readonly folders = new Set<string>([MemoryFolder.ROOT]);
  readonly links = new Set<string>();
  /** Paths that cannot be read, with the error's code. */
  readonly broken = new Map<string, string>();

  constructor(files: Iterable<{ path: string; bytes: Uint8Array }>) {
    this.files = new Map();
    for (const { path, bytes } of files) this.put(path, bytes);
  }

  put(path: string, content: Uint8Array | string): void {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.files.set(`${MemoryFolder.ROOT}/${path}`, bytes);
    this.#makeFolders(`${MemoryFolder.ROOT}/${path}`);
  }

  makeFolder(path: string): void {
    this.folders.add(`${MemoryFolder.ROOT}/${path}`);
    this.#makeFolders(`${MemoryFolder.ROOT}/${path}`);
  }

  remove(test: (path: string) => boolean): void {
    const isGone = (path: string) => test(path.slice(MemoryFolder.ROOT.length + 1));
    for (const path of this.files.keys()) if (isGone(path)) this.files.delete(path);
    for (const path of this.folders) if (isGone(path)) this.folders.delete(path);
  }

  text(path: string): string {
    return new TextDecoder().decode(this.files.get(`${MemoryFolder.ROOT}/${path}`));
  }

  paths(): string[] {
    return [...this.files.keys()].map((path) => path.slice(MemoryFolder.ROOT.length + 1));
  }

  list(folder: string): Promise<FolderEntry[]> {
    const path = folder.replace(/\/$/, "");
    this.#mayFail(path);
    if (!this.folders.has(path)) fail("ENOENT");
    const entries: FolderEntry[] = [];
    const inside = (one: string) =>
      one.startsWith(`${path}/`) && !one.slice(path.length + 1).includes("/");
    const add = (paths: Iterable<string>, type: FolderEntry["type"]) => {
      for (const one of paths) {
        if (inside(one)) entries.push({ name: one.slice(path.length + 1), type });
      }
    };
    add(this.folders, "folder");
    add(this.files.keys(), "file");
    add(this.links, "link");
    return Promise.resolve(entries);
  }

  async *read(path: string): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    this.#mayFail(path);
    yield this.files.get(path) ?? fail("ENOENT");
  }

  size(path: string): Promise<number | null> {
    return Promise.resolve(this.files.get(path)?.length ?? null);
  }

  #mayFail(path: string): void {
    const code = this.broken.get(path.slice(MemoryFolder.ROOT.length + 1));
    if (code !== undefined) fail(code);
  }

  #makeFolders(path: string): void {
    const parts = path.split("/");
    for (let end = 2; end < parts.length; end++) this.folders.add(parts.slice(0, end).join("/"));
  }
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code });
}
