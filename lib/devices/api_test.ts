import assert from "node:assert/strict";
import { bioreactorSimAgent } from "../../agents/bioreactor_sim.ts";
import { Rig } from "../../tests/agents/open_devices.ts";
import { type Bench, TestActuator, TestSensor } from "../../tests/agents/test_driver.ts";
import { keptLog } from "../../tests/agents/watched.ts";
import type { Principal } from "../auth/model.ts";
import { createApi, problemHandler } from "../http.ts";
import { devicesApi } from "./api.ts";

const bench = {
  main: (on: Bench) => [new TestActuator("stirrer", on), new TestSensor("thermometer", on)],
};
const ANNA: Principal = { kind: "user", name: "anna", role: "operator" };
const never = () => new Promise<void>(() => {});

// deno-lint-ignore no-explicit-any
type Body = any;
interface Reply {
  status: number;
  body: Body;
  headers: Headers;
}

/** The router as it is mounted, asked by `principal`. */
class Door {
  readonly #app = createApi();

  constructor(private readonly rig: Rig, principal: Principal = ANNA) {
    this.#app.use(async (c, next) => {
      c.set("principal", principal);
      c.set("requestId", "test");
      c.set("remoteAddress", "127.0.0.1");
      await next();
    });
    this.#app.route("/api/v1", devicesApi(rig.devices));
    this.#app.onError(problemHandler(keptLog()));
  }
  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const json: Record<string, string> = body === undefined
      ? {}
      : { "content-type": "application/json" };
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const request = new Request(`http://localhost/api/v1${path}`, {
      method,
      headers: { ...json, ...headers },
      ...(text === undefined ? {} : { body: text }),
    });
    const response = await this.rig.settle(Promise.resolve(this.#app.request(request)));
    const answer = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: answer.startsWith("{") ? JSON.parse(answer) : answer,
    } satisfies Reply;
  }
  get(path: string) {
    return this.ask("GET", path);
  }
  post(path: string, body?: unknown, headers?: Record<string, string>) {
    return this.ask("POST", path, body, headers);
  }
}

const command = (duty: unknown) => ({ op: "set", args: { duty } });

Deno.test("devices are listed whole and read one by one", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const { status, body } = await door.get("/devices");
  assert.equal(status, 200);
  assert.deepEqual(body.devices.map((one: Body) => one.capability.deviceId), [
    "stirrer",
    "thermometer",
  ]);
  assert.deepEqual((await door.get("/devices/stirrer")).body, body.devices[0]);
  const unknown = await door.get("/devices/nobody");
  assert.equal(unknown.status, 404);
  assert.equal(unknown.body.type, "/problems/device-unknown");
  assert.equal(unknown.headers.get("content-type"), "application/problem+json");
});

Deno.test("a command answers the new state, with the asker as its actor", async () => {
  await using rig = await Rig.open(bench);
  const { status, body } = await new Door(rig).post("/devices/stirrer/commands", command(30));
  assert.equal(status, 200);
  assert.deepEqual([body.readback, body.safe, body.actor], [{ duty: 30 }, false, "user:anna"]);
});

Deno.test("the same Idempotency-Key moves the hardware once", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const key = { "idempotency-key": "abc" };
  const first = await door.post("/devices/stirrer/commands", command(30), key);
  const second = await door.post("/devices/stirrer/commands", command(30), key);
  assert.deepEqual(second.body, first.body);
  const { log } = rig.agents.bench("main");
  assert.equal(log.filter((line) => line === "stirrer set 30 begin").length, 1);
  const other = await door.post("/devices/stirrer/commands", command(40), key);
  assert.equal(other.status, 422);
  assert.equal(other.body.errors[0].path, "Idempotency-Key");
  const long = { "idempotency-key": "x".repeat(256) };
  assert.equal((await door.post("/devices/stirrer/commands", command(1), long)).status, 422);
});

