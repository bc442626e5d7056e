import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { CONTENTS_FILE, type EventLine, type Head, Line, LINES_FILE } from "./recording_lines.ts";

/** Fast rather than small: XML shrinks tenfold at any level. */
const LEVEL = 3;
/** A first look at a large folder is not lost as a whole. */
const LINES_WAITING_MAX = 500;

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Appends to a recording. What was given is on disk once `sync` returns, at the latest. */
export class RecordingWriter implements Disposable {
  readonly #lines: number;
  readonly #contents: number;
  readonly #known = new Set<string>();
  #length = 0;
  #waiting: string[] = [];

  /** @throws when the folder is there already, or cannot be made. */
  constructor(dir: string, head: Head) {
    mkdirSync(dir);
    this.#lines = openSync(join(dir, LINES_FILE), "ax");
    this.#contents = openSync(join(dir, CONTENTS_FILE), "ax");
    this.#waiting.push(JSON.stringify(head));
    this.sync();
  }

  /** Keeps the bytes, once; gives their digest. */
  content(bytes: Uint8Array, digest = digestOf(bytes)): string {
    if (this.#known.has(digest)) return digest;
    const stored = deflateRawSync(bytes, { level: LEVEL });
    writeWhole(this.#contents, stored);
    this.#add({
      e: "content",
      digest,
      at: this.#length,
      stored: stored.length,
      size: bytes.length,
    });
    this.#length += stored.length;
    this.#known.add(digest);
    return digest;
  }

  event(line: EventLine): void {
    this.#add(line);
  }

  sync(): void {
    if (this.#waiting.length === 0) return;
    // Contents first: no line ever names bytes that are not there.
    fsyncSync(this.#contents);
    writeWhole(this.#lines, new TextEncoder().encode(this.#waiting.join("\n") + "\n"));
    fsyncSync(this.#lines);
    this.#waiting = [];
  }

  /** Writes the end, which tells a whole recording from one that was cut off. */
  end(t: number): void {
    this.#add({ e: "end", t });
    this.sync();
  }

  [Symbol.dispose](): void {
    closeSync(this.#lines);
    closeSync(this.#contents);
  }

  #add(line: Line): void {
    this.#waiting.push(JSON.stringify(Line.parse(line)));
    if (this.#waiting.length >= LINES_WAITING_MAX) this.sync();
  }
}

function writeWhole(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(handle, bytes.subarray(done));
}
