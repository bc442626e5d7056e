/**
 * Grey baseline JPEG (ISO/IEC 10918-1), the kind EPU writes as previews: one component, Huffman coded with
 * the tables of Annex K. Only for pictures that we make up ourselves.
 */

/** `grey`: row-major, `height` x `width`, 0 black to 255 white. `quality`: 1..100. */
export function encodeGreyJpeg(
  grey: Uint8Array | Uint8ClampedArray,
  width: number,
  height: number,
  quality = 75,
): Uint8Array {
  if (grey.length !== width * height || width < 1 || height < 1 || width > 65_535) {
    throw new RangeError(`${grey.length} pixels are not ${width} x ${height}`);
  }
  const table = quantisation(quality);
  const out = new BitWriter(Math.max(1024, grey.length >> 1));
  out.bytes([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  out.bytes([0xff, 0xdb, 0, 67, 0, ...ZIGZAG.map((i) => table[i]!)]);
  out.bytes([0xff, 0xc0, 0, 11, 8, height >> 8, height & 255, width >> 8, width & 255]);
  out.bytes([1, 1, 0x11, 0]);
  out.bytes([0xff, 0xc4, 0, 19 + DC_VALUES.length, 0x00, ...DC_COUNTS, ...DC_VALUES]);
  out.bytes([0xff, 0xc4, 0, 19 + AC_VALUES.length, 0x10, ...AC_COUNTS, ...AC_VALUES]);
  out.bytes([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
  const block = new Float64Array(64);
  let before = 0;
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i++) {
        // Beyond the edge the last pixel goes on.
        const y = Math.min(height - 1, top + (i >> 3));
        const x = Math.min(width - 1, left + (i & 7));
        block[i] = grey[y * width + x]! - 128;
      }
      transform(block);
      before = encodeBlock(block, table, before, out);
    }
  }
  out.flush();
  out.bytes([0xff, 0xd9]);
  return out.done();
}

function encodeBlock(block: Float64Array, table: Uint8Array, before: number, out: BitWriter) {
  const dc = Math.round(block[0]! / table[0]!);
  writeValue(out, DC_CODES, 0, dc - before);
  let zeros = 0;
  for (let i = 1; i < 64; i++) {
    const at = ZIGZAG[i]!;
    const value = Math.round(block[at]! / table[at]!);
    if (value === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) out.bits(AC_CODES[0xf0]!);
    writeValue(out, AC_CODES, zeros << 4, value);
    zeros = 0;
  }
  if (zeros > 0) out.bits(AC_CODES[0]!);
  return dc;
}

/** A Huffman code for the run and size, then the value's own bits. */
function writeValue(out: BitWriter, codes: readonly Code[], run: number, value: number): void {
  const size = value === 0 ? 0 : 32 - Math.clz32(Math.abs(value));
  out.bits(codes[run | size]!);
  if (size > 0) out.bits({ code: value < 0 ? value + (1 << size) - 1 : value, length: size });
}

const COSINES = Float64Array.from(
  { length: 64 },
  (_, i) =>
    Math.cos(((2 * (i & 7) + 1) * (i >> 3) * Math.PI) / 16) * (i < 8 ? Math.SQRT1_2 : 1) / 2,
);
const rows = new Float64Array(64);

/** Discrete cosine transform of 8 x 8 values in place, rows then columns. */
function transform(block: Float64Array): void {
  for (let row = 0; row < 64; row += 8) {
    for (let u = 0; u < 8; u++) {
      let sum = 0;
      for (let x = 0; x < 8; x++) sum += block[row + x]! * COSINES[8 * u + x]!;
      rows[row + u] = sum;
    }
  }
  for (let column = 0; column < 8; column++) {
    for (let v = 0; v < 8; v++) {
      let sum = 0;
      for (let y = 0; y < 8; y++) sum += rows[8 * y + column]! * COSINES[8 * v + y]!;
      block[8 * v + column] = sum;
    }
  }
}

function quantisation(quality: number): Uint8Array {
  if (!(quality >= 1 && quality <= 100)) throw new RangeError(`${quality} is no quality of 1..100`);
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return Uint8Array.from(
    LUMINANCE,
    (q) => Math.min(255, Math.max(1, Math.floor((q * scale + 50) / 100))),
  );
}

interface Code {
  readonly code: number;
  readonly length: number;
}

class BitWriter {
  #bytes: Uint8Array;
  #length = 0;
  #pending = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }
  bytes(values: readonly number[]): void {
    for (const value of values) this.#push(value);
  }
  bits({ code, length }: Code): void {
    for (let i = length - 1; i >= 0; i--) {
      this.#pending = (this.#pending << 1) | ((code >> i) & 1);
      if (++this.#count === 8) this.#close();
    }
  }
  /** Fills the last byte with ones. */
  flush(): void {
    while (this.#count > 0) this.bits({ code: 1, length: 1 });
  }
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
  #close(): void {
    this.#push(this.#pending);
    // 0xff begins a marker; in the data a zero follows it.
    if (this.#pending === 0xff) this.#push(0);
    this.#pending = 0;
    this.#count = 0;
  }
  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}

// deno-fmt-ignore
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
// deno-fmt-ignore
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const DC_COUNTS = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_VALUES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AC_COUNTS = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d];
// deno-fmt-ignore
const AC_VALUES = [
  0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08,
  0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
  0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
  0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
  0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6,
  0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
  0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];
const DC_CODES = codesOf(DC_COUNTS, DC_VALUES);
const AC_CODES = codesOf(AC_COUNTS, AC_VALUES);

/** Canonical codes by value: of each length in turn, counting up. */
function codesOf(counts: readonly number[], values: readonly number[]): readonly Code[] {
  const codes: Code[] = [];
  let code = 0;
  let next = 0;
  for (const [i, count] of counts.entries()) {
    for (let n = 0; n < count; n++) codes[values[next++]!] = { code: code++, length: i + 1 };
    code <<= 1;
  }
  return codes;
}