Deno.test("every malformed command is the asker's fault, never ours", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const bodies: [unknown, number][] = [
    [undefined, 422],
    ["", 400],
    ["{", 400],
    ["null", 422],
    ["[]", 422],
    ["42", 422],
    ['"set"', 422],
    [{}, 422],
    [{ op: 3 }, 422],
    [{ op: "" }, 422],
    [{ op: "set", args: [] }, 422],
    [{ op: "set", args: null }, 422],
    [{ op: "set", args: { duty: "30" } }, 422],
    [{ op: "set", args: { duty: 1e999 } }, 422],
    [{ op: "set", args: { duty: 101 } }, 422],
    [{ op: "set", args: { duty: 1, more: 1 } }, 422],
    [{ op: "set", args: {} }, 422],
    [{ op: "set", args: { duty: 1 }, actor: "system" }, 422],
    [{ op: "toggle", args: {} }, 422],
    [{ op: "constructor", args: {} }, 422],
    [`{"op":"set","args":{"__proto__":{"duty":1}}}`, 422],
  ];
  for (const [body, status] of bodies) {
    const reply = await door.post("/devices/stirrer/commands", body);
    const name = JSON.stringify(body) ?? "no body";
    if (name === "no body") assert.ok([400, 415, 422].includes(reply.status), `${reply.status}`);
    else assert.equal(reply.status, status, `${name}: ${JSON.stringify(reply.body)}`);
    assert.equal(reply.headers.get("content-type"), "application/problem+json", name);
  }
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const wrongType = await door.post("/devices/stirrer/commands", "op=set", form);
  assert.ok([400, 415, 422].includes(wrongType.status), String(wrongType.status));
  assert.equal((await door.post("/devices/nobody/commands", command(1))).status, 404);
  assert.equal(rig.agents.bench("main").log.some((line) => line.includes("set")), false);
});

Deno.test("what is wrong with an argument is named by its path", async () => {
  await using rig = await Rig.open(bench);
  const { body } = await new Door(rig).post("/devices/stirrer/commands", command(101));
  assert.equal(body.code, "invalid_request");
  assert.equal(body.errors[0].path, "args.duty");
  assert.match(body.detail, /"duty"/);
});

Deno.test("refusals become the problems that clients know", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const path = "/devices/stirrer/commands";
  rig.gate.grant("stirrer", "experiment:1");
  const held = await door.post(path, command(30));
  assert.deepEqual([held.status, held.body.code, held.body.holder.actor], [
    409,
    "device_held",
    "experiment:1",
  ]);
  const script: Principal = {
    kind: "experiment",
    experimentId: "2",
    number: 2,
    role: "observer",
  };
  rig.gate.holders.clear();
  assert.equal((await new Door(rig, script).post(path, command(30))).status, 403);
  rig.agents.bench("main").waits.set("stirrer set", never);
  const late = await door.post(path, command(30));
  assert.deepEqual([late.status, late.body.code], [504, "command_timeout"]);
  rig.agents.kill("main");
  await rig.pass(0);
  const offline = await door.post(path, command(30));
  assert.deepEqual([offline.status, offline.body.code], [503, "device_offline"]);
});

Deno.test("agents are listed with how they fare", async () => {
  await using rig = await Rig.open(bench);
  const { body } = await new Door(rig).get("/agents");
  assert.equal(body.agents[0].name, "main");
  assert.equal(body.agents[0].state, "ready");
});

Deno.test("STOP takes JSON, a form, nothing and nonsense", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const asks: [unknown, Record<string, string>, string][] = [
    [{ reason: "foam" }, {}, "foam"],
    [undefined, {}, "STOP was pressed"],
    ["{", {}, "STOP was pressed"],
    ["null", {}, "STOP was pressed"],
    [{ reason: 7 }, {}, "STOP was pressed"],
    [{ reason: "x".repeat(501) }, {}, "STOP was pressed"],
    [{ reason: "foam", other: 1 }, {}, "foam"],
    ["reason=leak", form, "leak"],
    ["%%%", form, "STOP was pressed"],
    ["text", { "content-type": "text/plain" }, "STOP was pressed"],
  ];
  for (const [body, headers, reason] of asks) {
    await door.post("/devices/stirrer/commands", command(30));
    const reply = await door.post("/stop", body, headers);
    assert.equal(reply.status, headers === form ? 303 : 200, JSON.stringify(body));
    if (headers !== form) assert.equal(reply.body.devices[0].ok, true);
    assert.equal(rig.devices.stopped()?.reason, reason);
    assert.equal(rig.devices.stopped()?.actor, "user:anna");
    assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 0);
    const refused = await door.post("/devices/stirrer/commands", command(30));
    assert.deepEqual([refused.status, refused.body.code], [409, "instrument_stopped"]);
    await rig.settle(rig.devices.clearStop("user:anna", "test"));
  }
});

Deno.test("a page's STOP button leads back to its page, and never to another site", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const referers: [string | null, string][] = [
    ["http://localhost/devices/stirrer?window=1h", "/devices/stirrer?window=1h"],
    ["http://evil.example/devices", "/"],
    ["http://localhost//evil.example", "/"],
    ["nonsense", "/"],
    [null, "/"],
  ];
  for (const [referer, location] of referers) {
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      ...(referer === null ? {} : { referer }),
    };
    const reply = await door.post("/stop", "", headers);
    assert.deepEqual([reply.status, reply.headers.get("location")], [303, location]);
  }
});

