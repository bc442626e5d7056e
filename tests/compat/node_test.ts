import assert from "node:assert/strict";
import { Hono } from "hono";
import { ACTUATORS, COMPONENTS } from "../../lib/compat/mod.ts";
import { checkAccessCoverage } from "../../lib/access.ts";
import type { HoldfastEnv } from "../../lib/http.ts";
import { nodeCompat } from "../../routes/compat_node.ts";
import { DriverDevices } from "./driver_devices.ts";

type Json = Record<string, unknown>;

async function node(
  config: Json = {},
  without: readonly string[] = [],
  pumpNames: readonly string[] = [],
) {
  const devices = await DriverDevices.open(config, without);
  const app = new Hono<HoldfastEnv>();
  app.use(async (c, next) => {
    c.set("principal", { kind: "local", owner: "test", role: "admin" });
    await next();
  });
  app.route(
    "/",
    nodeCompat({ devices, clock: devices.rig.clock, config: { compat: { pumpNames } } }),
  );
  const call = async (method: string, path: string, body?: unknown, headers: HeadersInit = {}) => {
    const response = await app.request(path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() as Json };
  };
  return {
    devices,
    get: (path: string) => call("GET", path),
    post: (path: string, body?: unknown, headers?: HeadersInit) =>
      call("POST", path, body, headers),
    /** Latest value of a channel, as the instrument holds it. */
    value: (deviceId: string, channel: string) =>
      devices.list().find(({ capability }) => capability.deviceId === deviceId)!
        .readings.find((one) => one.channel === channel)!.value,
  };
}

/** Answers with everything that belongs to the original's shape, extra members left out. */
function shape(body: Json, like: Json): Json {
  return Object.fromEntries(Object.keys(like).map((key) => [key, body[key]]));
}

Deno.test("control answers in the original's shape with what is in force", async () => {
  const { post } = await node();
  const exchanges: [string, Json, Json][] = [
    ["led", { power: 12.5 }, {
      status: "success",
      power: 12.5,
      active: true,
      message: "LED set to 12.5%",
    }],
    ["led", { power: 0 }, { status: "success", power: 0, active: false, message: "LED set to 0%" }],
    ["stirrer", { duty_cycle: 40 }, {
      status: "success",
      duty_cycle: 40,
      active: true,
      message: "Stirrer set to 40%",
    }],
    ["peltier_driver", { duty_cycle: 30, direction: "heat" }, {
      status: "success",
      duty_cycle: 30,
      direction: "heat",
      active: true,
      message: "Peltier set to 30% heat",
    }],
    ["peltier_driver", { duty_cycle: 0, direction: "reverse" }, {
      status: "success",
      duty_cycle: 0,
      direction: "reverse",
      active: false,
      message: "Peltier set to 0% reverse",
    }],
    ["ring_light", { red: 50, green: 40, blue: 30 }, {
      status: "success",
      red: 50,
      green: 40,
      blue: 30,
      active: true,
      message: "All pixels set to RGB(50,40,30)",
    }],
    ["pumps", { pump_name: "inflow", velocity: 0.1 }, {
      status: "success",
      pump_name: "inflow",
      velocity: 0.1,
      active: true,
      message: "inflow set to 0.1 mL/s",
    }],
    ["pumps", { pump_name: "Inflow", velocity: 0.1 }, {
      status: "success",
      pump_name: "Inflow",
      velocity: 0.1,
      active: true,
      message: "Inflow set to 0.1 mL/s",
    }],
    ["relays", { relay_name: "relay_2", command: "closed" }, {
      status: "success",
      states: { relay_1: "open", relay_2: "closed", relay_3: "open", relay_4: "open" },
      pending: {},
      guards: {},
    }],
  ];
  for (const [component, body, expected] of exchanges) {
    for (const base of ["/api/v3", "/api"]) {
      const reply = await post(`${base}/${component}/control`, body);
      assert.deepEqual(reply, { status: 200, body: expected }, `${base} ${component}`);
    }
  }
});

