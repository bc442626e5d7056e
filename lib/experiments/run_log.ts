import { type Clock, delay } from "../clock.ts";
import type { Folders, OpenFile } from "./folders.ts";
import { RUN_FILES } from "./model.ts";

/** A piece of a run's log. */
export interface LogPiece {
  readonly text: string;
  /** The same as it stands in the file, where it may be no UTF-8. */
  readonly raw: Uint8Array<ArrayBuffer>;
  /** Where in the file it begins and ends, in bytes: `to` is the `from` of the next. */
  readonly from: number;
  readonly to: number;
  /** Length of the file when it was read. */
  readonly bytes: number;
}

/** Which part: the last lines, or from a byte on. */
export type LogRange = { readonly tail: number } | { readonly from: number };

/** Most that one piece holds. */
export const LOG_PIECE_BYTES_MAX = 1_048_576;
const BLOCK_BYTES = 65_536;
const FOLLOW_MS = 250;

/** Reads a piece of the log of run `id`; an empty one before the run has written anything. */
export function readLog(folders: Folders, id: string, range: LogRange): LogPiece {
  using file = folders.openOwn(id, RUN_FILES.log);
  if (file === null) return { text: "", raw: new Uint8Array(0), from: 0, to: 0, bytes: 0 };
  const from = "tail" in range ? tailStart(file, range.tail) : Math.min(range.from, file.bytes);
  return pieceOf(file, from);
}

/**
 * The log from `from` on as it grows, in pieces, until `ended()` says that nothing more will come and
 * all is read, or `signal` aborts.
 */
export async function* followLog(
  folders: Folders,
  id: string,
  clock: Clock,
  o: { from: number; ended: () => Promise<boolean>; signal: AbortSignal },
): AsyncGenerator<LogPiece> {
  let at = o.from;
  while (!o.signal.aborted) {
    // Asked before reading, or lines written between the two would be missed.
    const ended = await o.ended();
    const piece = readLog(folders, id, { from: at });
    if (piece.bytes < at) at = 0; // A new attempt begins a new file.
    else if (piece.to > at) {
      at = piece.to;
      yield piece;
    } else if (ended) return;
    else await delay(clock, FOLLOW_MS, o.signal).catch(() => {});
  }
}

/** One line of the log and when it arrived; early by up to a quarter of a second. */
export interface StampedLine {
  readonly atMs: number | null;
  readonly text: string;
}

/** The last lines with their stamps. */
export function stampedTail(folders: Folders, id: string, tail: number): StampedLine[] {
  const piece = readLog(folders, id, { tail });
  if (piece.text === "") return [];
  const stamps = stampsOf(folders, id);
  const encoder = new TextEncoder();
  let at = piece.from;
  let next = 0;
  let atMs: number | null = null;
  const lines = piece.text.replace(/\n$/, "").split("\n");
  return lines.map((text) => {
    while (next < stamps.length && stamps[next]![0] <= at) atMs = stamps[next++]![1];
    at += encoder.encode(text).length + 1;
    return { atMs, text };
  });
}

function stampsOf(folders: Folders, id: string): [number, number][] {
  using file = folders.openOwn(id, RUN_FILES.logTimes);
  if (file === null) return [];
  // The newest MiB: some forty thousand stamps, more than any tail needs.
  const from = Math.max(0, file.bytes - LOG_PIECE_BYTES_MAX);
  const text = new TextDecoder().decode(file.read(from, file.bytes - from));
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+)\t(\d+)$/.exec(line);
    return match === null ? [] : [[Number(match[1]), Number(match[2])] as [number, number]];
  });
}

function pieceOf(file: OpenFile, from: number): LogPiece {
  let bytes = file.read(from, Math.min(LOG_PIECE_BYTES_MAX, file.bytes - from));
  // A character cut in two is left for the next piece, unless nothing else would be in this one.
  const whole = bytes.length - cutBytes(bytes);
  if (whole > 0) bytes = bytes.subarray(0, whole);
  return {
    text: new TextDecoder().decode(bytes),
    raw: bytes,
    from,
    to: from + bytes.length,
    bytes: file.bytes,
  };
}

/** How many bytes at the end are the beginning of a UTF-8 character that is not there in full. */
function cutBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** The first whole character at or after `from`. */
function afterCut(file: OpenFile, from: number): number {
  const bytes = file.read(from, 3);
  let at = 0;
  while (at < bytes.length && (bytes[at]! & 0xc0) === 0x80) at++;
  return from + at;
}

/** Where the last `lines` lines begin, at most one piece before the end. */
function tailStart(file: OpenFile, lines: number): number {
  const least = Math.max(0, file.bytes - LOG_PIECE_BYTES_MAX);
  let newlines = 0;
  for (let end = file.bytes; end > least;) {
    const start = Math.max(least, end - BLOCK_BYTES);
    const block = file.read(start, end - start);
    for (let i = block.length - 1; i >= 0; i--) {
      // The newline that ends the last line begins no line.
      if (block[i] !== 10 || start + i === file.bytes - 1) continue;
      if (++newlines === lines) return start + i + 1;
    }
    end = start;
  }
  return afterCut(file, least);
}
