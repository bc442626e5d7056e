import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import process from "node:process";
import { type Clock, delay } from "../../clock.ts";
import { safePath, UnsafePath } from "./paths.ts";
import { CONTENT_BYTES_MAX, isBinaryName } from "./recording.ts";
import { type EventLine, FORMAT } from "./recording_lines.ts";
import { digestOf, RecordingWriter } from "./recording_writer.ts";

export interface RecordAsk {
  readonly dir: string;
  /** The recording's folder, which must not be there. */
  readonly out: string;
  /** Images and movies by their size only. */
  readonly skipBinary: boolean;
  readonly clock: Clock;
  readonly onEvent?: (line: EventLine) => void;
}

export interface RecordedCounts {
  readonly events: number;
  readonly bytes: number;
}

interface Known {
  readonly isFolder: boolean;
  readonly size: number;
  readonly mtimeMs: number;
  readonly digest: string | null;
}

/** The recording would record itself, or its folder is taken. */
export class RecordingPlace extends Error {
  override readonly name = "RecordingPlace";
}

/** Compares a folder with what it was and records the difference; bytes are never decoded. */
export class Recorder implements Disposable {
  readonly #ask: RecordAsk;
  readonly #root: string;
  readonly #writer: RecordingWriter;
  readonly #startedMs: number;
  readonly #known = new Map<string, Known>();
  #isInitial = true;
  #events = 0;
  #bytes = 0;

  /** @throws {RecordingPlace}; and what the file system says when a folder cannot be read or made. */
  constructor(ask: RecordAsk) {
    this.#ask = ask;
    this.#root = realpathSync(ask.dir);
    if (!lstatSync(this.#root).isDirectory()) {
      throw new RecordingPlace(`"${ask.dir}" is not a folder`);
    }
    const out = resolve(ask.out);
    if (`${realParent(out)}${sep}`.startsWith(`${this.#root}${sep}`)) {
      throw new RecordingPlace(`"${ask.out}" lies in the folder that is to be recorded`);
    }
    try {
      this.#writer = new RecordingWriter(out, {
        format: FORMAT,
        v: 1,
        recordedAtMs: ask.clock.nowMs(),
        folder: basename(this.#root),
        platform: process.platform,
        skipBinary: ask.skipBinary,
      });
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
      throw new RecordingPlace(`"${ask.out}" is there already`);
    }
    this.#startedMs = ask.clock.monotonicMs();
  }

