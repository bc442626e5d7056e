import assert from "node:assert/strict";
import { LockAsk } from "../../lib/locks/mod.ts";
import { runInstrument } from "../running_instrument.ts";
import { mainOf, post, shows, textOf } from "./page_forms.ts";

Deno.test("the board's forms without scripts: what does not fit is said, what one holds is given back", async (t) => {
  await using instrument = await runInstrument();
  const { locks } = instrument.instrument;
  const [cookie] = (await textOf(instrument, "/locks")).headers.get("set-cookie")!.split(";");
  const browser = { cookie: cookie! };
  const act = (fields: Record<string, string>) => post(instrument, "/locks", fields, browser);

  await t.step("a form that names no device, or one no device can have, is told why", async () => {
    for (const device of ["", "x".repeat(300), "a\u0007b"]) {
      for (const action of ["take", "ask", "seize"]) {
        const reply = await act({ action, device, reason: "because" });
        assert.equal(reply.status, 409, `${action} ${JSON.stringify(device)}`);
        shows(mainOf(reply.text), /role="alert".*devices/s);
      }
    }
    assert.equal((await act({ action: "explode", device: "led" })).status, 409);
    assert.equal((await act({ action: "release", device: "led" })).status, 409);
    assert.deepEqual(locks.list().value, []);
  });

  await t.step("a shared lock of a plan is given back on the page as any other", async () => {
    assert.equal((await act({ action: "take", device: "led" })).status, 303);
    const [own] = locks.list().value;
    const asker = { ...own!.owner, may: ["lock:read", "lock:write"] as const };
    const shared = LockAsk.parse({
      deviceIds: ["stirrer"],
      type: "MANUAL_OPERATOR",
      mode: "shared",
      planUid: "p",
    });
    assert.ok((await locks.request(shared, asker)).ok);
    assert.equal((await act({ action: "release", device: "stirrer" })).status, 303);
    assert.deepEqual(locks.list().value.map(({ deviceIds }) => deviceIds), [["led"]]);
  });

  await t.step("maintenance is not kept from somebody by a device of their own", async () => {
    assert.equal((await act({ action: "maintain", reason: "oil" })).status, 303);
    const [all] = locks.list().value;
    assert.deepEqual([all?.deviceIds, all?.type], [["*"], "MAINTENANCE"]);
    assert.equal((await act({ action: "release", device: "led" })).status, 303);
    assert.deepEqual(locks.list().value, []);
  });
});
