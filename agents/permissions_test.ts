import assert from "node:assert/strict";
import { launchAgent } from "./launch.ts";
import { toFlags, toWorkerPermissions } from "./permissions.ts";

Deno.test("the same set becomes flags and Worker permissions, with everything else denied", () => {
  const set = { read: ["/data/a", "/data/b"], net: ["127.0.0.1:8000"] };
  assert.deepEqual(toFlags(set), [
    "--no-prompt",
    "--allow-read=/data/a,/data/b",
    "--allow-net=127.0.0.1:8000",
  ]);
  assert.deepEqual(toWorkerPermissions(set), {
    read: ["/data/a", "/data/b"],
    write: false,
    net: ["127.0.0.1:8000"],
    run: false,
    env: false,
    ffi: false,
    sys: false,
    import: false,
  });
  assert.deepEqual(toFlags({}), ["--no-prompt"]);
});

Deno.test("an entry that would grant more than it says is refused", () => {
  for (const read of [[""], ["/a,/b"], ["relative"]]) {
    assert.throws(() => toFlags({ read }), RangeError);
    assert.throws(() => toWorkerPermissions({ read }), RangeError);
  }
  assert.throws(() => toFlags({ net: [""] }), RangeError);
});

Deno.test("an agent is started by deno from source and by the binary itself when compiled", () => {
  const place = { execPath: "/opt/holdfast", denoDir: "/cache" };
  const compiled = launchAgent("bioreactor_sim", { ...place, standalone: true });
  assert.deepEqual(compiled.command, ["/opt/holdfast", "agent", "bioreactor_sim"]);
  const source = launchAgent("bioreactor_sim", { ...place, standalone: false });
  assert.deepEqual(source.command.slice(0, 5), [
    "/opt/holdfast",
    "run",
    "--no-prompt",
    "--no-remote",
    "--cached-only",
  ]);
  assert.match(source.command.at(-1)!, /agents\/bioreactor_sim\.ts$/);
  assert.equal(source.env.DENO_DIR, "/cache");
  assert.throws(
    () => launchAgent("toString", { ...place, standalone: true }),
    /no agent "toString"/,
  );
});
