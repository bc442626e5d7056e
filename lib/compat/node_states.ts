import type { DeviceView } from "../devices/model.ts";
import {
  type Component,
  COMPONENTS,
  devicesOf,
  type ListedDevices,
  type Measured,
  measured,
  nameOf,
  type NodeDevices,
  setpointOf,
} from "./node_components.ts";

type Reply = Record<string, unknown>;

/**
 * The reply of a component's state route, in the originals' shape with `quality`, `age_s` and, where
 * something is wrong, `code` beside it. Without a value `status` is `error` and the value `null`: zero is
 * never an error. `null` where the instrument has no such component.
 */
export function stateReply(
  devices: ListedDevices,
  component: Component,
  nowMs: number,
): Reply | null {
  const views = devicesOf(devices, component);
  const [view] = views;
  if (view === undefined) return null;
  switch (component) {
    case "temp_sensor":
    case "ambient_temp":
      return sensorReply(view, "temperature", "celsius", nowMs);
    case "co2_sensor":
      return sensorReply(view, "co2_ppm", "ppm", nowMs);
    case "o2_sensor":
      return sensorReply(view, "o2_percent", "percent", nowMs);
    case "peltier_current":
      return sensorReply(view, "current", "amps", nowMs);
    case "optical_density":
    case "eyespy_adc":
      return voltagesReply(view, nowMs);
    case "pumps":
      return pumpsReply(views);
    case "relays":
      return relaysReply(views, nowMs);
    default:
      return actuatorReply(component, view);
  }
}

function sensorReply(view: DeviceView, key: string, unit: string, nowMs: number): Reply {
  const [first] = measured(view, nowMs);
  return {
    status: first?.value == null ? "error" : "success",
    [key]: first?.value ?? null,
    unit,
    ...remarks(view, first === undefined ? [] : [first]),
  };
}

function voltagesReply(view: DeviceView, nowMs: number): Reply {
  const all = measured(view, nowMs);
  return {
    status: all.some(({ value }) => value !== null) ? "success" : "error",
    voltages: all.map(({ value }) => value),
    unit: "volts",
    channels: channelNames(view),
    ...remarks(view, all),
  };
}

/** `135`, `Ref`, `90`: as the originals name the photodiodes. */
export function channelNames({ capability: { facts, channels } }: DeviceView): string[] {
  return Array.isArray(facts.channels)
    ? facts.channels.map(String)
    : channels.map(({ label }) => label);
}

/** `message` and what is known of the values: the worst quality, the oldest age. */
function remarks({ capability }: DeviceView, values: readonly Measured[]): Reply {
  const order = ["good", "suspect", "stale", "bad"];
  const worst = [...values].sort((a, b) => order.indexOf(b.quality) - order.indexOf(a.quality))[0];
  const ages = values.map(({ ageS }) => ageS).filter((age) => age !== null);
  const quality = worst?.quality ?? "stale";
  const code = worst?.code ?? (quality === "stale" ? "stale" : undefined);
  return {
    message: quality === "good"
      ? null
      : `${capability.label}: ${quality}${code === undefined ? "" : ` (${code})`}`,
    quality,
    age_s: ages.length === 0 ? null : Math.max(...ages),
    ...(quality === "good" || code === undefined ? {} : { code }),
  };
}

/** `null` while it works, else why its state cannot be told. */
export function trouble(
  { capability, state }: DeviceView,
): { message: string; code: string } | null {
  if (state.status === "ready") return null;
  const { lastError } = state;
  if (lastError !== null) return { message: lastError.text, code: lastError.code };
  return { message: `${capability.label} is ${state.status}`, code: state.status };
}

/** State of one actuator with one setpoint: what was asked and is in force, never what was merely sent. */
export function actuatorReply(component: Component, view: DeviceView): Reply {
  const wrong = trouble(view);
  const values = actuatorValues(component, setpointOf(view));
  if (wrong === null) return { status: "success", ...values, message: null };
  const unknown = Object.fromEntries(Object.keys(values).map((key) => [key, null]));
  return { status: "error", ...unknown, ...wrong };
}

