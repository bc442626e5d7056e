import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
  Container,
  type Experiment,
  RUN_FILES,
  RunExit,
  scriptFileName,
  type ScriptKind,
} from "./model.ts";

/** One file of a run's output. */
export interface OutputFile {
  /** Below the output folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** No listing or archive goes deeper or longer. */
const DEPTH_MAX = 16;
const FILES_MAX = 20_000;

/**
 * Where everything of the experiments lies below the data folder:
 * `scripts/<sha256>.py`, each script once, and `experiments/<id>/`, one run folder each.
 */
export class Folders {
  constructor(
    /** The data folder, absolute. */
    readonly dir: string,
  ) {}

  scriptPath(sha256: string, kind: ScriptKind): string {
    return join(this.dir, "scripts", sha256 + (kind === "python" ? ".py" : ".ts"));
  }
  /** Whether it has a run folder. */
  async hasRun(id: string): Promise<boolean> {
    return await Deno.lstat(this.runFolder(id)).then(() => true, () => false);
  }
  runFolder(id: string): string {
    return join(this.dir, "experiments", id);
  }
  outputFolder(id: string): string {
    return join(this.runFolder(id), RUN_FILES.output);
  }
  logPath(id: string): string {
    return join(this.runFolder(id), RUN_FILES.log);
  }
  logTimesPath(id: string): string {
    return join(this.runFolder(id), RUN_FILES.logTimes);
  }

  /** Stores a script once, under the digest of its bytes. Durable when it returns. */
  async keepScript(script: string, kind: ScriptKind): Promise<string> {
    const bytes = new TextEncoder().encode(script);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const path = this.scriptPath(sha256, kind);
    await Deno.mkdir(dirname(path), { recursive: true });
    // Young files are never swept, so a script cannot go between here and its experiment's commit.
    const found = await Deno.stat(path).catch(() => null);
    if (found !== null && found.size === bytes.length) {
      await Deno.utime(path, new Date(), new Date());
    } else await writeDurably(path, bytes);
    return sha256;
  }

  /** @throws {Deno.errors.NotFound} */
  readScript(experiment: Pick<Experiment, "scriptSha256" | "kind">): Promise<string> {
    return Deno.readTextFile(this.scriptPath(experiment.scriptSha256, experiment.kind));
  }

  /**
   * The run folder for the coming attempt. A first one and a repetition begin with an empty output
   * folder, what an earlier attempt left being kept beside it; a resumed one goes on in it.
   */
  async prepare(experiment: Experiment, script: string): Promise<string> {
    const folder = this.runFolder(experiment.id);
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await Deno.remove(join(folder, RUN_FILES.exit)).catch(ignoreMissing);
    if (experiment.attempt > 1 && experiment.onInterrupt !== "resume") {
      const aside = join(folder, "attempts", String(experiment.attempt - 1));
      await Deno.mkdir(aside, { recursive: true });
      for (const name of [RUN_FILES.output, RUN_FILES.log, RUN_FILES.logTimes]) {
        await Deno.rename(join(folder, name), join(aside, name)).catch(ignoreMissing);
      }
    }
    await Deno.mkdir(join(folder, RUN_FILES.output), { recursive: true });
    await Deno.remove(join(folder, "cache"), { recursive: true }).catch(ignoreMissing);
    await Deno.mkdir(join(folder, "cache"));
    await Deno.writeTextFile(join(folder, scriptFileName(experiment.kind)), script);
    return folder;
  }

  /** The wall clock of a run stands still while it is held. */
  async setHeld(id: string, held: boolean): Promise<void> {
    const path = join(this.runFolder(id), RUN_FILES.held);
    if (held) await Deno.writeTextFile(path, "");
    else await Deno.remove(path).catch(ignoreMissing);
  }

  /** Remembers a run's container, for whoever must end it when its supervisor is gone. */
  async keepContainer(id: string, container: Container | null): Promise<void> {
    const path = join(this.runFolder(id), RUN_FILES.container);
    if (container === null) await Deno.remove(path).catch(ignoreMissing);
    else await writeDurably(path, new TextEncoder().encode(JSON.stringify(container)));
  }
  /** `null`: the run has none. */
  async containerOf(id: string): Promise<Container | null> {
    const text = await Deno.readTextFile(join(this.runFolder(id), RUN_FILES.container))
      .catch(() => "null");
    return Container.nullable().catch(null).parse(jsonOf(text));
  }

  /** Tells the relay of a run where the API listens now. */
  async tellApi(id: string, apiUrl: string): Promise<void> {
    const { hostname, port, protocol } = new URL(apiUrl);
    const address = {
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port) || (protocol === "https:" ? 443 : 80),
    };
    const path = join(this.runFolder(id), RUN_FILES.api);
    await writeDurably(path, new TextEncoder().encode(JSON.stringify(address)));
  }

