import assert from "node:assert/strict";
import { join } from "node:path";
import { unpackClients } from "./client_files.ts";

Deno.test("client libraries are unpacked, what has changed is replaced, what has not is left alone", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-clients-" });
  try {
    const [from, to] = [join(dir, "from"), join(dir, "to")];
    await Deno.mkdir(join(from, "python", "tests"), { recursive: true });
    await Deno.writeTextFile(join(from, "python", "a.py"), "a");
    await Deno.writeTextFile(join(from, "python", "b.py"), "b");
    await Deno.writeTextFile(join(from, "python", "tests", "t.py"), "t");
    await unpackClients(from, to);
    const inode = async (name: string) => (await Deno.stat(join(to, "python", name))).ino;
    const [a, b] = [await inode("a.py"), await inode("b.py")];
    await Deno.writeTextFile(join(from, "python", "b.py"), "newer");
    await unpackClients(from, to);
    assert.equal(await inode("a.py"), a);
    assert.notEqual(await inode("b.py"), b);
    assert.equal(await Deno.readTextFile(join(to, "python", "b.py")), "newer");
    await assert.rejects(Deno.stat(join(to, "python", "tests")), Deno.errors.NotFound);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