/** Setpoint of a device in the words of its component. Heating is `forward`. */
export function actuatorValues(component: Component, setpoint: Record<string, unknown>): Reply {
  const of = (key: string) => Number(setpoint[key] ?? 0);
  switch (component) {
    case "led":
      return { power: of("power"), active: of("power") > 0 };
    case "stirrer":
      return { duty_cycle: of("duty"), active: of("duty") > 0 };
    case "peltier_driver":
      return {
        duty_cycle: Math.abs(of("power")),
        direction: of("power") < 0 ? "reverse" : "forward",
        active: of("power") !== 0,
      };
    case "ring_light": {
      const colour = { red: of("red"), green: of("green"), blue: of("blue") };
      const lit = Object.values(colour).some((value) => value > 0) || setpoint.uniform === false;
      return { ...colour, active: lit };
    }
    default:
      return {};
  }
}

/** All pumps at once, as the original answers, and each by its name. */
export function pumpsReply(views: readonly DeviceView[]): Reply {
  const pumps = Object.fromEntries(views.map((view) => [nameOf(view), pumpState(view)]));
  const flows = views.filter((view) => trouble(view) === null)
    .map((view) => Number(setpointOf(view).flow ?? 0));
  const wrong = views.map(trouble).find((one) => one !== null);
  const running = Object.values(pumps).filter(({ active }) => active);
  return {
    status: flows.length === 0 ? "error" : "success",
    pump_name: "all",
    velocity: flows.length === 0 ? null : Math.max(...flows),
    active: running.length > 0,
    message: wrong?.message ?? (running.length === 0 ? "All pumps stopped" : "Pumps running"),
    ...(wrong === undefined ? {} : { code: wrong.code }),
    pumps,
  };
}

function pumpState(view: DeviceView): Reply {
  const wrong = trouble(view);
  if (wrong !== null) return { velocity: null, active: null, ...wrong };
  const flow = Number(setpointOf(view).flow ?? 0);
  return { velocity: flow, active: flow !== 0 };
}