Deno.test("state repeats what control set, for every actuator", async () => {
  const { post, get } = await node();
  await post("/api/v3/led/control", { power: 20 });
  await post("/api/v3/stirrer/control", { duty_cycle: 35 });
  await post("/api/v3/peltier_driver/control", { duty_cycle: 25, direction: "cool" });
  await post("/api/v3/ring_light/control", { red: 9, green: 8, blue: 7 });
  await post("/api/v3/pumps/control", { pump_name: "outflow", velocity: 0.5 });
  const states: [string, Json][] = [
    ["led", { status: "success", power: 20, active: true, message: null }],
    ["stirrer", { status: "success", duty_cycle: 35, active: true, message: null }],
    ["peltier_driver", {
      status: "success",
      duty_cycle: 25,
      direction: "reverse",
      active: true,
      message: null,
    }],
    ["ring_light", { status: "success", red: 9, green: 8, blue: 7, active: true, message: null }],
    ["pumps", {
      status: "success",
      pump_name: "all",
      velocity: 0.5,
      active: true,
      message: "Pumps running",
      pumps: { inflow: { velocity: 0, active: false }, outflow: { velocity: 0.5, active: true } },
    }],
  ];
  for (const [component, expected] of states) {
    for (const base of ["/api/v3", "/api"]) {
      assert.deepEqual(await get(`${base}/${component}/state`), { status: 200, body: expected });
    }
  }
});

Deno.test("sensor states have the original's members and the instrument's own values", async () => {
  const { get, value } = await node();
  const states: [string, Json][] = [
    ["temp_sensor", { temperature: value("temperature", "temperature"), unit: "celsius" }],
    ["ambient_temp", { temperature: value("ambient", "temperature"), unit: "celsius" }],
    ["co2_sensor", { co2_ppm: value("co2", "co2"), unit: "ppm" }],
    ["o2_sensor", { o2_percent: value("o2", "o2"), unit: "percent" }],
    ["peltier_current", { current: value("peltier-current", "current"), unit: "amps" }],
    ["optical_density", {
      voltages: ["od_135", "od_ref", "od_90"].map((one) => value("optical-density", one)),
      unit: "volts",
    }],
    ["eyespy_adc", {
      voltages: ["eyespy1", "eyespy2"].map((one) => value("eyespy", one)),
      unit: "volts",
    }],
  ];
  for (const [component, values] of states) {
    const expected: Json = { status: "success", ...values, message: null, quality: "good" };
    for (const base of ["/api/v3", "/api"]) {
      const { status, body } = await get(`${base}/${component}/state`);
      assert.equal(status, 200);
      assert.deepEqual(shape(body, expected), expected, component);
      assert.ok(typeof body.age_s === "number" && body.age_s >= 0 && body.age_s < 10);
    }
  }
});

Deno.test("a failed sensor gives null and a reason, never zero", async () => {
  const { devices, get } = await node();
  for (const deviceId of ["co2", "temperature"]) {
    devices.rig.asks.fault({ deviceId, kind: "no_answer" });
  }
  devices.rig.asks.fault({ deviceId: "optical-density", channel: "od_90", kind: "disconnect" });
  await devices.sample();
  const co2 = (await get("/api/v3/co2_sensor/state")).body;
  assert.deepEqual(
    [co2.status, co2.co2_ppm, co2.message, co2.code],
    ["error", null, "CO₂: bad (no_ack)", "no_ack"],
  );
  assert.equal((await get("/api/sensors/all")).body.co2_ppm, null);
  assert.equal((await get("/api/sensors/temperature")).body.temperature, null);
  assert.equal((await get("/api/state")).body.co2, null);
  const od = (await get("/api/v3/optical_density/state")).body;
  assert.equal(od.status, "success");
  const voltages = od.voltages as (number | null)[];
  assert.deepEqual(voltages.map((one) => one === null), [false, false, true]);
  devices.rig.asks.fault({ deviceId: "optical-density", kind: "disconnect" });
  await devices.sample();
  const none = (await get("/api/v3/optical_density/state")).body;
  assert.deepEqual([none.status, none.voltages], ["error", [null, null, null]]);
});

