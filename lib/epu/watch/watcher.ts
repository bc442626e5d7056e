import type { Clock } from "../../clock.ts";
import type { FileEntry, Finding } from "../model.ts";
import { digestOf } from "../keys.ts";
import { fileKindOf, type NamedFile } from "../read/mod.ts";
import { isMissing, type Look, type WatchFs } from "./fs.ts";
import { PatientFs } from "./patient_fs.ts";
import { type Waiting, WorkQueue } from "./queue.ts";
import { absolute, below, isWithin, scan, type ScanReport } from "./scan.ts";
import { WATCH_SETTINGS, type WatchSettings } from "./settings.ts";
import { readingOf, type TakenFile } from "./take.ts";

export interface WatchRoot {
  /** What files are named by. */
  readonly name: string;
  /** Absolute. */
  readonly dir: string;
  /** Only atlas files are looked for. */
  readonly atlasOnly?: boolean;
}

/** What the store holds of one file. */
export type KnownFile = Pick<
  FileEntry,
  "root" | "path" | "sizeBytes" | "mtimeMs" | "digest" | "state"
>;

export interface WatcherOptions {
  readonly roots: readonly WatchRoot[];
  readonly fs: WatchFs;
  readonly clock: Clock;
  readonly settings?: Partial<WatchSettings>;
  /** The manifest: what was taken in earlier lives. */
  readonly known?: Iterable<KnownFile>;
  /** 0 to 1, for the jitter of retries. */
  readonly random?: () => number;
}

export interface WatcherStatus {
  /** Nothing is under way: it waits for time, or for the system to hint. */
  readonly isResting: boolean;
  readonly files: number;
  readonly waiting: number;
  readonly scans: number;
  readonly lastScanMs: number;
  /** Between scans now; longer than asked for where a scan takes long. */
  readonly rescanMs: number;
  /** Roots that cannot be listed, with the reason. */
  readonly unreachable: readonly { readonly root: string; readonly error: string }[];
}

interface Mark {
  readonly root: string;
  readonly path: string;
  sizeBytes: number;
  mtimeMs: number;
  digest: string | null;
  state: FileEntry["state"];
  /** Number of the latest scan that saw it. */
  seenIn: number;
  takenMs: number;
}

type Opened =
  & { readonly one: Waiting }
  & (
    | { readonly kind: "gone" | "named" }
    | { readonly kind: "moved"; readonly look: Look }
    | { readonly kind: "open"; readonly bytes: Uint8Array }
    | { readonly kind: "failed"; readonly error: unknown }
  );

const OPEN_AT_ONCE = 8;
/** So many times as long as it took is the time between two scans at least; longer while files wait. */
const SCAN_SHARE = 3;
const SCAN_SHARE_BUSY = 10;
const HINTS_MAX = 10_000;
/** A file counts as gone once so many scans in a row have missed it: EPU replaces files in place. */
const MISSED_SCANS = 2;
/** Below the watched folder; Windows gives a whole path 260. */
const PATH_CHARS_MAX = 400;

/**
 * Finds files below the watched folders and hands over what they say, in batches, as they settle. Hints of
 * the system come first and are trusted for nothing: every scan looks at everything, so lost, doubled and
 * disordered hints end in the same place.
 */
export class Watcher {
  readonly #fs: PatientFs;
  readonly #clock: Clock;
  readonly #settings: WatchSettings;
  readonly #random: () => number;
  readonly #marks = new Map<string, Mark>();
  readonly #queue = new WorkQueue();
  readonly #hinted = new Map<string, { root: WatchRoot; path: string }>();
  /** Told with the next batch: gone files, links that lead out. */
  #news: TakenFile[] = [];
  readonly #listening = new Map<string, { real: string | null; end: () => void }>();
  #started = false;
  #wake: () => void = () => {};
  #isResting = false;
  #scanNumber = 0;
  #nextScanMs = -Infinity;
  #lastScanMs = 0;
  #rescanMs: number;
  #unreachable: { root: string; error: string }[] = [];

