import assert from "node:assert/strict";
import { join } from "node:path";
import { folderMb, openUp } from "./run_disk.ts";

async function inTemp(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-disk-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const modeOf = (path: string) => Deno.lstatSync(path).mode! & 0o7777;

Deno.test("a folder is as large as its files, and empty ones take room too", () =>
  inTemp(async (folder) => {
    assert.equal(folderMb(folder), 0);
    await Deno.mkdir(join(folder, "deep", "er"), { recursive: true });
    await Deno.writeFile(join(folder, "deep", "er", "a"), new Uint8Array(1_048_576).fill(7));
    await Deno.symlink("/", join(folder, "everything"));
    const mb = folderMb(folder);
    assert(mb > 1 && mb < 1.1, String(mb));
    for (let i = 0; i < 512; i++) await Deno.writeTextFile(join(folder, `empty-${i}`), "");
    assert(folderMb(folder) - mb >= 2);
  }));

Deno.test("whatever rights a script set, its files can be read and removed, and none runs as another", () =>
  inTemp(async (folder) => {
    const outside = await Deno.makeTempFile();
    const output = join(folder, "output");
    await Deno.mkdir(join(output, "shut"), { recursive: true });
    const file = join(output, "shut", "data.csv");
    const program = join(output, "program");
    await Deno.writeTextFile(file, "1,2\n");
    await Deno.writeTextFile(program, "");
    await Deno.symlink(outside, join(output, "link"));
    await Deno.chmod(outside, 0o400);
    await Deno.chmod(program, 0o4755);
    await Deno.chmod(file, 0);
    await Deno.chmod(join(output, "shut"), 0);
    await Deno.chmod(output, 0);
    openUp(output);
    assert.equal(modeOf(output), 0o700);
    assert.equal(modeOf(join(output, "shut")), 0o700);
    assert.equal(modeOf(file), 0o600);
    assert.equal(modeOf(program), 0o755);
    assert.equal(modeOf(outside), 0o400, "a link is not followed");
    assert.equal(await Deno.readTextFile(file), "1,2\n");
    await Deno.remove(outside);
  }));