Deno.test("forward and heat warm, reverse and cool do not, on every route", async () => {
  const asks: [string, Json, number][] = [
    ["/api/v3/peltier_driver/control", { duty_cycle: 20, direction: "heat" }, 20],
    ["/api/v3/peltier_driver/control", { duty_cycle: 20, direction: "forward" }, 20],
    ["/api/v3/peltier_driver/control", { duty_cycle: 20, direction: "cool" }, -20],
    ["/api/v3/peltier_driver/control", { duty_cycle: 20, direction: "reverse" }, -20],
    ["/api/peltier", { power: 20, forward: true }, 20],
    ["/api/peltier", { power: 20, forward: false }, -20],
    ["/api/peltier", { power: 20, direction: "heat" }, 20],
    ["/api/peltier", { power: 20, direction: "cool" }, -20],
  ];
  for (const [path, body, power] of asks) {
    const { devices, post, get } = await node();
    assert.equal((await post(path, body)).status, 200);
    assert.deepEqual(
      devices.rig.driver("peltier").state().setpoint,
      { power },
      JSON.stringify(body),
    );
    await devices.rig.clock.wait(60_000);
    devices.rig.world.catchUp();
    const warmed = devices.rig.world.vessel.blockC - devices.rig.world.parameters.startC;
    assert.equal(Math.sign(warmed), Math.sign(power), `${path} ${JSON.stringify(body)}`);
    await devices.sample();
    const { peltier, peltier_current: current } = (await get("/api/state")).body as {
      peltier: Json;
      peltier_current: number;
    };
    assert.equal(peltier.direction, power > 0 ? "heat" : "cool");
    assert.equal(Math.sign(current), -Math.sign(power), "plus is cooling");
  }
});

Deno.test("more heat than the instrument allows is limited, and the reply says so", async () => {
  const { post, get } = await node();
  const { status, body } = await post("/api/v3/peltier_driver/control", {
    duty_cycle: 100,
    direction: "heat",
  });
  assert.deepEqual([status, body.duty_cycle], [200, 70]);
  assert.equal(body.message, "Peltier set to 70% heat (limited from 100%)");
  assert.equal((await get("/api/v3/peltier_driver/state")).body.duty_cycle, 70);
});

Deno.test("both spellings of every older body are read, and the reply serves both", async () => {
  const { post } = await node();
  const exchanges: [string, Json, Json][] = [
    ["led", { state: true }, { status: "success", power: 100, active: true, led_state: true }],
    ["peltier", { power: 30, forward: true }, {
      status: "success",
      duty_cycle: 30,
      direction: "forward",
      active: true,
      power: 30,
      forward: true,
    }],
    ["ring-light", { red: 1, green: 2, blue: 3 }, {
      status: "success",
      active: true,
      color: [1, 2, 3],
    }],
    ["ring-light", { color: [4, 5, 6] }, { status: "success", red: 4, color: [4, 5, 6] }],
    ["pump", { name: "outflow", velocity: 0.2 }, {
      status: "success",
      pump_name: "outflow",
      velocity: 0.2,
      active: true,
    }],
    ["pump", { pump_name: "outflow", ml_per_sec: 0.3 }, {
      status: "success",
      pump: "outflow",
      flow_rate_ml_s: 0.3,
    }],
    ["stirrer", { duty_cycle: 55 }, { status: "success", duty_cycle: 55, active: true }],
  ];
  for (const [route, body, expected] of exchanges) {
    const reply = await post(`/api/${route}`, body);
    assert.equal(reply.status, 200, JSON.stringify(reply));
    assert.deepEqual(shape(reply.body, expected), expected, route);
  }
});

