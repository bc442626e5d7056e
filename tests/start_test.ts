import assert from "node:assert/strict";
import { join } from "node:path";
import { DataFolderDamaged } from "../lib/data_folder_errors.ts";
import { ListenRefused } from "../serve.ts";
import { runInstrument } from "./running_instrument.ts";

Deno.test("a record that this version cannot read keeps it from starting, and says what to do", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const kv = await Deno.openKv(join(dir, "holdfast.kv"));
    await kv.set(["alarms", "active", "disk"], { v: 2, id: "disk" });
    kv.close();
    const refused = await runInstrument({ HOLDFAST_DATA: dir }).catch((error) => error);
    assert(refused instanceof DataFolderDamaged, String(refused));
    assert.match(
      refused.message,
      /^A record in ".*holdfast\.kv" .* \("v": .*expected 1.*later version/,
    );
    assert.match(refused.message, /no backup/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("an address that is not this machine's is named where it is refused", async () => {
  const refused = await runInstrument({
    HOLDFAST_HOST: "192.0.2.1",
    HOLDFAST_PORT: "8000",
    HOLDFAST_AUTH_ENABLED: "true",
  }).catch((error) => error);
  assert(refused instanceof ListenRefused, String(refused));
  assert.match(refused.message, /"192\.0\.2\.1", port 8000; see HOLDFAST_HOST/);
});
