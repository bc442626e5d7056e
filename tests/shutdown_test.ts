import assert from "node:assert/strict";
import { connect } from "node:net";
import { runInstrument } from "./running_instrument.ts";

/** Longest that an end may take while clients hold on, milliseconds. */
const ENOUGH_MS = 15_000;

Deno.test("a client that never finishes its request keeps no actuator on at the end", async () => {
  const instrument = await runInstrument();
  const { devices } = instrument.instrument;
  const port = Number(new URL(instrument.url).port);
  const slow = connect({ host: "127.0.0.1", port });
  slow.on("error", () => {});
  const driven = await devices.command({
    deviceId: "stirrer",
    op: "set",
    args: { duty: 40 },
    actor: "local:test",
  });
  assert(driven.ok);
  slow.write(
    "POST /api/v1/experiments HTTP/1.1\r\nhost: localhost\r\n" +
      "content-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
  );
  // Its headers have been read once a later request on another connection is answered.
  assert.equal((await instrument.ask("/healthz")).status, 200);
  let late: ReturnType<typeof setTimeout> | undefined;
  const end = await Promise.race([
    instrument[Symbol.asyncDispose]().then(() => "ended"),
    new Promise((resolve) => late = setTimeout(() => resolve("still open"), ENOUGH_MS)),
  ]);
  clearTimeout(late);
  slow.destroy();
  assert.equal(devices.view("stirrer")?.state.safe, true);
  assert.equal(end, "ended");
});