Deno.test("one pixel changes one pixel, up to the last one the ring has", async () => {
  const { devices, post } = await node();
  await post("/api/v3/ring_light/control", { red: 255, green: 0, blue: 0, pixel_index: 31 });
  await post("/api/ring-light", { color: [0, 0, 255], pixel: 0 });
  const pixels = devices.rig.driver("ring-light").state().readback.pixels as string[];
  assert.deepEqual([pixels[0], pixels[1], pixels[31]], ["#0000ff", "#000000", "#ff0000"]);
  const { status, body } = await post("/api/v3/ring_light/control", {
    red: 1,
    green: 1,
    blue: 1,
    pixel_index: 32,
  });
  assert.equal(status, 422);
  assert.deepEqual((body.detail as Json[])[0]!.loc, ["body", "pixel_index"]);
});

Deno.test("a relay toggles, and its guards answer 409 and are listed", async () => {
  const { post, get } = await node({
    relays: [{ name: "co2", gas: "co2", closedMaxS: 1, intervalMinS: 60 }],
  });
  const closed = await post("/api/v3/relays/control", { relay_name: "co2", command: "toggle" });
  assert.deepEqual(closed.body.states, { co2: "closed" });
  assert.deepEqual(closed.body.pending, { co2: 1 });
  assert.deepEqual(closed.body.guards, {
    co2: { max_duration_s: 1, min_interval_s: 60, co2_max_ppm: null, cooldown_s: 60 },
  });
  await post("/api/relays/control", { relay_name: "co2", state: false });
  assert.deepEqual((await get("/api/relays/state")).body.states, { co2: "open" });
  const again = await post("/api/v3/relays/control", { relay_name: "co2", command: "closed" });
  assert.equal(again.status, 409);
  assert.equal(again.body.code, "guard_interval");
  assert.match(String(again.body.detail), /may close again in/);
});

Deno.test("a body that does not fit is 422 with FastAPI's list, and moves nothing", async () => {
  const { devices, post } = await node();
  const wrong: [string, unknown, (string | number)[]][] = [
    ["/api/v3/led/control", { power: 101 }, ["body", "power"]],
    ["/api/v3/led/control", {}, ["body", "power"]],
    ["/api/v3/led/control", undefined, ["body"]],
    ["/api/v3/led/control", '{"power": ', ["body", 10]],
    ["/api/v3/led/control", "[]", ["body"]],
    ["/api/v3/stirrer/control", { duty_cycle: -1 }, ["body", "duty_cycle"]],
    ["/api/v3/peltier_driver/control", { duty_cycle: 5, direction: "up" }, ["body", "direction"]],
    ["/api/v3/ring_light/control", { red: 256, green: 0, blue: 0 }, ["body", "red"]],
    ["/api/v3/pumps/control", { pump_name: "inflow" }, ["body", "velocity"]],
    ["/api/v3/pumps/control", { pump_name: "inflow", velocity: 99 }, ["body", "velocity"]],
    ["/api/v3/pumps/control", { pump_name: "inflow", velocity: -1 }, ["body", "velocity"]],
    ["/api/v3/relays/control", { relay_name: "relay_1", command: "flip" }, ["body", "command"]],
    ["/api/v3/relays/control", { relay_name: "relay_1" }, ["body", "command"]],
    ["/api/led", { state: "maybe" }, ["body", "state"]],
    ["/api/peltier", { power: 10 }, ["body", "forward"]],
    ["/api/peltier", { power: 200, forward: true }, ["body", "power"]],
    ["/api/ring-light", { color: [1, 2] }, ["body", "color"]],
    ["/api/ring-light", { color: [1, 2, 3], pixel: 99 }, ["body", "pixel"]],
    ["/api/pump", { pump_name: "inflow", ml_per_sec: 99 }, ["body", "ml_per_sec"]],
    ["/api/stirrer", { duty_cycle: "fast" }, ["body", "duty_cycle"]],
  ];
  for (const [path, body, loc] of wrong) {
    const reply = await post(path, body);
    assert.equal(reply.status, 422, `${path} ${JSON.stringify(body)}`);
    const [first] = reply.body.detail as Json[];
    assert.deepEqual(first!.loc, loc, `${path} ${JSON.stringify(body)}`);
    assert.ok(first!.type && first!.msg && "input" in first!);
  }
  assert.deepEqual(devices.asked, []);
});

