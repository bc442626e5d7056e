import assert from "node:assert/strict";
import { decode } from "fast-png";
import { mrcPart } from "./mod.ts";

/** An MRC of 16-bit pixels, rows as they stand in the file. */
function mrc(width: number, height: number, pixel: (x: number, y: number) => number): Uint8Array {
  const bytes = new Uint8Array(1024 + 2 * width * height);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, width, true);
  view.setInt32(4, height, true);
  view.setInt32(8, 1, true);
  view.setInt32(12, 1, true);
  bytes.set([0x4d, 0x41, 0x50, 0x20, 0x44, 0x44], 208);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      view.setInt16(1024 + 2 * (y * width + x), pixel(x, y), true);
    }
  }
  return bytes;
}

Deno.test("a part of a picture is what of it lies within, counted as the file counts; flat is mid grey", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${dir}/a.mrc`, mrc(40, 30, (x, y) => x < 20 && y < 15 ? 0 : 1000));
    await Deno.writeFile(`${dir}/flat.mrc`, mrc(16, 16, () => 7));
    const part = async (x: number, y: number, width: number, height: number) => {
      const found = await mrcPart(dir, "a.mrc", { x, y, width, height });
      return found.ok ? decode(found.value.body) : found.refusal.kind;
    };
    const whole = await mrcPart(dir, "a.mrc", null);
    assert(whole.ok);
    const picture = decode(whole.value.body);
    assert.deepEqual([picture.width, picture.height], [40, 30]);
    assert.deepEqual([picture.data[0], picture.data[29 * 40]], [0, 255]);
    const corner = await part(0, 0, 20, 20);
    assert(typeof corner !== "string");
    assert.deepEqual([corner.width, corner.height], [10, 10]);
    const beyond = await part(35, 28, 1000, 1000);
    assert(typeof beyond !== "string");
    assert.deepEqual([beyond.width, beyond.height], [40, 30]);
    assert.equal(await part(500, 500, 10, 10), "outside");
    assert.equal(await part(20, 15, 0, 0), "outside");
    const flat = await mrcPart(dir, "flat.mrc", null);
    assert(flat.ok);
    assert(decode(flat.value.body).data.every((value) => value === 128));
    assert.deepEqual(await mrcPart(dir, "../a.mrc", null).then((found) => found.ok), false);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