  /** What the supervisor of this attempt wrote at its end; `null`: nothing, or of another attempt. */
  async readExit(id: string, attempt: number): Promise<RunExit | null> {
    let text: string;
    try {
      text = await Deno.readTextFile(join(this.runFolder(id), RUN_FILES.exit));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
    const exit = RunExit.safeParse(jsonOf(text));
    return exit.success && exit.data.attempt === attempt ? exit.data : null;
  }

  /** Ordinary files of the output, links and devices left out, by path. */
  async files(id: string): Promise<OutputFile[]> {
    const found: OutputFile[] = [];
    const root = this.outputFolder(id);
    const walk = async (below: string, depth: number) => {
      if (depth > DEPTH_MAX) return;
      const entries: Deno.DirEntry[] = [];
      try {
        for await (const entry of Deno.readDir(join(root, below))) entries.push(entry);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
          return;
        }
        throw error;
      }
      for (const entry of entries) {
        if (found.length >= FILES_MAX) return;
        const path = below === "" ? entry.name : `${below}/${entry.name}`;
        if (entry.isDirectory) await walk(path, depth + 1);
        else if (entry.isFile) {
          const info = await Deno.lstat(join(root, path)).catch(() => null);
          if (info === null || !info.isFile) continue;
          found.push({ path, bytes: info.size, modifiedAtMs: info.mtime?.getTime() ?? 0 });
        }
      }
    };
    await walk("", 0);
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Opens one file of the output for reading; `null` when there is no ordinary file of that name in there. */
  openOutput(id: string, path: string): OpenFile | null {
    if (!isInnerPath(path)) return null;
    return openInside(this.outputFolder(id), path);
  }

  /** Opens a file of our own in the run folder, such as the log. */
  openOwn(id: string, name: string): OpenFile | null {
    return openInside(this.runFolder(id), name);
  }

  async removeRun(id: string): Promise<void> {
    await Deno.remove(this.runFolder(id), { recursive: true }).catch(ignoreMissing);
  }
}

/** Names no way out: relative, no `..`, no empty part, no NUL. */
export function isInnerPath(path: string): boolean {
  return path !== "" && !path.includes("\0") && !path.includes("\\") &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** An open file; its size is what it was when opened. */
export class OpenFile implements Disposable {
  #fd: number | null;

  constructor(fd: number, readonly bytes: number, readonly modifiedAtMs: number) {
    this.#fd = fd;
  }
  /** Up to `count` bytes from `position`; fewer only at the end. */
  read(position: number, count: number): Uint8Array<ArrayBuffer> {
    const buffer = new Uint8Array(count);
    if (this.#fd === null) return buffer.subarray(0, 0);
    let done = 0;
    while (done < count) {
      const got = readSync(this.#fd, buffer, done, count - done, position + done);
      if (got === 0) break;
      done += got;
    }
    return buffer.subarray(0, done);
  }
  /** Bytes `from` (inclusive) to `to` (exclusive), in pieces; closes the file at its end. */
  stream(from = 0, to = this.bytes): ReadableStream<Uint8Array<ArrayBuffer>> {
    let at = from;
    return new ReadableStream({
      pull: (controller) => {
        const piece = this.read(at, Math.min(65536, to - at));
        at += piece.length;
        if (piece.length > 0) controller.enqueue(piece);
        if (piece.length === 0 || at >= to) {
          this[Symbol.dispose]();
          controller.close();
        }
      },
      cancel: () => this[Symbol.dispose](),
    }, { highWaterMark: 0 });
  }
  text(): string {
    return new TextDecoder().decode(this.read(0, this.bytes));
  }
  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/**
 * A script may turn any name in its folder into a link or a pipe at any moment, so a name is only
 * believed once open: no link at its end, no waiting on a pipe, an ordinary file, and the kernel's own
 * name of it inside `folder`.
 */
function openInside(folder: string, path: string): OpenFile | null {
  let fd: number;
  try {
    fd = openSync(
      join(folder, path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ENAMETOOLONG"].includes(code)) return null;
    throw error;
  }
  try {
    const info = fstatSync(fd);
    const where = readlinkSync(`/proc/self/fd/${fd}`);
    if (info.isFile() && where.startsWith(realpathSync(folder) + "/")) {
      return new OpenFile(fd, info.size, info.mtimeMs);
    }
  } catch {
    // Not provably inside: not served.
  }
  closeSync(fd);
  return null;
}

/** All of it or nothing, also across a power cut: a new file, synced, put in the old one's place. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.${crypto.randomUUID()}.new`;
  const file = await Deno.open(fresh, { write: true, createNew: true });
  try {
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    await file.sync();
  } catch (error) {
    file.close();
    await Deno.remove(fresh).catch(ignoreMissing);
    throw error;
  }
  file.close();
  await Deno.rename(fresh, path);
  const folder = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