Deno.test("a stop is cleared with a reason, as JSON or as a form", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  await door.post("/stop");
  const wrong: [unknown, Record<string, string>, number][] = [
    [undefined, {}, 415],
    ["{", {}, 400],
    [{}, {}, 422],
    [{ reason: "  " }, {}, 422],
    [{ reason: 1 }, {}, 422],
    [{ reason: "ok", more: 1 }, {}, 422],
    ["", form, 422],
    ["reason=", form, 422],
    ["reason=ok", { "content-type": "text/plain" }, 415],
  ];
  for (const [body, headers, status] of wrong) {
    const reply = await door.post("/stop/clear", body, headers);
    assert.equal(reply.status, status, JSON.stringify([body, headers]));
    assert.notEqual(rig.devices.stopped(), null);
  }
  const cleared = await door.post("/stop/clear", { reason: "foam removed" });
  assert.deepEqual([cleared.status, cleared.body], [200, { stopped: null }]);
  await door.post("/stop");
  const referer = "http://localhost/alarms";
  const byForm = await door.post("/stop/clear", "reason=fine", { ...form, referer });
  assert.deepEqual([byForm.status, byForm.headers.get("location")], [303, "/alarms"]);
  assert.equal(rig.devices.stopped(), null);
});

Deno.test("where no simulator runs its addresses say so", async () => {
  await using rig = await Rig.open(bench);
  const door = new Door(rig);
  assert.equal((await door.get("/simulator/faults")).status, 404);
  assert.equal((await door.ask("PUT", "/simulator/time-scale", { scale: 2 })).status, 404);
});

Deno.test("faults are scheduled, listed and ended, and time is scaled", async () => {
  await using rig = await Rig.open({ bioreactor_sim: (_, clock) => bioreactorSimAgent(clock) });
  const door = new Door(rig);
  assert.deepEqual((await door.get("/simulator/faults")).body, { faults: [] });
  const ask = { deviceId: "stirrer", kind: "no_answer", durationS: 600 };
  const added = await door.post("/simulator/faults", ask);
  assert.deepEqual([added.status, added.body.kind], [201, "no_answer"]);
  assert.equal((await door.get("/simulator/faults")).body.faults.length, 1);
  const wrong: [unknown, number][] = [
    [{}, 422],
    ["{", 400],
    [{ deviceId: "nobody", kind: "no_answer" }, 404],
    [{ deviceId: "stirrer", kind: "explode" }, 422],
    [{ deviceId: "stirrer", kind: "no_answer", unknown: 1 }, 422],
    [{ deviceId: "*", kind: "no_answer", probability: 2 }, 422],
  ];
  for (const [body, status] of wrong) {
    const reply = await door.post("/simulator/faults", body);
    assert.equal(reply.status, status, JSON.stringify([body, reply.body]));
  }
  const one = await door.ask("DELETE", `/simulator/faults/${added.body.id}`);
  assert.deepEqual(one.body, { cleared: 1 });
  assert.equal((await door.ask("DELETE", "/simulator/faults/x")).status, 422);
  assert.deepEqual((await door.ask("DELETE", "/simulator/faults")).body, { cleared: 0 });
  const scaled = await door.ask("PUT", "/simulator/time-scale", { scale: 60 });
  assert.deepEqual([scaled.status, scaled.body.scale], [200, 60]);
  assert.equal((await door.get("/simulator/time-scale")).body.scale, 60);
  for (const body of [{}, { scale: 0 }, { scale: -1 }, { scale: "2" }, { scale: 2, x: 1 }]) {
    assert.equal((await door.ask("PUT", "/simulator/time-scale", body)).status, 422);
  }
});

Deno.test("every route is described", async () => {
  await using rig = await Rig.open(bench);
  const api = devicesApi(rig.devices);
  const config = { openapi: "3.1.0", info: { title: "test", version: "0" } };
  const { paths } = api.getOpenAPI31Document(config);
  const described = Object.entries(paths!).flatMap(([path, item]) =>
    Object.keys(item!).map((method) => `${method} ${path}`)
  );
  assert.deepEqual(described.sort(), [
    "delete /simulator/faults",
    "delete /simulator/faults/{id}",
    "get /agents",
    "get /devices",
    "get /devices/{id}",
    "get /simulator/faults",
    "get /simulator/time-scale",
    "post /devices/{id}/commands",
    "post /simulator/faults",
    "post /stop",
    "post /stop/clear",
    "put /simulator/time-scale",
  ]);
});