  /** What was recorded so far. */
  get counts(): RecordedCounts {
    return { events: this.#events, bytes: this.#bytes };
  }

  /** Looks at everything; the first time, at what is there to begin with. */
  scan(): void {
    const seen = new Set<string>();
    this.#walk("", seen);
    const gone = [...this.#known.keys()].filter((path) => !seen.has(path));
    // Deepest first, so that a folder goes after what was in it.
    for (const path of gone.sort().reverse()) this.#gone(path);
    this.#isInitial = false;
    this.#writer.sync();
  }

  /** Looks at single paths, as a watcher names them: absolute. */
  look(paths: Iterable<string>): void {
    for (const path of [...new Set(paths)].sort()) {
      const below = relative(this.#root, path).split(sep).join("/");
      if (below !== "" && !below.startsWith("..")) this.#look(below, true);
    }
    this.#writer.sync();
  }

  end(): void {
    this.#writer.end(this.#t());
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  #walk(folder: string, seen: Set<string>): void {
    let entries: string[];
    try {
      entries = readdirSync(join(this.#root, folder)).sort();
    } catch (error) {
      if (!isGone(error)) this.#note(folder, error);
      return;
    }
    for (const name of entries) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (this.#look(path, false)) seen.add(path);
      if (this.#known.get(path)?.isFolder) this.#walk(path, seen);
    }
  }

  /** Whether something is there that is being followed. */
  #look(path: string, isTouched: boolean): boolean {
    try {
      safePath(path);
    } catch (error) {
      if (error instanceof UnsafePath) return false;
      throw error;
    }
    let info;
    try {
      info = lstatSync(join(this.#root, path));
    } catch (error) {
      if (isGone(error)) {
        if (isTouched && this.#known.has(path)) this.#gone(path);
        return false;
      }
      this.#note(path, error);
      return true;
    }
    const before = this.#known.get(path);
    if (before !== undefined && before.isFolder !== info.isDirectory()) this.#gone(path);
    if (info.isDirectory()) {
      if (!this.#known.has(path)) {
        this.#needFolder(path);
        this.#folder(path);
      }
      return true;
    }
    // Links, pipes and devices are no files of EPU's.
    if (!info.isFile()) return false;
    const known = this.#known.get(path);
    const isSame = known?.size === info.size && known.mtimeMs === info.mtimeMs;
    if (known === undefined || !isSame || isTouched) this.#file(path, info, known);
    return true;
  }

  #folder(path: string): void {
    this.#known.set(path, { isFolder: true, size: 0, mtimeMs: 0, digest: null });
    this.#event({ e: "folder", t: this.#t(), path, ...this.#initial() });
  }

  #file(path: string, info: { size: number; mtimeMs: number }, known: Known | undefined): void {
    this.#needFolder(path);
    const { size, mtimeMs } = info;
    if ((this.#ask.skipBinary && isBinaryName(path)) || size > CONTENT_BYTES_MAX) {
      this.#known.set(path, { isFolder: false, size, mtimeMs, digest: null });
      if (known?.size === size) return;
      return this.#event({ e: "placeholder", t: this.#t(), path, ...this.#initial(), size });
    }
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(join(this.#root, path));
    } catch (error) {
      if (isGone(error)) return;
      return this.#note(path, error);
    }
    const digest = digestOf(bytes);
    this.#known.set(path, { isFolder: false, size: bytes.length, mtimeMs, digest });
    if (known?.digest === digest) return;
    this.#bytes += bytes.length;
    if (known?.digest && known.size > 0 && bytes.length > known.size) {
      // Only what is proven to have grown is an addition: EPU writes whole files in place.
      const head = createHash("sha256").update(bytes.subarray(0, known.size)).digest("hex");
      if (head === known.digest) {
        const content = this.#writer.content(bytes.subarray(known.size));
        const line = { t: this.#t(), path, from: known.size, content, size: bytes.length };
        return this.#event({ e: "append", ...line, digest, mtimeMs });
      }
    }
    this.#writer.content(bytes, digest);
    const line = { t: this.#t(), path, ...this.#initial(), size: bytes.length, digest, mtimeMs };
    this.#event({ e: "write", ...line });
  }

  /** A watcher may name a file before its folder. */
  #needFolder(path: string): void {
    const folder = dirname(path);
    const known = this.#known.get(folder);
    if (folder === "." || known?.isFolder) return;
    this.#needFolder(folder);
    // It was a file until a moment ago.
    if (known !== undefined) this.#gone(folder);
    this.#folder(folder);
  }

  #gone(path: string): void {
    const known = this.#known.get(path);
    if (known === undefined) return;
    for (const below of [...this.#known.keys()].filter((one) => one.startsWith(`${path}/`))) {
      this.#known.delete(below);
    }
    this.#known.delete(path);
    this.#event({ e: "delete", t: this.#t(), path, isFolder: known.isFolder });
  }

  #note(path: string, error: unknown): void {
    const why = (error as { code?: string }).code ?? (error as Error).message;
    if (path === "") throw error;
    const known = this.#known.get(path);
    if (known?.mtimeMs === -1) return;
    this.#known.set(path, { isFolder: false, size: -1, mtimeMs: -1, digest: null });
    this.#event({ e: "unreadable", t: this.#t(), path, ...this.#initial(), why });
  }

  #event(line: EventLine): void {
    this.#writer.event(line);
    this.#events++;
    this.#ask.onEvent?.(line);
  }
  #t(): number {
    return Math.round(this.#ask.clock.monotonicMs() - this.#startedMs);
  }
  #initial(): { initial?: true } {
    return this.#isInitial ? { initial: true } : {};
  }
}

/** Network shares lose events and watchers overflow: the look at everything is the truth. */
const SCAN_EVERY_MS = 2000;
/** Of the time, in which a large folder is looked at; the period stretches accordingly. */
const SCAN_SHARE = 0.1;
const GATHER_MS = 100;

/** Records until the signal aborts. The watcher listens before the first look, so nothing falls between. */
export async function record(ask: RecordAsk & { signal: AbortSignal }): Promise<RecordedCounts> {
  const { clock, signal } = ask;
  const watcher = openWatcher(ask.dir);
  const touched = new Set<string>();
  const listening = (async () => {
    for await (const { paths } of watcher ?? []) for (const path of paths) touched.add(path);
  })().catch(() => {
    // The regular look goes on without it.
  });
  try {
    using recorder = new Recorder(ask);
    recorder.scan();
    let nextMs = clock.monotonicMs() + SCAN_EVERY_MS;
    while (await passes(clock, GATHER_MS, signal)) {
      const paths = [...touched];
      touched.clear();
      recorder.look(paths);
      const startedMs = clock.monotonicMs();
      if (startedMs < nextMs) continue;
      recorder.scan();
      const endedMs = clock.monotonicMs();
      nextMs = endedMs + Math.max(SCAN_EVERY_MS, (endedMs - startedMs) / SCAN_SHARE);
    }
    recorder.scan();
    recorder.end();
    return recorder.counts;
  } finally {
    watcher?.close();
    await listening;
  }
}

async function passes(clock: Clock, forMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(clock, forMs, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/** `null` where folders cannot be watched: then the regular look has to do. */
function openWatcher(dir: string): Deno.FsWatcher | null {
  try {
    return Deno.watchFs(realpathSync(dir), { recursive: true });
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") throw error;
    return null;
  }
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((error as { code?: string }).code ?? "");
}

/** `path` with every link in the folders that are there followed. */
function realParent(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const parent = dirname(path);
    if (!isGone(error) || parent === path) throw error;
    return join(realParent(parent), basename(path));
  }
}
