import type { Result } from "../../result.ts";
import { accept, refuse } from "../../result.ts";

/** MRC images (CCP-EM's MRC2014), as far as a preview needs them: one slice, reduced while it is read. */

const HEADER_BYTES = 1024;
/** Nothing a camera makes is larger: 32 768 pixels a side. */
const SIDE_MAX = 32_768;
/** Bytes read at once. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** What a preview is made of: grey values, row by row from the top. */
export interface Grey {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
  /** Of the picture before it was reduced. */
  readonly fullWidth: number;
  readonly fullHeight: number;
}

export type MrcRefusal = { readonly kind: "not-mrc" | "truncated"; readonly text: string };

interface Header {
  readonly width: number;
  readonly height: number;
  readonly slices: number;
  readonly mode: number;
  readonly littleEndian: boolean;
  readonly dataAt: number;
}

/** Bytes of a value by mode. Mode 12 is half floats, 6 unsigned 16 bit. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 0: 1, 1: 2, 2: 4, 6: 2, 12: 2 };

/** The header's numbers, or why this is no MRC picture. */
export function readHeader(bytes: Uint8Array): Result<Header, MrcRefusal> {
  if (bytes.length < HEADER_BYTES) {
    return refuse({ kind: "truncated", text: "the file is shorter than an MRC header" });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  for (const littleEndian of [true, false]) {
    const int = (at: number) => view.getInt32(at, littleEndian);
    const [width, height, slices, mode] = [int(0), int(4), int(8), int(12)];
    const extended = int(92);
    const isSide = (n: number) => n >= 1 && n <= SIDE_MAX;
    if (!isSide(width) || !isSide(height) || slices < 1 || extended < 0) continue;
    if (VALUE_BYTES[mode] === undefined) {
      return refuse({ kind: "not-mrc", text: `MRC mode ${mode} is not one a camera writes` });
    }
    return accept({ width, height, slices, mode, littleEndian, dataAt: HEADER_BYTES + extended });
  }
  return refuse({ kind: "not-mrc", text: "the first bytes are no MRC header" });
}

/**
 * The first slice, each pixel the mean of a square of them so that no side is longer than `sideMax`. Holds
 * a few rows at a time, however large the file. @throws what reading the file throws
 */
export async function readMrc(
  file: Pick<Deno.FsFile, "read" | "seek">,
  sideMax: number,
): Promise<Result<Grey, MrcRefusal>> {
  const head = await readFully(file, HEADER_BYTES);
  const header = readHeader(head);
  if (!header.ok) return header;
  const { width, height, mode, littleEndian, dataAt } = header.value;
  await file.seek(dataAt, Deno.SeekMode.Start);
  const factor = Math.max(1, Math.ceil(Math.max(width, height) / sideMax));
  const grey = {
    width: Math.floor(width / factor) || 1,
    height: Math.floor(height / factor) || 1,
    fullWidth: width,
    fullHeight: height,
  };
  const values = new Float32Array(grey.width * grey.height);
  const rowBytes = width * VALUE_BYTES[mode]!;
  const rowsAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  for (let row = 0; row < height; row += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, height - row);
    const bytes = await readFully(file, rows * rowBytes);
    if (bytes.length < rows * rowBytes) {
      return refuse({
        kind: "truncated",
        text: `the file ends in row ${row + Math.floor(bytes.length / rowBytes)} of ${height}`,
      });
    }
    const valueAt = reader(bytes, mode, littleEndian);
    for (let y = 0; y < rows; y++) {
      // The format's first row is the lowest.
      const toY = grey.height - 1 - Math.floor((row + y) / factor);
      if (toY < 0) continue;
      for (let x = 0; x < grey.width * factor && x < width; x++) {
        values[toY * grey.width + Math.floor(x / factor)]! += valueAt(y * width + x);
      }
    }
  }
  for (let i = 0; i < values.length; i++) values[i]! /= factor * factor;
  return accept({ ...grey, values });
}

function reader(bytes: Uint8Array, mode: number, littleEndian: boolean): (i: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (mode) {
    case 0:
      return (i) => view.getInt8(i);
    case 1:
      return (i) => view.getInt16(2 * i, littleEndian);
    case 2:
      return (i) => view.getFloat32(4 * i, littleEndian);
    case 12:
      return (i) => halfFloat(view.getUint16(2 * i, littleEndian));
    default:
      return (i) => view.getUint16(2 * i, littleEndian);
  }
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** As many bytes as there are, up to `length`. */
async function readFully(
  file: Pick<Deno.FsFile, "read">,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
