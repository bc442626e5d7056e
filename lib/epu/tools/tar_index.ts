import { readSync } from "node:fs";
import { RecordingUnreadable } from "./recording.ts";

/** Where the bytes of one file lie in a tar archive. */
export interface TarEntry {
  readonly at: number;
  readonly size: number;
}

const BLOCK = 512;
const ENTRIES_MAX = 1_000_000;
const HEADER_BYTES_MAX = 1024 * 1024;

/**
 * The regular files of an uncompressed tar (ustar, with pax and GNU long names), by name. Nothing is
 * unpacked. Links and devices are refused: no recording has any.
 *
 * @throws {RecordingUnreadable}
 */
export function indexTar(file: number, length: number): Map<string, TarEntry> {
  const entries = new Map<string, TarEntry>();
  let at = 0;
  let longName: string | null = null;
  while (at + BLOCK <= length) {
    const header = read(file, at, BLOCK);
    if (header.every((byte) => byte === 0)) return entries;
    checkSum(header, at);
    const size = numberOf(header.subarray(124, 136));
    const kind = String.fromCharCode(header[156]!);
    const start = at + BLOCK;
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (start + size > length) throw new RecordingUnreadable("The archive is cut off");
    if (kind === "x" || kind === "L") longName = nameIn(read(file, start, headerSize(size)), kind);
    else if (kind === "0" || kind === "\0") {
      const name = longName ?? nameOf(header);
      longName = null;
      entries.set(name.replace(/^\.\//, ""), { at: start, size });
      if (entries.size > ENTRIES_MAX) {
        throw new RecordingUnreadable(`The archive has more than ${ENTRIES_MAX} files`);
      }
    } else if (kind === "5" || kind === "g") longName = null;
    else {
      throw new RecordingUnreadable(
        `The archive holds "${longName ?? nameOf(header)}", which is no plain file`,
      );
    }
  }
  return entries;
}

function headerSize(size: number): number {
  if (size <= HEADER_BYTES_MAX) return size;
  throw new RecordingUnreadable(`The archive has a header of ${size} bytes`);
}

function read(file: number, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let done = 0;
  while (done < size) {
    const count = readSync(file, bytes, done, size - done, at + done);
    if (count === 0) throw new RecordingUnreadable("The archive is cut off");
    done += count;
  }
  return bytes;
}

function checkSum(header: Uint8Array, at: number): void {
  const given = numberOf(header.subarray(148, 156));
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== given) throw new RecordingUnreadable(`Byte ${at} of the archive begins no entry`);
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split("\0")[0]!;

/** Octal; GNU writes large numbers in base 256, marked by the first bit. */
function numberOf(field: Uint8Array): number {
  if ((field[0]! & 0x80) !== 0) {
    return field.slice(1).reduce((value, byte) => value * 256 + byte, field[0]! & 0x7f);
  }
  const digits = text(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw new RecordingUnreadable("The archive has a damaged header");
  return digits === "" ? 0 : parseInt(digits, 8);
}

function nameOf(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const prefix = text(header.subarray(257, 262)) === "ustar" ? text(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** The path in a pax header, or GNU's long name; `null`: it says something else. */
function nameIn(bytes: Uint8Array, kind: string): string | null {
  if (kind === "L") return text(bytes);
  return /^\d+ path=(.*)$/m.exec(new TextDecoder().decode(bytes))?.[1] ?? null;
}
