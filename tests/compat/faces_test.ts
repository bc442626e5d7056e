import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { loadConfig } from "../../lib/config.ts";
import { type Face, FACES } from "../../lib/compat/mod.ts";
import { openLog } from "../../lib/log.ts";
import { PortTaken, serve } from "../../serve.ts";
import { runInstrument } from "../running_instrument.ts";

Deno.test("each face has its port, and all are one instrument behind the same checks", async (t) => {
  await using instrument = await runInstrument({
    HOLDFAST_COMPAT_PORTS: "web=0,hub=0,node=0,locks=0,smartem=0",
  });
  const { faces, url } = instrument;
  assert.deepEqual(Object.keys(faces), [...FACES]);
  assert.equal(new Set([url, ...Object.values(faces)]).size, 6);
  const ask = (face: Face, path: string, init: RequestInit = {}) =>
    fetch(faces[face] + path, { redirect: "manual", ...init });
  const json = async (face: Face, path: string, init?: RequestInit) => {
    const reply = await ask(face, path, init);
    return { status: reply.status, body: await reply.json() };
  };

  await t.step(
    "the root is the node's on its port, nothing on the locks', else a page",
    async () => {
      assert.equal((await json("node", "/")).body.service, "Bioreactor Node API");
      assert.deepEqual(await json("locks", "/"), { status: 404, body: { detail: "Not Found" } });
      for (const face of ["web", "hub"] as const) {
        const reply = await ask(face, "/", { headers: { accept: "text/html" } });
        assert.match(await reply.text(), /^<!doctype html>/i, face);
      }
    },
  );

  await t.step("what is set on one is seen on all", async () => {
    const set = await json("node", "/api/v3/stirrer/control", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ duty_cycle: 30 }),
    });
    assert.equal(set.status, 200);
    for (const face of FACES) {
      if (face === "smartem") continue;
      assert.equal((await json(face, "/api/v3/stirrer/state")).body.duty_cycle, 30, face);
    }
  });

  await t.step("the SmartEM port shows the SmartEM API, and the native one", async () => {
    assert.equal((await json("smartem", "/status")).body.service, "SmartEM Decisions API");
    assert.deepEqual((await json("smartem", "/acquisitions")).body, []);
    assert.deepEqual(await json("smartem", "/api/v3/stirrer/state"), {
      status: 404,
      body: { detail: "Not Found" },
    });
    assert.equal((await json("smartem", "/api/v1/status")).status, 200);
    assert.deepEqual(await (await instrument.ask("/smartem/acquisitions")).json(), []);
  });

  await t.step("a button answers as its port's original did", async () => {
    const press = (face: Face) => json(face, "/api/experiments/nothing/cancel", { method: "POST" });
    assert.deepEqual(await press("web"), {
      status: 200,
      body: { success: false, message: "Experiment not found" },
    });
    assert.equal((await press("hub")).status, 404);
    const main = await instrument.ask("/api/experiments/nothing/cancel", { method: "POST" });
    assert.equal(main.status, 404, "the main port is the hub's");
    await main.body?.cancel();
  });

  await t.step(
    "a page of another site is kept out on every port, another face's included",
    async () => {
      for (const face of FACES) {
        for (const origin of ["https://evil.example", url]) {
          const reply = await ask(face, "/upload", { method: "POST", headers: { origin } });
          assert.equal(reply.status, 403, `${face} from ${origin}`);
          await reply.body?.cancel();
        }
        const own = await ask(face, "/api/live-data");
        assert.equal(own.headers.get("x-content-type-options"), "nosniff");
        await own.body?.cancel();
      }
    },
  );

  await t.step("an upload larger than bodies may be is refused before it is read", async () => {
    const form = new FormData();
    form.set("file", new File([new Uint8Array(9 * 1_048_576)], "big.py"));
    const reply = await ask("web", "/upload", { method: "POST", body: form });
    assert.equal(reply.status, 413);
    await reply.body?.cancel();
  });

  await t.step("an open live stream does not keep the instrument from ending", async () => {
    const reply = await ask("web", "/api/live-data", { headers: { accept: "text/event-stream" } });
    const reader = reply.body!.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /^retry: /);
    await instrument.close();
    let text = "";
    for (let piece; !(piece = await reader.read()).done;) {
      text += new TextDecoder().decode(piece.value);
    }
    assert.match(text, /event: bye\ndata: \{"reason":"closing"\}/);
  });
});

Deno.test("a face on the main port is shown there and opens no other", async () => {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr as Deno.NetAddr;
  probe.close();
  await using instrument = await runInstrument({
    HOLDFAST_PORT: String(port),
    HOLDFAST_COMPAT_PORTS: `node=${port}`,
  });
  assert.deepEqual(instrument.faces, {});
  assert.equal((await (await instrument.ask("/")).json()).service, "Bioreactor Node API");
});

Deno.test("a face's port that is taken is told with the face's name, before anything is opened", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr as Deno.NetAddr;
  const dir = await Deno.makeTempDir({ prefix: "holdfast-faces-" });
  const loaded = loadConfig({
    cwd: dir,
    env: { HOLDFAST_PORT: "0", HOLDFAST_COMPAT_PORTS: `node=${port}`, HOLDFAST_DATA: "data" },
  });
  assert(loaded.ok);
  const log = openLog({ clock: systemClock, level: "error", stderr: () => {} });
  await assert.rejects(
    serve({ config: loaded.value.config, clock: systemClock, log, dev: false, denoDir: null }),
    (error) =>
      error instanceof PortTaken &&
      error.message.startsWith(
        `Port ${port}, which compat.ports gives to the node's face, is taken`,
      ),
  );
  await assert.rejects(Deno.stat(join(dir, "data")), Deno.errors.NotFound);
  await log.close();
  await Deno.remove(dir, { recursive: true });
});
