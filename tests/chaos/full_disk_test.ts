import assert from "node:assert/strict";
import { join } from "node:path";

/** Runs `command` as root of its own mount namespace, where a small disk can be mounted without rights. */
function namespaced(command: string, ...args: string[]): Deno.Command {
  return new Deno.Command("unshare", {
    args: ["--map-root-user", "--mount", "sh", "-ec", command, "sh", ...args],
    stdout: "piped",
    stderr: "piped",
  });
}

async function mayMount(): Promise<boolean> {
  const dir = await Deno.makeTempDir();
  try {
    return (await namespaced('mount -t tmpfs tmpfs "$1"', dir).output()).success;
  } catch {
    return false;
  } finally {
    await Deno.remove(dir);
  }
}

Deno.test({
  name:
    "a full disk fails commits by name, loses nothing, and is over once there is room (needs unshare)",
  ignore: !await mayMount(),
  fn: async () => {
    const dir = await Deno.makeTempDir();
    const { code, stdout, stderr } = await namespaced(
      'mount -t tmpfs -o size=12m tmpfs "$1"; exec "$2" run -A --no-check "$3" "$1"',
      dir,
      Deno.execPath(),
      join(import.meta.dirname!, "full_disk.ts"),
    ).output();
    await Deno.remove(dir);
    const text = new TextDecoder();
    assert.equal(code, 0, text.decode(stderr));
    const met = JSON.parse(text.decode(stdout));
    assert.ok(met.written > 5, `${met.written}`);
    assert.equal(
      met.failure,
      "KvUnavailable: The store cannot be written: database or disk is full",
    );
    assert.equal(met.readable, met.written);
    assert.match(met.second, /^DataFolderFull: .*No space left on device.*Free some space/);
    assert.equal(met.after, met.written + 1);
    assert.deepEqual(met.texts, Array.from({ length: met.written + 1 }, (_, i) => i + 1));
  },
});