Deno.test("an unknown pump or relay is 404 and names those there are", async () => {
  const { post } = await node();
  for (
    const [path, body] of [
      ["/api/v3/pumps/control", { pump_name: "pump1", velocity: 0.1 }],
      ["/api/pump", { name: "pump1", velocity: 0.1 }],
      ["/api/v3/relays/control", { relay_name: "heater", command: "open" }],
    ] as const
  ) {
    const { status, body: reply } = await post(path, body);
    assert.equal(status, 404);
    assert.equal(reply.code, "device_unknown");
    assert.match(String(reply.detail), /'inflow', 'outflow'|'relay_1', 'relay_2'/);
  }
});

Deno.test("a component the instrument lacks is 404 on v3 and 503 on the other routes", async () => {
  const { get, post } = await node({}, ["co2_sensor", "led", "optical_density"]);
  assert.equal((await get("/api/v3/co2_sensor/state")).status, 404);
  assert.equal((await get("/api/co2_sensor/state")).status, 503);
  assert.equal((await get("/api/sensors/photodiodes")).status, 503);
  assert.equal((await post("/api/led", { state: true })).status, 503);
  assert.equal((await post("/api/v3/led/control", { power: 1 })).status, 404);
  assert.equal((await post("/api/led/control", { power: 1 })).status, 503);
  const all = (await get("/api/sensors/all")).body;
  assert.ok(!("photodiodes" in all) && !("co2_ppm" in all));
  const capabilities = (await get("/api/v3/capabilities")).body;
  assert.ok(!("led" in capabilities));
  const state = (await get("/api/state")).body;
  assert.deepEqual([state.co2, state.led, state.od_mode], [null, null, "eyespy"]);
});

Deno.test("a held device answers 409 with its holder, and obeys the holder", async () => {
  const { devices, post } = await node();
  const holder = {
    actor: "experiment:01J000000000000000000000AA",
    label: "experiment 42",
    sinceMs: 1,
    expiresAtMs: null,
  };
  devices.hold("stirrer", holder);
  for (const path of ["/api/v3/stirrer/control", "/api/stirrer"]) {
    const { status, body } = await post(path, { duty_cycle: 10 });
    assert.equal(status, 409);
    assert.equal(
      body.detail,
      `"stirrer" is held by experiment 42 (experiment:01J000000000000000000000AA)`,
    );
    assert.deepEqual([body.code, body.holder], ["device_held", holder]);
  }
  assert.equal((await post("/api/v3/led/control", { power: 1 })).status, 200);
});

Deno.test("a device that fails answers 500 with its own words, and its state is an error", async () => {
  const { devices, get, post } = await node();
  devices.rig.asks.fault({ deviceId: "stirrer", kind: "stuck" });
  const { status, body } = await post("/api/v3/stirrer/control", { duty_cycle: 10 });
  assert.deepEqual([status, body.code], [500, "readback"]);
  const state = (await get("/api/v3/stirrer/state")).body;
  assert.deepEqual(
    [state.status, state.duty_cycle, state.active, state.code],
    ["error", null, null, "readback"],
  );
  assert.match(String(state.message), /stirrer/);
  const health = (await get("/health")).body;
  assert.equal(health.status, "degraded");
  assert.equal((health.initialized_components as Json).stirrer, false);
});

Deno.test("the vessel's maximum is a refusal, not a failure", async () => {
  const { post } = await node({ vessel: { volumeMl: 500 } });
  const { status, body } = await post("/api/pump", { name: "inflow", velocity: 1 });
  assert.deepEqual([status, body.code], [409, "volume_limit"]);
});