/** `closed` is energised; `pending` counts down to a relay's own opening; `guards` as configured. */
export function relaysReply(views: readonly DeviceView[], nowMs: number): Reply {
  const states: Record<string, string | null> = {};
  const pending: Record<string, number> = {};
  const guards: Record<string, unknown> = {};
  for (const view of views) {
    const name = nameOf(view);
    const { readback, atMs } = view.state;
    const left = (key: string) => {
      const value = readback?.[key];
      return typeof value === "number" ? Math.max(0, value - (nowMs - atMs) / 1000) : 0;
    };
    const closed = setpointOf(view).closed === true;
    states[name] = trouble(view) === null ? (closed ? "closed" : "open") : null;
    if (closed && left("opens_in_s") > 0) pending[name] = tenth(left("opens_in_s"));
    const { closed_max_s, interval_min_s, co2_max_ppm } = view.capability.facts;
    if (
      typeof closed_max_s === "number" || Number(interval_min_s ?? 0) > 0 || co2_max_ppm != null
    ) {
      guards[name] = {
        max_duration_s: closed_max_s ?? null,
        min_interval_s: interval_min_s ?? null,
        co2_max_ppm: co2_max_ppm ?? null,
        cooldown_s: tenth(left("wait_s")),
      };
    }
  }
  const wrong = views.map(trouble).find((one) => one !== null);
  const known = Object.values(states).some((one) => one !== null);
  return {
    status: known ? "success" : "error",
    states,
    pending,
    guards,
    ...(wrong === undefined ? {} : wrong),
  };
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** `GET /api/state`: everything in one poll, `null` for what is missing. Current is + cooling, - heating. */
export function wholeState(devices: NodeDevices, nowMs: number): Reply {
  const view = (component: Component) => devicesOf(devices, component)[0];
  const first = (component: Component) => {
    const found = view(component);
    return found === undefined ? null : measured(found, nowMs)[0]?.value ?? null;
  };
  const values = (component: Component) => {
    const found = view(component);
    if (found === undefined || trouble(found) !== null) return null;
    return actuatorValues(component, setpointOf(found));
  };
  const peltier = values("peltier_driver");
  const stirrer = values("stirrer");
  const current = first("peltier_current");
  const heating = peltier !== null && peltier.direction === "forward";
  const pumps = devicesOf(devices, "pumps");
  const relays = devicesOf(devices, "relays");
  const { status: _s, pump_name: _n, ...pumpsNow } = pumpsReply(pumps);
  const { status: _t, ...relaysNow } = relaysReply(relays, nowMs);
  const sources = { od: view("optical_density"), eyespy: view("eyespy_adc") };
  const od = Object.values(sources).flatMap((source) => {
    if (source === undefined) return [];
    const names = channelNames(source);
    return measured(source, nowMs).map(({ value }, i) => [names[i] ?? String(i), value] as const);
  });
  const names = (source: DeviceView | undefined) =>
    source === undefined ? [] : channelNames(source);
  return {
    status: "success",
    timestamp: nowMs / 1000,
    temperature: first("temp_sensor"),
    ambient_temp: first("ambient_temp"),
    peltier_current: current === null ? null : heating && current !== 0 ? -current : current,
    peltier: peltier === null
      ? null
      : { ...peltier, direction: peltier.direction === "reverse" ? "cool" : "heat" },
    run: null,
    co2: first("co2_sensor"),
    o2: first("o2_sensor"),
    od: od.length === 0 ? null : Object.fromEntries(od),
    od_mode: sources.od && sources.eyespy
      ? "both"
      : sources.od
      ? "od"
      : sources.eyespy
      ? "eyespy"
      : "none",
    od_channels: { od: names(sources.od), eyespy: names(sources.eyespy) },
    od_available: { od: sources.od !== undefined, eyespy: sources.eyespy !== undefined },
    od_sampling: od.length === 0 ? null : {
      enabled: true,
      led_power: sources.od?.capability.facts.led_pct ?? null,
      sources: Object.entries(sources).filter(([, one]) => one !== undefined).map(([name]) => name),
    },
    led: values("led"),
    ring: values("ring_light"),
    stirrer: stirrer === null ? null : { duty: stirrer.duty_cycle, active: stirrer.active },
    pumps: pumps.length === 0 ? null : pumpsNow,
    relays: relays.length === 0 ? null : relaysNow,
  };
}

/** Which of the originals' components are here, and whether at least one device of each answers. */
export function initialized(devices: NodeDevices): Record<string, boolean> {
  const found: Record<string, boolean> = {};
  for (const component of COMPONENTS) {
    const views = devicesOf(devices, component);
    if (views.length === 0) continue;
    found[component] = views.some(({ state }) => state.status === "ready");
  }
  return found;
}

/** `GET /health`: `degraded` as soon as one component does not answer. */
export function healthReply(devices: NodeDevices): Reply {
  const components = initialized(devices);
  const answering = Object.values(components);
  const simulated = devices.list().some(({ capability }) => capability.simulated);
  return {
    status: answering.every(Boolean) ? "healthy" : "degraded",
    version: "3.0.0",
    hardware_mode: simulated ? "simulation" : "real",
    hardware_available: answering.some(Boolean),
    initialized_components: components,
    component_count: answering.length,
  };
}

/** `GET /api/status` of both older nodes. */
export function statusReply(devices: NodeDevices): Reply {
  const components = initialized(devices);
  return {
    status: "operational",
    hardware_available: Object.values(components).some(Boolean),
    initialized_components: components,
    api_version: "v3_with_v2_compat",
  };
}
