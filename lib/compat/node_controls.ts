import type { DeviceView } from "../devices/model.ts";
import {
  bool,
  colour,
  fieldFault,
  float,
  integer,
  named,
  optional,
  readBody,
  text,
} from "../fastapi.ts";
import {
  type Actuator,
  type Caller,
  devicesOf,
  drive,
  limitsOf,
  nameOf,
  type NodeDevices,
  NodeRefusal,
  setpointOf,
} from "./node_components.ts";
import { actuatorValues, relaysReply } from "./node_states.ts";

type Reply = Record<string, unknown>;

/** One request to a control route. */
export interface Control {
  readonly devices: NodeDevices;
  readonly caller: Caller;
  readonly nowMs: number;
  /** Names of pumps by what older scripts call them. */
  readonly pumpNames: ReadonlyMap<string, string>;
}

const DIRECTIONS = ["heat", "cool", "forward", "reverse"] as const;

/** `POST /api/v3/{component}/control`. @throws {BodyFaults} @throws {NodeRefusal} */
export function control(it: Control, component: Actuator, body: unknown): Promise<Reply> {
  switch (component) {
    case "led":
      return setLed(it, readBody(body, { power: float({ ge: 0, le: 100 }) }).power);
    case "stirrer":
      return setStirrer(it, readBody(body, { duty_cycle: float({ ge: 0, le: 100 }) }).duty_cycle);
    case "peltier_driver": {
      const { duty_cycle, direction } = readBody(body, {
        duty_cycle: float({ ge: 0, le: 100 }),
        direction: text(...DIRECTIONS),
      });
      return setPeltier(it, duty_cycle, direction);
    }
    case "ring_light": {
      const byte = integer({ ge: 0, le: 255 });
      const { red, green, blue, pixel_index } = readBody(body, {
        red: byte,
        green: byte,
        blue: byte,
        pixel_index: optional(integer({ ge: 0 })),
      });
      return setRing(it, [red, green, blue], pixel_index);
    }
    case "pumps": {
      const { pump_name, velocity } = readBody(body, { pump_name: text(), velocity: float() });
      return setPump(it, pump_name, velocity, "velocity");
    }
    case "relays": {
      const { relay_name, command, state } = readBody(body, {
        relay_name: text(),
        command: optional(text("open", "closed", "toggle")),
        state: optional(bool()),
      });
      const word = command ?? (state === null ? null : state ? "closed" : "open");
      if (word === null) readBody({ relay_name }, { command: text() });
      return setRelay(it, relay_name, word!);
    }
  }
}

/** The older bodies of `POST /api/led`, `/api/peltier`, `/api/ring-light`, `/api/pump`, `/api/stirrer`. */
export const LEGACY_ROUTES = ["led", "peltier", "ring-light", "pump", "stirrer"] as const;
export type LegacyRoute = (typeof LEGACY_ROUTES)[number];

/** Both spellings are read; the reply has the members of both. @throws {BodyFaults} @throws {NodeRefusal} */
export async function legacyControl(
  it: Control,
  route: LegacyRoute,
  body: unknown,
): Promise<Reply> {
  switch (route) {
    case "led": {
      const { state } = readBody(body, { state: bool() });
      return { ...await setLed(it, state ? 100 : 0), led_state: state };
    }
    case "stirrer": {
      const { duty_cycle } = readBody(body, { duty_cycle: float({ ge: 0, le: 100 }) });
      return await setStirrer(it, duty_cycle);
    }
    case "peltier": {
      const { power, forward, direction } = readBody(body, {
        power: float({ ge: 0, le: 100 }),
        forward: optional(bool()),
        direction: optional(text(...DIRECTIONS)),
      });
      const heats = forward ?? (direction === null ? null : isHeat(direction));
      if (heats === null) readBody(body, { forward: bool() });
      const reply = await setPeltier(it, power, heats ? "forward" : "reverse");
      return { ...reply, power: reply.duty_cycle, forward: heats };
    }
    case "ring-light": {
      const listed = typeof body === "object" && body !== null && "color" in body;
      if (listed) {
        const { color, pixel } = readBody(body, {
          color: colour(),
          pixel: named(optional(integer({ ge: 0 })), "pixel_index"),
        });
        return { ...await setRing(it, color, pixel, "pixel"), color };
      }
      const byte = integer({ ge: 0, le: 255 });
      const { red, green, blue, pixel_index } = readBody(body, {
        red: byte,
        green: byte,
        blue: byte,
        pixel_index: named(optional(integer({ ge: 0 })), "pixel"),
      });
      return { ...await setRing(it, [red, green, blue], pixel_index), color: [red, green, blue] };
    }
    case "pump": {
      const older = typeof body === "object" && body !== null && "ml_per_sec" in body;
      const { name, velocity } = readBody(body, {
        name: named(text(), "pump_name"),
        velocity: named(float(), "ml_per_sec"),
      });
      const reply = await setPump(it, name, velocity, older ? "ml_per_sec" : "velocity");
      return { ...reply, pump: reply.pump_name, flow_rate_ml_s: reply.velocity };
    }
  }
}