Deno.test("who commands and under which idempotency key goes with the command", async () => {
  const { devices, post } = await node();
  await post("/api/v3/led/control", { power: 3 }, { "idempotency-key": "abc" });
  const [{ actor, idempotencyKey, deviceId, op, args } = {} as never] = devices.asked;
  assert.deepEqual(
    { actor, idempotencyKey, deviceId, op, args },
    { actor: "local:test", idempotencyKey: "abc", deviceId: "led", op: "set", args: { power: 3 } },
  );
});

Deno.test("a body is read as JSON even where curl calls it a form", async () => {
  const { post } = await node();
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.equal((await post("/api/v3/led/control", { power: 3 }, form)).status, 200);
});

Deno.test("health, status and capabilities describe this instrument", async () => {
  const { get } = await node({ pumps: ["tube_1_in", "tube_1_out"], ringLight: { pixels: 8 } });
  const health = (await get("/health")).body;
  assert.deepEqual(
    [health.status, health.version, health.hardware_mode, health.hardware_available],
    ["healthy", "3.0.0", "simulation", true],
  );
  assert.equal(health.component_count, COMPONENTS.length);
  assert.deepEqual(
    new Set(Object.keys(health.initialized_components as Json)),
    new Set(COMPONENTS),
  );
  const status = (await get("/api/status")).body;
  assert.deepEqual([status.status, status.api_version], ["operational", "v3_with_v2_compat"]);
  const capabilities = (await get("/api/v3/capabilities")).body as Record<string, Json>;
  const { description: _, ...stirrer } = capabilities.stirrer!;
  assert.deepEqual(stirrer, {
    type: "actuator",
    control_type: "pwm",
    parameters: ["duty_cycle"],
    duty_range: [0, 100],
  });
  assert.deepEqual(capabilities.pumps!.available_pumps, ["tube_1_in", "tube_1_out"]);
  assert.equal(capabilities.ring_light!.pixel_count, 8);
  assert.deepEqual(capabilities.peltier_driver!.directions, ["heat", "cool", "forward", "reverse"]);
  const routes = (await get("/api/capabilities")).body as Record<string, Json>;
  assert.deepEqual(routes.led, {
    type: "actuator",
    control: "/api/led/control",
    state: "/api/led/state",
  });
});

Deno.test("every component has its routes, and every route that drives has an access rule", async () => {
  const { devices, get } = await node();
  for (const component of COMPONENTS) {
    for (const base of ["/api/v3", "/api"]) {
      assert.equal((await get(`${base}/${component}/state`)).status, 200, component);
    }
  }
  const api = nodeCompat({
    devices,
    clock: devices.rig.clock,
    config: { compat: { pumpNames: [] } },
  });
  const posts = api.routes.filter(({ method }) => method === "POST").map(({ path }) => path);
  for (const component of ACTUATORS) assert.ok(posts.includes(`/api/v3/${component}/control`));
  assert.deepEqual(checkAccessCoverage(api.routes), []);
});

Deno.test("a pump answers to the older name the configuration gives it, and to no other's", async () => {
  const { devices, post } = await node({}, [], ["tube_1_in=inflow", "outflow=inflow"]);
  const set = (name: string) => post("/api/v3/pumps/control", { pump_name: name, velocity: 0.5 });
  const moved = (await set("tube_1_in")).body;
  assert.deepEqual([moved.pump_name, moved.velocity, moved.active], ["tube_1_in", 0.5, true]);
  const flows = () =>
    ["pump-inflow", "pump-outflow"].map((id) =>
      devices.list().find((one) => one.capability.deviceId === id)!.state.setpoint?.flow ?? 0
    );
  assert.deepEqual(flows(), [0.5, 0]);
  // A pump that is really called so is meant, whatever else is written.
  await set("outflow");
  assert.deepEqual(flows(), [0.5, 0.5]);
  const unknown = await set("tube_1_out");
  assert.equal(unknown.status, 404);
  assert.match(String(unknown.body.detail), /no pump named 'tube_1_out': there are 'inflow'/);
});
