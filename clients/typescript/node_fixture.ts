/** For tests: a small instrument with the node's routes and the native ones the client uses. */
export interface Fixture extends AsyncDisposable {
  readonly url: string;
  readonly state: InstrumentState;
  /** Replies by path instead of the usual ones. */
  readonly fail: Map<string, { status: number; body: unknown }>;
  readonly posts: { path: string; body: Record<string, unknown>; headers: Headers }[];
}

export interface InstrumentState {
  temperature: number | null;
  co2: number | null;
  od: (number | null)[];
  peltier: { duty_cycle: number; direction: string };
  stirrer: number;
  led: number;
  ring: number[];
  pixels: Record<number, number[]>;
  pumps: Record<string, number>;
  relays: Record<string, boolean>;
  dose: { asked_ml: number; done_ml: number; running: boolean } | null;
  components: string[];
  experiment: Record<string, unknown>;
  notes: string[];
  phases: string[];
}

interface Reply {
  status: number;
  body: unknown;
}

export function serveInstrument(): Fixture {
  const state: InstrumentState = {
    temperature: 25.4,
    co2: 633,
    od: [0.12, null, 0.18],
    peltier: { duty_cycle: 0, direction: "forward" },
    stirrer: 0,
    led: 0,
    ring: [0, 0, 0],
    pixels: {},
    pumps: { inflow: 0, outflow: 0 },
    relays: { relay_1: false, relay_2: false },
    dose: null,
    components: [
      "led",
      "peltier_driver",
      "stirrer",
      "ring_light",
      "pumps",
      "temp_sensor",
      "optical_density",
      "eyespy_adc",
      "co2_sensor",
      "o2_sensor",
    ],
    experiment: { state: "running" },
    notes: [],
    phases: [],
  };
  const fail: Fixture["fail"] = new Map();
  const posts: Fixture["posts"] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const path = new URL(request.url).pathname;
      const body = request.method === "POST" ? await request.json() : {};
      if (request.method === "POST") posts.push({ path, body, headers: request.headers });
      const reply = fail.get(path) ??
        (request.method === "POST" ? post(state, path, body) : get(state, path)) ??
        { status: 404, body: { detail: `There is nothing at ${path}`, code: "not_found" } };
      return Response.json(reply.body, { status: reply.status });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    state,
    fail,
    posts,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function refused(status: number, code: string, detail: string): Reply {
  return { status, body: { detail, code } };
}

function get(state: InstrumentState, path: string): Reply | null {
  switch (path) {
    case "/api/status":
      return ok({ status: "operational" });
    case "/api/v3/capabilities": {
      const known = state.components.map((name) => [name, { type: "actuator" }]);
      return ok({
        ...Object.fromEntries(known),
        pumps: { available_pumps: Object.keys(state.pumps) },
        peltier_driver: { heat_max: 70, cool_max: 40 },
      });
    }
    case "/api/sensors/all":
      return ok({ status: "success", temperature: state.temperature, co2_ppm: state.co2 });
    case "/api/sensors/photodiodes":
      return ok({ status: "success", readings: state.od });
    case "/api/sensors/temperature":
      return ok({ status: "success", temperature: state.temperature });
    case "/api/sensors/current":
      return ok({ status: "success", peltier_current: 1.5 });
    case "/api/v1/devices":
      return ok(views(state));
  }
  const [, device] = /^\/api\/v1\/devices\/([^/]+)$/.exec(path) ?? [];
  if (device !== undefined) {
    const view = views(state).find((one) => one.capability.deviceId === device);
    return view === undefined ? null : ok(view);
  }
  if (/^\/api\/v1\/experiments\/[^/]+$/.test(path)) return ok(state.experiment);
  const [, component] = /^\/api\/v3\/([^/]+)\/state$/.exec(path) ?? [];
  if (component === undefined || !state.components.includes(component)) return null;
  return ok(stateOf(state, component));
}

function stateOf(state: InstrumentState, component: string): unknown {
  const status = "success";
  switch (component) {
    case "temp_sensor":
      return state.temperature === null
        ? { status: "error", temperature: null, message: "no answer", code: "disconnected" }
        : { status, temperature: state.temperature };
    case "co2_sensor":
      return state.co2 === null
        ? { status: "error", co2_ppm: null, message: "not ready" }
        : { status, co2_ppm: state.co2 };
    case "o2_sensor":
      return { status, o2_percent: 20.9 };
    case "optical_density":
      return { status, voltages: state.od };
    case "eyespy_adc":
      return { status, voltages: [] };
    case "peltier_driver":
      return { status, ...state.peltier, active: state.peltier.duty_cycle > 0 };
    case "stirrer":
      return { status, duty_cycle: state.stirrer, active: state.stirrer > 0 };
    case "ring_light": {
      const [red, green, blue] = state.ring;
      return { status, red, green, blue, active: state.ring.some((one) => one > 0) };
    }
  }
}

function post(state: InstrumentState, path: string, body: Record<string, unknown>): Reply | null {
  const [, component] = /^\/api\/v3\/([^/]+)\/control$/.exec(path) ?? [];
  if (component !== undefined) return control(state, component, body);
  const [, device] = /^\/api\/v1\/devices\/([^/]+)\/commands$/.exec(path) ?? [];
  if (device !== undefined) {
    return command(state, device, body.op, body.args as Record<string, never>);
  }
  if (path.endsWith("/notes")) state.notes.push(String(body.text));
  else if (path.endsWith("/phase")) state.phases.push(String(body.phase));
  else if (path === "/api/led") state.led = body.state === true ? 100 : 0;
  else if (path === "/api/peltier") {
    state.peltier = {
      duty_cycle: Number(body.power),
      direction: body.forward === true ? "heat" : "cool",
    };
  } else if (path === "/api/pump") state.pumps[String(body.name)] = Number(body.velocity);
  else if (path === "/api/stirrer") state.stirrer = Number(body.duty_cycle);
  else if (path === "/api/ring-light") state.ring = [body.red, body.green, body.blue].map(Number);
  else return null;
  return ok({ status: "success" });
}

function control(
  state: InstrumentState,
  component: string,
  body: Record<string, unknown>,
): Reply | null {
  const value = Number(body.duty_cycle ?? body.power ?? body.velocity ?? 0);
  if (value > 100) return refused(422, "out_of_range", `${value} is not in 0 to 100`);
  if (component === "stirrer") state.stirrer = value;
  else if (component === "led") state.led = value;
  else if (component === "peltier_driver") {
    state.peltier = { duty_cycle: value, direction: String(body.direction) };
  } else if (component === "pumps") {
    const name = String(body.pump_name);
    if (!(name in state.pumps)) {
      return refused(404, "device_unknown", `There is no pump "${name}"`);
    }
    if (value > 2.5) return refused(422, "out_of_range", `velocity: ${value} is above 2.5`);
    state.pumps[name] = value;
  } else if (component === "ring_light") {
    const colour = [body.red, body.green, body.blue].map(Number);
    if (typeof body.pixel_index === "number") state.pixels[body.pixel_index] = colour;
    else state.ring = colour;
  } else return null;
  return ok({ status: "success" });
}

function command(
  state: InstrumentState,
  device: string,
  op: unknown,
  args: Record<string, number | boolean>,
): Reply {
  if (device.startsWith("relay-")) {
    const name = device.replace("relay-", "relay_");
    state.relays[name] = op === "set" ? args.closed === true : true;
    if (op === "pulse") setTimeout(() => state.relays[name] = false, Number(args.seconds) * 1000);
    return ok({ setpoint: { closed: state.relays[name] } });
  }
  const volume = Number(args.volume);
  const dose = { asked_ml: volume, done_ml: volume, running: true };
  state.dose = dose;
  const flow = Number(args.flow ?? 1);
  setTimeout(() => dose.running = false, volume / flow * 1000);
  return ok({ setpoint: { flow } });
}

function views(state: InstrumentState) {
  const atMs = Date.now() - 500;
  const temperature = { deviceId: "temperature", unit: "°C", atMs };
  return [
    {
      capability: { deviceId: "temperature", component: "temp_sensor", facts: {} },
      state: { readback: null as Record<string, unknown> | null },
      readings: [
        { ...temperature, channel: "temperature", value: state.temperature, quality: "good" },
        { ...temperature, channel: "heat_sink", value: 24, atMs: atMs - 9000, quality: "good" },
        { ...temperature, channel: "lid", value: null, quality: "bad", code: "crc" },
      ],
    },
    ...Object.entries(state.relays).map(([name, closed]) => ({
      capability: {
        deviceId: name.replace("_", "-"),
        component: "relays",
        facts: { relay_name: name },
      },
      state: { readback: { closed } },
      readings: [],
    })),
    ...Object.entries(state.pumps).map(([name, flow]) => ({
      capability: { deviceId: `pump-${name}`, component: "pumps", facts: { pump_name: name } },
      state: { readback: { flow, ...(state.dose === null ? {} : { dose: { ...state.dose } }) } },
      readings: [],
    })),
  ];
}
