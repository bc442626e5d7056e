import assert from "node:assert/strict";
import { join } from "node:path";
import { compileArguments, INCLUDED } from "../compile.ts";
import { layOut } from "../standalone.ts";

const ROOT = join(import.meta.dirname!, "..");

Deno.test("everything the binary includes by name is there", async () => {
  for (const path of INCLUDED) assert.ok((await Deno.stat(join(ROOT, path))).size >= 0, path);
});

Deno.test("an embedding dry run succeeds and leaves out what only building and testing needs", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const args = await compileArguments();
    args[args.indexOf("--output") + 1] = join(dir, "holdfast");
    // Deno's own binary stands in for the runtime that a real compilation downloads.
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, text);
    for (const wanted of ["main.ts", "bioreactor_sim.ts", "_fresh", "clients", "problems"]) {
      assert.ok(text.includes(wanted), `"${wanted}" is not embedded`);
    }
    const ours = (await Deno.stat(join(dir, "holdfast"))).size -
      (await Deno.stat(Deno.execPath())).size;
    assert.ok(ours < 45e6, `${Math.round(ours / 1e6)} MB are embedded`);
    assert.ok(args.some((arg) => arg.includes("playwright-core")));
    assert.ok(!args.some((arg) => arg.includes(".deno/hono")));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("client libraries are laid out on disk, and again after an update", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await layOut(join(ROOT, "clients"), dir);
    const file = join(dir, "python/holdfast_launch.py");
    const text = await Deno.readTextFile(join(ROOT, "clients/python/holdfast_launch.py"));
    assert.equal(await Deno.readTextFile(file), text);
    await Deno.writeTextFile(file, "an older version");
    await layOut(join(ROOT, "clients"), dir);
    assert.equal(await Deno.readTextFile(file), text);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
