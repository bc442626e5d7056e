import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { InPlaceFile } from "./in_place.ts";
import { UnsafePath } from "./paths.ts";
import type { RecordedStep } from "./recording.ts";

/** What a file below the target should be. */
export interface Expected {
  readonly size: number | null;
  /** `null`: only the size is known. */
  readonly digest: string | null;
  readonly isPlaceholder: boolean;
}

/** The folder a recording is replayed into; files are written in place, as EPU does. */
export class ReplayTarget {
  readonly #expected = new Map<string, Expected>();

  constructor(readonly dir: string) {
    mkdirSync(dir, { recursive: true });
  }

  /** Files as they should be by now. */
  get expected(): ReadonlyMap<string, Expected> {
    return this.#expected;
  }

  /** Does what the step says. `bytes`: of a write or append. */
  apply(step: RecordedStep, bytes: Uint8Array | null): void {
    const { act, path, size, digest } = step;
    const file = this.#place(path);
    switch (act.kind) {
      case "folder":
        mkdirSync(file, { recursive: true });
        return;
      case "write":
        this.#write(file, 0, bytes!);
        this.#expected.set(path, { size: size ?? bytes!.length, digest, isPlaceholder: false });
        break;
      case "append":
        this.#write(file, act.from, bytes!);
        this.#expected.set(path, { size, digest, isPlaceholder: false });
        break;
      case "truncate":
        this.#truncate(file, size ?? 0);
        this.#expected.set(path, { size, digest, isPlaceholder: false });
        break;
      case "placeholder":
        this.#truncate(file, 0);
        this.#truncate(file, size ?? 0);
        this.#expected.set(path, { size: size ?? 0, digest: null, isPlaceholder: true });
        break;
      case "delete":
        rmSync(file, { recursive: true, force: true });
        this.#forget(path);
        return;
      case "move":
        this.#move(file, path, act.to);
        return;
      case "unreadable":
        return;
    }
    const { mtimeMs } = step;
    // What was there before has its old time; what comes live has the time it comes.
    if (step.isInitial && mtimeMs !== null) utimesSync(file, mtimeMs / 1000, mtimeMs / 1000);
  }

  /** Leaves the file as it is in the midst of being written. */
  writePart(path: string, bytes: Uint8Array): void {
    this.#write(this.#place(path), 0, bytes);
  }

  /** Compares every file with what it should be; each difference as a sentence. */
  async verify(): Promise<string[]> {
    const wrong: string[] = [];
    const seen = new Set<string>();
    for (const path of this.#files("")) seen.add(path);
    for (const [path, { size, digest }] of this.#expected) {
      if (!seen.delete(path)) wrong.push(`"${path}" is missing`);
      else {
        const file = join(this.dir, path);
        const actual = statSync(file).size;
        if (size !== null && actual !== size) {
          wrong.push(`"${path}" has ${actual} bytes, not ${size}`);
        } else if (digest !== null && await fileDigest(file) !== digest) {
          wrong.push(`"${path}" has another content than was recorded`);
        }
      }
    }
    for (const path of seen) wrong.push(`"${path}" is not in the recording`);
    return wrong;
  }

  /** @throws {UnsafePath} when someone put a link in the way. */
  #place(path: string): string {
    let place = this.dir;
    let isThere = true;
    for (const part of path.split("/")) {
      place = join(place, part);
      const info = lstatSync(place, { throwIfNoEntry: false });
      if (info?.isSymbolicLink()) throw new UnsafePath(`"${place}" is a link`);
      isThere = info !== undefined;
      if (!isThere) break;
    }
    const file = join(this.dir, path);
    if (!isThere) mkdirSync(dirname(file), { recursive: true });
    return file;
  }

  #write(file: string, at: number, bytes: Uint8Array): void {
    using open = new InPlaceFile(file);
    open.truncate(at);
    open.write(bytes, at);
  }

  #truncate(file: string, size: number): void {
    using open = new InPlaceFile(file);
    open.truncate(size);
  }

  #move(file: string, path: string, to: string): void {
    const target = this.#place(to);
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return;
    renameSync(file, target);
    const moved = [...this.#expected].filter(([one]) => one === path || one.startsWith(`${path}/`));
    this.#forget(path);
    this.#forget(to);
    for (const [one, expected] of moved) {
      this.#expected.set(to + one.slice(path.length), expected);
    }
  }

  #forget(path: string): void {
    for (const one of [...this.#expected.keys()]) {
      if (one === path || one.startsWith(`${path}/`)) this.#expected.delete(one);
    }
  }

  *#files(folder: string): Generator<string> {
    for (const entry of readdirSync(join(this.dir, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) yield* this.#files(path);
      else yield path;
    }
  }
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