  constructor(private readonly options: WatcherOptions) {
    this.#fs = new PatientFs(options.fs, options.clock);
    this.#clock = options.clock;
    this.#settings = { ...WATCH_SETTINGS, ...options.settings };
    this.#rescanMs = this.#settings.rescanMs;
    this.#random = options.random ?? Math.random;
    for (const one of options.known ?? []) this.know(one);
  }

  /** Before the first `next`: one file the store knows. */
  know({ root, path, sizeBytes, mtimeMs, digest, state }: KnownFile): void {
    const mark = { root, path, sizeBytes, mtimeMs, digest, state, seenIn: 0, takenMs: -Infinity };
    this.#marks.set(`${root}/${path}`, mark);
  }

  /**
   * The next files, at least one, once there are any; nothing is handed over twice unless it changed. With
   * `idle`, an empty batch as soon as nothing is left to do before the next scan.
   */
  async next(signal: AbortSignal, { idle = false } = {}): Promise<TakenFile[]> {
    await this.#start();
    for (;;) {
      signal.throwIfAborted();
      await this.#takeHints(signal);
      if (this.#clock.monotonicMs() >= this.#nextScanMs) await this.#scanAll(signal);
      const batch = await this.#batch(signal);
      if (batch.length > 0) return batch;
      if (idle && this.#queue.size === 0) return [];
      await this.#sleep(signal);
    }
  }

  /** Looks at everything as soon as it can. */
  rescan(): void {
    this.#nextScanMs = -Infinity;
    this.#wake();
  }

  status(): WatcherStatus {
    return {
      isResting: this.#isResting,
      files: this.#marks.size,
      waiting: this.#queue.size,
      scans: this.#scanNumber,
      lastScanMs: this.#lastScanMs,
      rescanMs: this.#rescanMs,
      unreachable: [...this.#unreachable, ...this.#silent()],
    };
  }

  /** Folders of which something was asked, and not answered for long. */
  #silent(): { root: string; error: string }[] {
    const paths = this.#fs.silentFor(this.#settings.silenceMs);
    const seconds = this.#settings.silenceMs / 1000;
    return this.options.roots.flatMap(({ name, dir }) => {
      const path = paths.find((one) => isWithin(dir, one));
      if (path === undefined || this.#unreachable.some(({ root }) => root === name)) return [];
      return [{ root: name, error: `"${path}" has not answered for ${seconds} s` }];
    });
  }

  close(): void {
    for (const root of this.options.roots) this.#deafen(root.name);
    this.#wake();
  }

  async #start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    // First the hints, then the scan: what changes in between is seen by one of them.
    for (const root of this.options.roots) await this.#listen(root);
  }

  async #listen(root: WatchRoot): Promise<void> {
    this.#deafen(root.name);
    const real = await this.#fs.real(root.dir);
    const end = await this.#fs.watch(root.dir, (paths) => this.#hint(root, real, paths));
    this.#listening.set(root.name, { real, end });
  }

  #deafen(root: string): void {
    this.#listening.get(root)?.end();
    this.#listening.delete(root);
  }

  /** Real paths of all watched folders. */
  get #reals(): string[] {
    return [...this.#listening.values()].flatMap(({ real }) => real ?? []);
  }

