import assert from "node:assert/strict";
import { join } from "node:path";
import { runInstrument } from "../running_instrument.ts";

const python = await new Deno.Command("python3", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: "a Python program of the device coordination service works on both ports (needs python3)",
  ignore: !python,
  async fn() {
    await using instrument = await runInstrument({ COORDINATION_PORT: "0" });
    for (const url of [instrument.faces.locks!, instrument.url]) {
      const { stdout, stderr } = await new Deno.Command("python3", {
        args: ["-W", "ignore", join(import.meta.dirname!, "coordination_client.py"), url],
        stdout: "piped",
        stderr: "piped",
      }).output();
      const [said, failed] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(said, "every call answered as expected\n", failed);
    }
    assert.deepEqual(instrument.complaints, []);
  },
});
