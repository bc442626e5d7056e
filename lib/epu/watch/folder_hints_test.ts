import assert from "node:assert/strict";
import { join } from "node:path";
import { hintsBelow } from "./folder_hints.ts";

/** Paths as they are told; `until` resolves once one of them passes. */
function ears() {
  const heard: string[] = [];
  let wake = () => {};
  return {
    heard,
    hint: (paths: readonly string[] | null) => {
      heard.push(...paths ?? []);
      wake();
    },
    async until(passes: (path: string) => boolean): Promise<void> {
      while (!heard.some(passes)) await new Promise<void>((resolve) => wake = resolve);
    },
  };
}

Deno.test({
  name:
    "on Linux what happens behind a link is not heard, and what happens in folders that come later is",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "holdfast-hints-" });
    const visit = join(dir, "visit");
    const outside = join(dir, "outside");
    const { heard, hint, until } = ears();
    await Deno.mkdir(join(visit, "grid"), { recursive: true });
    await Deno.mkdir(outside);
    await Deno.symlink(outside, join(visit, "link"));
    await Deno.symlink("/", join(visit, "root"));
    const end = await hintsBelow(visit, hint);
    try {
      await Deno.writeTextFile(join(outside, "secret.dm"), "x");
      await Deno.writeTextFile(join(visit, "grid", "one.dm"), "x");
      await until((path) => path.endsWith("grid/one.dm"));
      const late = join(visit, "grid", "Images-Disc1", "GridSquare_1");
      await Deno.mkdir(late, { recursive: true });
      // It tells of itself once it is listened to, whatever was in it by then.
      await until((path) => path === late);
      await Deno.writeTextFile(join(late, "two.xml"), "x");
      await until((path) => path.endsWith("GridSquare_1/two.xml"));
      assert.deepEqual(heard.filter((path) => /secret|\/root\/|\/link\//.test(path)), []);
    } finally {
      end();
      await Deno.remove(dir, { recursive: true });
    }
  },
});