  #hint(root: WatchRoot, real: string | null, paths: readonly string[] | null): void {
    if (paths === null || this.#hinted.size + paths.length > HINTS_MAX) {
      this.#hinted.clear();
      return this.rescan();
    }
    for (const given of paths) {
      const path = below(root.dir, given) ?? (real === null ? null : below(real, given));
      if (path !== null) this.#hinted.set(`${root.name}/${path}`, { root, path });
    }
    this.#wake();
  }

  async #takeHints(signal: AbortSignal): Promise<void> {
    const hints = [...this.#hinted.values()];
    this.#hinted.clear();
    for (const { root, path } of hints) {
      signal.throwIfAborted();
      try {
        const look = await this.#fs.look(absolute(root.dir, path));
        if (look.kind === "file") this.#consider(root, path, look);
        else if (look.kind === "folder" && path !== "") {
          // A folder that was moved here brings its files without a word of its own.
          await scan(
            this.#fs,
            { dir: root.dir, below: path, reals: this.#reals, signal },
            (inner, innerLook) => this.#consider(root, inner, innerLook),
          );
        }
      } catch {
        // Gone, or not to be looked at: the scan says which.
      }
    }
  }

  async #scanAll(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const number = ++this.#scanNumber;
    const unreachable: { root: string; error: string }[] = [];
    for (const root of this.options.roots) {
      const target = { dir: root.dir, below: "", reals: this.#reals, signal };
      const report = await scan(this.#fs, target, (path, look) => {
        const mark = this.#marks.get(`${root.name}/${path}`);
        if (mark !== undefined) mark.seenIn = number;
        this.#consider(root, path, look);
      });
      signal.throwIfAborted();
      const top = report.unlisted.find(({ path }) => path === "");
      if (top !== undefined) unreachable.push({ root: root.name, error: top.error });
      // What is there again may be another folder, of which the system would tell nothing.
      else if (this.#unreachable.some((one) => one.root === root.name)) await this.#listen(root);
      this.#tellOf(root, report, number);
    }
    this.#unreachable = unreachable;
    const endMs = this.#clock.monotonicMs();
    this.#lastScanMs = endMs - startMs;
    const share = this.#queue.size > 0 ? SCAN_SHARE_BUSY : SCAN_SHARE;
    this.#rescanMs = Math.max(this.#settings.rescanMs, share * this.#lastScanMs);
    this.#nextScanMs = startMs + this.#rescanMs;
  }

  /** What a whole scan has shown beside files: those that are gone, links that lead out, closed folders. */
  #tellOf(root: WatchRoot, { unlisted, strayLinks, others }: ScanReport, number: number): void {
    // What lies in a folder that could not be listed may still be there. One that is missing is gone, but the
    // watched folder itself: that is a share that is away.
    const closed = unlisted.filter(({ path, isMissing }) => path === "" || !isMissing);
    for (const mark of this.#marks.values()) {
      if (mark.root !== root.name || mark.state === "gone") continue;
      if (mark.seenIn === 0) mark.seenIn = number - 1;
      if (number - mark.seenIn < MISSED_SCANS) continue;
      if (closed.some(({ path }) => path === "" || isWithin(path, mark.path))) {
        mark.seenIn = number;
        continue;
      }
      mark.state = "gone";
      this.#queue.delete(`${mark.root}/${mark.path}`);
      const { kind } = fileKindOf(mark.path);
      this.#news.push({ ...told(mark, kind), state: "gone", error: null, findings: [] });
    }
    for (const path of strayLinks) {
      this.#tellOnce(root, path, "ignored", {
        code: "link-skipped",
        severity: "warning",
        path,
        where: null,
        text: `"${path}" is a link that leads out of the watched folder`,
        consequence: "It is not followed",
      });
    }
    for (const path of others) {
      if (!isOurs(fileKindOf(path)) && !path.includes("\uFFFD")) continue;
      this.#tellOnce(root, path, "unreadable", {
        code: "unreadable-file",
        severity: "error",
        path,
        where: null,
        text: path.includes("\uFFFD")
          ? `The name "${path}" is not written in UTF-8`
          : `"${path}" is no regular file, or may not be looked at`,
        consequence: "It is not read, nor what lies in it",
      });
    }
    for (const { path, error, isMissing } of unlisted) {
      if (path === "" || isMissing) continue;
      this.#tellOnce(root, path, "unreadable", {
        code: "folder-unreadable",
        severity: "error",
        path,
        where: null,
        text: `The folder "${path}" cannot be listed: ${error}`,
        consequence: "What lies in it is not known",
      });
    }
  }

  #tellOnce(
    root: WatchRoot,
    path: string,
    state: "ignored" | "unreadable",
    finding: Finding,
  ): void {
    const key = `${root.name}/${path}`;
    const known = this.#marks.get(key);
    const seenIn = this.#scanNumber;
    if (known !== undefined) known.seenIn = seenIn;
    if (known?.state === state) return;
    const mark: Mark = {
      root: root.name,
      path,
      sizeBytes: 0,
      mtimeMs: 0,
      digest: null,
      state,
      seenIn,
      takenMs: -Infinity,
    };
    this.#marks.set(key, mark);
    this.#news.push({
      ...told(mark, "other"),
      state,
      error: finding.text,
      findings: [finding],
    });
  }

  /** One look at one file: queued when it is other than what was taken. */
  #consider(root: WatchRoot, path: string, look: Look): void {
    const named = fileKindOf(path);
    if (!isOurs(named) || (root.atlasOnly === true && named.kind !== "atlas")) return;
    if (path.length > PATH_CHARS_MAX) return this.#tellLong(root, path);
    const key = `${root.name}/${path}`;
    const mark = this.#marks.get(key);
    const { sizeBytes, mtimeMs } = look;
    const waiting = this.#queue.get(key);
    const asBefore = mark !== undefined && mark.state !== "gone" &&
      mark.sizeBytes === sizeBytes && mark.mtimeMs === mtimeMs;
    // What failed in an earlier life is tried again in this one.
    const failed = mark !== undefined && waiting === undefined && mark.digest === null &&
      (mark.state === "truncated" || mark.state === "unreadable");
    if (asBefore && !failed) {
      // As taken. A look that had found it otherwise is overtaken, unless it is to be tried again.
      if (waiting !== undefined && waiting.tries === 0 && isSettled(mark.state)) {
        this.#queue.delete(key);
      }
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    if (waiting === undefined) {
      const rewritten = path.endsWith(".dm") ? (mark?.takenMs ?? -Infinity) : -Infinity;
      const { settleMs, rewriteMs } = this.#settings;
      this.#queue.put(key, {
        root: root.name,
        path,
        // Previews and movies go with the image they belong to.
        rank: Math.min(named.rank, 4),
        sizeBytes,
        mtimeMs,
        sinceMs: nowMs,
        dueMs: Math.max(nowMs + settleMs, rewritten + rewriteMs),
        tries: 0,
      });
    } else if (waiting.sizeBytes !== sizeBytes || waiting.mtimeMs !== mtimeMs) {
      waiting.sizeBytes = sizeBytes;
      waiting.mtimeMs = mtimeMs;
      waiting.tries = 0;
      waiting.dueMs = Math.max(nowMs + this.#settings.settleMs, waiting.dueMs);
      this.#queue.put(key, waiting);
    }
  }

  /** Said once of each folder. */
  #tellLong(root: WatchRoot, path: string): void {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const shown = `${folder.slice(0, PATH_CHARS_MAX - 40)}…${digestOf(folder)}`;
    this.#tellOnce(root, shown, "ignored", {
      code: "path-too-long",
      severity: "error",
      path: shown,
      where: null,
      text: `A path of ${path.length} characters is longer than ${PATH_CHARS_MAX}`,
      consequence: "What lies in this folder is not read",
    });
  }

  async #batch(signal: AbortSignal): Promise<TakenFile[]> {
    const { batchFiles, batchBytes } = this.#settings;
    const batch = this.#news.splice(0, batchFiles);
    let bytes = 0;
    while (batch.length < batchFiles && bytes < batchBytes) {
      signal.throwIfAborted();
      const some = this.#some(batchFiles - batch.length, batchBytes - bytes);
      if (some.length === 0) break;
      // Opened side by side, for a share answers slowly; read one after another.
      const opened = await Promise.all(some.map((one) => this.#open(one)));
      for (const one of opened) {
        const taken = this.#takeOpened(one);
        if (taken === null) continue;
        bytes += taken.file === null ? 0 : taken.sizeBytes;
        batch.push(taken);
      }
    }
    return batch;
  }

  /** Files that are due, as many as may be open at once. */
  #some(files: number, bytes: number): Waiting[] {
    const some: Waiting[] = [];
    let left = bytes;
    while (some.length < Math.min(files, OPEN_AT_ONCE) && left > 0) {
      const one = this.#queue.take(this.#clock.monotonicMs());
      if (one === null) break;
      some.push(one);
      left -= one.sizeBytes;
    }
    return some;
  }

  /** The second look, and the bytes where the file is as it was. */
  async #open(one: Waiting): Promise<Opened> {
    const root = this.options.roots.find(({ name }) => name === one.root)!;
    const path = absolute(root.dir, one.path);
    try {
      const look = await this.#fs.look(path);
      if (look.kind !== "file") return { one, kind: "gone" };
      if (look.sizeBytes !== one.sizeBytes || look.mtimeMs !== one.mtimeMs) {
        return { one, kind: "moved", look };
      }
      if (!isRead(fileKindOf(one.path))) return { one, kind: "named" };
      const { bytes, look: opened } = await this.#fs.read(path, this.#settings.bytesMax);
      const other = opened.sizeBytes !== look.sizeBytes || opened.mtimeMs !== look.mtimeMs ||
        bytes.length !== look.sizeBytes;
      // A link put in the file's place leads elsewhere: what was opened must be what was looked at.
      const replaced = look.fileId !== null && opened.fileId !== null &&
        look.fileId !== opened.fileId;
      return other || replaced
        ? { one, kind: "moved", look: await this.#fs.look(path) }
        : { one, kind: "open", bytes };
    } catch (error) {
      return isMissing(error) ? { one, kind: "gone" } : { one, kind: "failed", error };
    }
  }

  #takeOpened(opened: Opened): TakenFile | null {
    const { one } = opened;
    const key = `${one.root}/${one.path}`;
    const named = fileKindOf(one.path);
    switch (opened.kind) {
      case "gone":
        this.#queue.delete(key);
        return null;
      case "moved":
        return this.#again(key, one, opened.look);
      case "named":
        return this.#takeByName(key, one, named);
      case "open":
        return this.#takeBytes(key, one, named, opened.bytes);
      case "failed":
        return this.#failed(key, one, named, opened.error);
    }
  }

  #again(key: string, one: Waiting, look: Look): null {
    one.sizeBytes = look.sizeBytes;
    one.mtimeMs = look.mtimeMs;
    one.dueMs = this.#clock.monotonicMs() + this.#settings.settleMs;
    this.#queue.put(key, one);
    return null;
  }

  #takeByName(key: string, one: Waiting, named: NamedFile): TakenFile {
    const findings: Finding[] = named.kind !== "movie" || one.sizeBytes > 0 ? [] : [{
      code: "movie-empty",
      severity: "warning",
      path: one.path,
      where: null,
      text: `The movie "${one.path}" has no bytes`,
      consequence: "Its frames cannot be processed",
    }];
    const mark = this.#done(key, one, null, "taken");
    return { ...told(mark, named.kind), error: null, findings };
  }

  #takeBytes(key: string, one: Waiting, named: NamedFile, bytes: Uint8Array): TakenFile | null {
    const known = this.#marks.get(key);
    const comparable = known !== undefined && known.state !== "gone" && isSettled(known.state);
    const reading = readingOf(one.path, named, bytes, comparable ? known.digest : null);
    switch (reading.kind) {
      case "unfinished":
        return this.#unfinished(key, one, named, reading.text);
      case "same": {
        const mark = this.#done(key, one, known!.digest, known!.state);
        return { ...told(mark, named.kind), error: null, findings: [], unchanged: true };
      }
      case "read": {
        const mark = this.#done(key, one, reading.digest, reading.state);
        const { error, file, findings } = reading;
        return { ...told(mark, named.kind), error, file, findings };
      }
    }
  }

  /** Its end is not here yet: looked at again, and told once that has gone on for long. */
  #unfinished(key: string, one: Waiting, named: NamedFile, text: string): TakenFile | null {
    const nowMs = this.#clock.monotonicMs();
    const { truncatedMs } = this.#settings;
    this.#retry(key, one);
    if (nowMs - one.sinceMs < truncatedMs || this.#marks.get(key)?.state === "truncated") {
      return null;
    }
    return this.#tellFailure(key, one, named, "truncated", text, {
      code: "truncated-xml",
      severity: "warning",
      path: one.path,
      where: null,
      text: `${text}, ${
        Math.round((nowMs - one.sinceMs) / 60_000)
      } minutes after it was first seen`,
      consequence: "Nothing of this file is known until it is written to its end",
    });
  }

  #failed(key: string, one: Waiting, named: NamedFile, error: unknown): TakenFile | null {
    this.#retry(key, one);
    const tooLarge = error instanceof RangeError;
    if (one.tries < this.#settings.triesToTell && !tooLarge) return null;
    if (this.#marks.get(key)?.state === "unreadable") return null;
    const text = error instanceof Error ? error.message : String(error);
    return this.#tellFailure(key, one, named, "unreadable", text, {
      code: tooLarge ? "refused-xml" : "unreadable-file",
      severity: "error",
      path: one.path,
      where: null,
      text: `It cannot be read: ${text}`,
      consequence: "Nothing of this file is known; it is tried again",
    });
  }

  #tellFailure(
    key: string,
    one: Waiting,
    named: NamedFile,
    state: "truncated" | "unreadable",
    error: string,
    finding: Finding,
  ): TakenFile {
    const before = this.#marks.get(key);
    const mark: Mark = {
      root: one.root,
      path: one.path,
      // Other than it is, so that a scan goes on finding it changed.
      sizeBytes: one.sizeBytes,
      mtimeMs: one.mtimeMs,
      digest: null,
      state,
      seenIn: before?.seenIn ?? this.#scanNumber,
      takenMs: before?.takenMs ?? -Infinity,
    };
    this.#marks.set(key, mark);
    return { ...told(mark, named.kind), tries: one.tries, error, findings: [finding] };
  }

  #retry(key: string, one: Waiting): void {
    const { retryMinMs, retryMaxMs } = this.#settings;
    const whole = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(20, one.tries));
    one.tries++;
    // Half of it at random, so that a share that comes back is not asked for everything at once.
    one.dueMs = this.#clock.monotonicMs() + whole / 2 + this.#random() * whole / 2;
    this.#queue.put(key, one);
  }

  #done(key: string, one: Waiting, digest: string | null, state: FileEntry["state"]): Mark {
    this.#queue.delete(key);
    const mark: Mark = {
      root: one.root,
      path: one.path,
      sizeBytes: one.sizeBytes,
      mtimeMs: one.mtimeMs,
      digest,
      state,
      seenIn: this.#scanNumber,
      takenMs: this.#clock.monotonicMs(),
    };
    this.#marks.set(key, mark);
    return mark;
  }

  /** Until something is due, or the system hints. */
  #sleep(signal: AbortSignal): Promise<void> {
    const dueMs = Math.min(this.#nextScanMs, this.#queue.nextDueMs());
    const ms = Math.max(0, dueMs - this.#clock.monotonicMs());
    return new Promise((resolve) => {
      this.#isResting = true;
      const end = () => {
        this.#isResting = false;
        cancel();
        signal.removeEventListener("abort", end);
        this.#wake = () => {};
        resolve();
      };
      const cancel = this.#clock.timer(ms, end);
      signal.addEventListener("abort", end, { once: true });
      this.#wake = end;
    });
  }
}

function told(mark: Mark, kind: string): Omit<TakenFile, "error" | "findings"> {
  const { root, path, sizeBytes, mtimeMs, digest, state } = mark;
  return { root, path, kind, sizeBytes, mtimeMs, digest, state, tries: 0, file: null };
}

/** Files that say something, by their content or by their name. */
function isOurs(named: NamedFile): boolean {
  if (named.kind === "other" || named.kind === "bookkeeping") return false;
  return named.kind !== "pixels" || /^(?:jpe?g|png)$/.test(named.format);
}

/** Files whose bytes are read. */
function isRead(named: NamedFile): boolean {
  return named.kind !== "pixels" && named.kind !== "movie";
}

/** Its digest is that of what was taken. */
function isSettled(state: FileEntry["state"]): boolean {
  return state === "taken" || state === "orphaned" || state === "foreign" || state === "unreadable";
}