async function setLed(it: Control, power: number): Promise<Reply> {
  const { setpoint } = await drive(it.devices, only(it, "led"), "set", { power }, it.caller);
  const values = actuatorValues("led", setpoint ?? {});
  return { status: "success", ...values, message: `LED set to ${values.power}%` };
}

async function setStirrer(it: Control, duty: number): Promise<Reply> {
  const view = only(it, "stirrer");
  const { setpoint } = await drive(it.devices, view, "set", { duty }, it.caller);
  const values = actuatorValues("stirrer", setpoint ?? {});
  return { status: "success", ...values, message: `Stirrer set to ${values.duty_cycle}%` };
}

function isHeat(direction: string): boolean {
  return direction === "heat" || direction === "forward";
}

/**
 * The originals take 0 to 100 in both directions. Beyond what this instrument allows the limit is set, and
 * the reply says so: duty and message are those in force.
 */
async function setPeltier(it: Control, duty: number, direction: string): Promise<Reply> {
  const view = only(it, "peltier_driver");
  const { ge = -100, le = 100 } = limitsOf(view, "set", "power");
  const heat = isHeat(direction);
  const most = Math.max(0, heat ? le : -ge);
  const used = Math.min(duty, most);
  const power = used === 0 ? 0 : heat ? used : -used;
  const { setpoint } = await drive(it.devices, view, "set", { power }, it.caller);
  const inForce = Math.abs(Number(setpoint?.power ?? 0));
  const limited = duty > most ? ` (limited from ${duty}%)` : "";
  return {
    status: "success",
    duty_cycle: inForce,
    direction,
    active: inForce > 0,
    message: `Peltier set to ${inForce}% ${direction}${limited}`,
  };
}

async function setRing(
  it: Control,
  [red, green, blue]: readonly [number, number, number],
  pixel: number | null,
  pixelName = "pixel_index",
): Promise<Reply> {
  const view = only(it, "ring_light");
  const { le } = limitsOf(view, "set", "pixel");
  if (pixel !== null && le !== undefined && pixel > le) {
    const msg = `Input should be less than or equal to ${le}`;
    throw fieldFault(pixelName, { type: "less_than_equal", msg, ctx: { le } }, pixel);
  }
  const args = { red, green, blue, ...(pixel === null ? {} : { pixel }) };
  const { setpoint } = await drive(it.devices, view, "set", args, it.caller);
  const colourText = `RGB(${red},${green},${blue})`;
  return {
    status: "success",
    ...actuatorValues("ring_light", setpoint ?? {}),
    message: pixel === null
      ? `All pixels set to ${colourText}`
      : `Pixel ${pixel} set to ${colourText}`,
  };
}

async function setPump(
  it: Control,
  name: string,
  velocity: number,
  velocityName: string,
): Promise<Reply> {
  const view = byName(it, "pumps", name);
  const { ge, le } = limitsOf(view, "set", "flow");
  const checked = float({ ge, le }).check(velocity);
  if (!("value" in checked)) throw fieldFault(velocityName, checked, velocity);
  const flow = velocity === 0 ? 0 : velocity;
  const { setpoint } = await drive(it.devices, view, "set", { flow }, it.caller);
  const inForce = Number(setpoint?.flow ?? 0);
  return {
    status: "success",
    pump_name: name,
    velocity: inForce,
    active: inForce !== 0,
    message: `${name} set to ${inForce} mL/s`,
  };
}

async function setRelay(it: Control, name: string, command: string): Promise<Reply> {
  const view = byName(it, "relays", name);
  const closed = command === "toggle" ? setpointOf(view).closed !== true : command === "closed";
  await drive(it.devices, view, "set", { closed }, it.caller);
  return relaysReply(devicesOf(it.devices, "relays"), it.nowMs);
}

/** The component's one device. @throws {NodeRefusal} 503 when the instrument has none */
function only(it: Control, component: Actuator): DeviceView {
  const [view] = devicesOf(it.devices, component);
  if (view === undefined) throw unavailable(component);
  return view;
}

/** @throws {NodeRefusal} 503 without the component, 404 without the name */
function byName(it: Control, component: Actuator, name: string): DeviceView {
  const views = devicesOf(it.devices, component);
  if (views.length === 0) throw unavailable(component);
  // Names are lower case here; the older node's scripts call their pumps `A_in`.
  // What a pump is really called comes before what scripts call another.
  const older = component === "pumps" ? it.pumpNames.get(name) : undefined;
  const view = [name, name.toLowerCase(), older]
    .map((one) => views.find((each) => nameOf(each) === one))
    .find((each) => each !== undefined);
  if (view !== undefined) return view;
  const one = component.slice(0, -1);
  const known = views.map((each) => `'${nameOf(each)}'`).join(", ");
  throw new NodeRefusal(404, "device_unknown", `no ${one} named '${name}': there are ${known}`);
}

export function unavailable(component: string): NodeRefusal {
  return new NodeRefusal(503, "component_missing", `${component} not available`);
}
