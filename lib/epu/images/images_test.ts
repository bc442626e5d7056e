import assert from "node:assert/strict";
import { join } from "node:path";
import { decode } from "fast-png";
import { firstPicture, pictureAt } from "./mod.ts";
import { readHeader } from "./mrc.ts";
import { limitsOf, pngOf } from "./render.ts";

type Mode = 0 | 1 | 2 | 6 | 12;

/** An MRC file of one slice whose pixel at x, y (from below) is `value(x, y)`. */
function mrc(
  width: number,
  height: number,
  mode: Mode,
  value: (x: number, y: number) => number,
  { littleEndian = true, extended = 0 } = {},
): Uint8Array {
  const bytesOf = { 0: 1, 1: 2, 2: 4, 6: 2, 12: 2 }[mode];
  const bytes = new Uint8Array(1024 + extended + width * height * bytesOf);
  const view = new DataView(bytes.buffer);
  for (const [at, n] of [[0, width], [4, height], [8, 1], [12, mode], [92, extended]] as const) {
    view.setInt32(at, n, littleEndian);
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 1024 + extended + (y * width + x) * bytesOf;
      const n = value(x, y);
      if (mode === 0) view.setInt8(at, n);
      else if (mode === 1) view.setInt16(at, n, littleEndian);
      else if (mode === 2) view.setFloat32(at, n, littleEndian);
      // Half floats: only the powers of two the test uses.
      else view.setUint16(at, mode === 12 ? (Math.log2(n) + 15) << 10 : n, littleEndian);
    }
  }
  return bytes;
}

async function inFolder(
  files: Record<string, Uint8Array>,
  check: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(join(dir, name), bytes);
    }
    await check(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("an MRC of every mode is a picture: dark left, bright right, its first row below", async () => {
  for (const mode of [0, 1, 2, 6, 12] as const) {
    for (const littleEndian of [true, false]) {
      const bytes = mrc(64, 32, mode, (x, y) => y < 16 ? 1 : x < 32 ? 2 : 4, {
        littleEndian,
        extended: 128,
      });
      await inFolder({ "a.mrc": bytes }, async (dir) => {
        const found = await pictureAt(dir, "a.mrc");
        assert.ok(found.ok, `mode ${mode}`);
        const { width, height, data } = decode(found.value.body);
        assert.deepEqual([width, height], [64, 32]);
        // The upper half holds the brighter values.
        assert.ok(data[0]! > data[31 * 64]! && data[63]! > data[0]!, `mode ${mode}`);
      });
    }
  }
});

Deno.test("a large picture is reduced by means, so that a side has 1024 pixels at most", async () => {
  const bytes = mrc(2050, 1000, 1, (x) => x % 2 === 0 ? 0 : 100);
  await inFolder({ "a.mrc": bytes }, async (dir) => {
    const found = await pictureAt(dir, "a.mrc");
    assert.ok(found.ok);
    const { width, height } = decode(found.value.body);
    assert.deepEqual([width, height], [683, 333]);
  });
});

Deno.test("a flat picture is mid grey, and dead pixels do not stretch it", () => {
  const flat = { width: 2, height: 2, fullWidth: 2, fullHeight: 2 };
  const grey = decode(pngOf({ ...flat, values: new Float32Array([7, 7, 7, 7]) })).data;
  assert.deepEqual([...grey], [128, 128, 128, 128]);
  const dead = decode(pngOf({ ...flat, values: new Float32Array([NaN, 7, 7, Infinity]) })).data;
  assert.deepEqual([...dead], [0, 128, 128, 128]);
  const values = new Float32Array(10_000).map((_, i) => i % 100);
  values[5] = 1e9;
  const [, high] = limitsOf(values);
  assert.ok(high < 1e9);
});

Deno.test("a truncated file, no MRC at all and a link out of the folder are refused with the reason", async () => {
  const whole = mrc(64, 64, 2, (x) => x);
  const outside = await Deno.makeTempFile({ suffix: ".jpg" });
  await inFolder({
    "cut.mrc": whole.subarray(0, 5000),
    "head.mrc": whole.subarray(0, 100),
    "text.mrc": new TextEncoder().encode("x".repeat(2000)),
    "mode.mrc": whole.map((byte, i) => i === 12 ? 99 : byte),
    "a.jpg": new Uint8Array([0xff, 0xd8]),
    "movie.tiff": new Uint8Array(4),
  }, async (dir) => {
    await Deno.symlink(outside, join(dir, "out.jpg"));
    const refusals: Record<string, string> = {};
    for await (const { name } of Deno.readDir(dir)) {
      const found = await pictureAt(dir, name);
      refusals[name] = found.ok ? "shown" : `${found.refusal.kind}: ${found.refusal.text}`;
    }
    assert.match(refusals["cut.mrc"]!, /^unreadable: .*row 15 of 64/);
    assert.match(refusals["head.mrc"]!, /shorter than an MRC header/);
    assert.match(refusals["text.mrc"]!, /no MRC header/);
    assert.match(refusals["mode.mrc"]!, /mode 99/);
    assert.equal(refusals["a.jpg"], "shown");
    assert.match(refusals["movie.tiff"]!, /no JPEG, PNG or MRC/);
    assert.match(refusals["out.jpg"]!, /^outside/);
    assert.deepEqual((await pictureAt(dir, "../secret.jpg")).ok, false);
    assert.ok((await firstPicture(dir, ["none.jpg", "a.jpg"])).ok);
    const none = await firstPicture(dir, ["none.jpg", "cut.mrc"]);
    assert.equal(none.ok ? "" : none.refusal.kind, "unreadable");
  });
  await Deno.remove(outside);
});

Deno.test("a header of nonsense is refused", () => {
  const bytes = new Uint8Array(1024).fill(255);
  assert.equal(readHeader(bytes).ok, false);
});
