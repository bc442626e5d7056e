import {
  type CommandRefusal,
  describeRefusal,
  type DeviceState,
  type DeviceView,
  type Reading,
} from "../devices/mod.ts";
import type { Result } from "../result.ts";
import { BodyFaults } from "../fastapi.ts";

/** Components as the originals' node names them. `relays`, `ambient_temp` and `peltier_current` came with its rewrite. */
export const ACTUATORS = [
  "led",
  "peltier_driver",
  "stirrer",
  "ring_light",
  "pumps",
  "relays",
] as const;
export const SENSORS = [
  "temp_sensor",
  "ambient_temp",
  "optical_density",
  "eyespy_adc",
  "co2_sensor",
  "o2_sensor",
  "peltier_current",
] as const;
export const COMPONENTS = [...ACTUATORS, ...SENSORS] as const;
export type Actuator = (typeof ACTUATORS)[number];
export type Component = (typeof COMPONENTS)[number];

/** What the node's routes need of the devices; `Devices` satisfies it. */
export interface NodeDevices {
  list(): DeviceView[];
  command(ask: {
    deviceId: string;
    op: string;
    args: Record<string, unknown>;
    actor: string;
    idempotencyKey?: string;
    signal?: AbortSignal;
  }): Promise<Result<DeviceState, CommandRefusal>>;
}

/** Where only the devices' states are asked for. */
export type ListedDevices = Pick<NodeDevices, "list">;

/** Who commands, as one request says it. */
export interface Caller {
  readonly actor: string;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Answered as `{ detail, code }` with `status`. */
export class NodeRefusal extends Error {
  override readonly name = "NodeRefusal";
  constructor(
    readonly status: 404 | 409 | 422 | 429 | 500 | 503 | 504,
    readonly code: string,
    message: string,
    /** Further members of the body: `holder`. */
    readonly members: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** Devices of one component, in the registry's order; empty where the instrument has none. */
export function devicesOf(devices: ListedDevices, component: Component): DeviceView[] {
  return devices.list().filter(({ capability }) => capability.component === component);
}

/** What scripts call one of several pumps or relays: the configured name, else the device's id. */
export function nameOf({ capability: { facts, deviceId } }: DeviceView): string {
  const name = facts.pump_name ?? facts.relay_name;
  return typeof name === "string" ? name : deviceId;
}

/** Setpoint in force, from the device's own record; its safe state before the first command. */
export function setpointOf({ state, capability }: DeviceView): Record<string, unknown> {
  return state.setpoint ?? capability.safeState ?? {};
}

/** Least and largest value the device itself accepts for an argument, from its schema. */
export function limitsOf(
  { capability }: DeviceView,
  op: string,
  argument: string,
): { ge?: number; le?: number } {
  const found = capability.operations.find((one) => one.op === op);
  const properties = found?.args.properties as Record<string, unknown> | undefined;
  const schema = (properties?.[argument] ?? {}) as { minimum?: unknown; maximum?: unknown };
  return {
    ...(typeof schema.minimum === "number" ? { ge: schema.minimum } : {}),
    ...(typeof schema.maximum === "number" ? { le: schema.maximum } : {}),
  };
}

/** Drives one device. @throws {NodeRefusal} @throws {BodyFaults} */
export async function drive(
  devices: NodeDevices,
  { capability: { deviceId } }: DeviceView,
  op: string,
  args: Record<string, unknown>,
  caller: Caller,
): Promise<DeviceState> {
  const outcome = await devices.command({ deviceId, op, args, ...caller });
  if (!outcome.ok) throw refusalOf(outcome.refusal);
  return outcome.value;
}

/** Codes of a device that works and says no. */
const GUARD_CODES = [
  "guard",
  "volume_limit",
  "guard_interval",
  "guard_duration",
  "guard_condition",
];

const ANSWERS = {
  "device-unknown": [404, "device_unknown"],
  "operation-unknown": [500, "operation_unknown"],
  "held": [409, "device_held"],
  "holding": [409, "experiment_holding"],
  "not-held": [409, "device_held"],
  "stale-fence": [409, "stale_fence"],
  "stopped": [409, "instrument_stopped"],
  "busy": [429, "device_busy"],
  "offline": [503, "device_offline"],
  "timeout": [504, "timeout"],
} as const;

function refusalOf(refusal: CommandRefusal): NodeRefusal | BodyFaults {
  const text = describeRefusal(refusal);
  switch (refusal.kind) {
    case "invalid-args":
      return new BodyFaults(refusal.errors.map(({ path, message }) => ({
        type: "value_error",
        loc: ["body", ...(path === "" ? [] : path.split("."))],
        msg: `Value error, ${message}`,
        input: null,
      })));
    case "fault":
      return new NodeRefusal(GUARD_CODES.includes(refusal.code) ? 409 : 500, refusal.code, text);
    case "held": {
      const { holder } = refusal;
      return new NodeRefusal(...ANSWERS.held, `${text} (${holder.actor})`, { holder });
    }
    default: {
      const [status, code] = ANSWERS[refusal.kind];
      return new NodeRefusal(status, code, text);
    }
  }
}

/** A reading as scripts want it: a number, or `null` with the reason beside it. */
export interface Measured {
  readonly value: number | null;
  readonly quality: Reading["quality"];
  readonly code?: string;
  /** Seconds since it was taken; `null` before the first. */
  readonly ageS: number | null;
}

/** The latest value of each channel of a device, in its order. A stale or bad one has no number. */
export function measured(
  { capability, readings }: DeviceView,
  nowMs: number,
): (Measured & { channel: string })[] {
  return capability.channels.map(({ id }) => {
    const reading = readings.find(({ channel }) => channel === id);
    if (reading === undefined) {
      return { channel: id, value: null, quality: "stale", code: "no_reading", ageS: null };
    }
    const { quality, code } = reading;
    const usable = (quality === "good" || quality === "suspect") &&
      typeof reading.value === "number" && Number.isFinite(reading.value);
    return {
      channel: id,
      value: usable ? reading.value as number : null,
      quality,
      ...(code === undefined ? {} : { code }),
      ageS: Math.max(0, Math.round(nowMs - reading.atMs) / 1000),
    };
  });
}
