import { z } from "zod";

/** How far a reading can be trusted. `bad` and `stale` carry no number. */
export const Quality = z.enum(["good", "suspect", "stale", "bad"]);
export type Quality = z.infer<typeof Quality>;

/** One quantity of a device: measured, or commanded and read back. */
export const Channel = z.object({
  /** Unique within the device: `temperature`, `od_135`, `duty`. */
  id: z.string().regex(/^[a-z][a-z0-9_]*$/),
  label: z.string(),
  /** As people write it: `°C`, `V`, `ppm`, `%`, `ml/s`, `A`; empty for words. */
  unit: z.string(),
  /** `measured`: a sensor's; `readback`: what an actuator reports of its setpoint. */
  role: z.enum(["measured", "readback"]),
  type: z.enum(["number", "boolean", "text"]),
  /** Accepted range; a number outside it is `suspect` or `bad`. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** Decimals shown. */
  decimals: z.number().int().min(0).max(6).default(2),
  /** How often the agent samples it. A reading older than three periods is stale. */
  periodMs: z.number().int().positive(),
});
export type Channel = z.infer<typeof Channel>;

/** One thing a device can be told: move to a state, never toggle. */
export const Operation = z.object({
  /** `set`, `dose`, `open`. */
  op: z.string().regex(/^[a-z][a-z0-9_]*$/),
  label: z.string(),
  /** JSON Schema (draft 2020-12) of the arguments; `title`, `description`, `minimum`, `maximum`, `default` drive the form. */
  args: z.record(z.string(), z.unknown()),
});
export type Operation = z.infer<typeof Operation>;

/** What an agent says of a device in its `hello`. */
export const Capability = z.object({
  /** `stirrer`, `pump-inflow`, `relay-relay_1`, `optical-density`. */
  deviceId: z.string().regex(/^[a-z][a-z0-9_-]*$/),
  label: z.string(),
  /** The originals' component name: `stirrer`, `pumps`, `temp_sensor`, `optical_density`. */
  component: z.string(),
  kind: z.enum(["sensor", "actuator"]),
  bus: z.string(),
  simulated: z.boolean(),
  /** For people: what it is, part number, address. */
  description: z.string(),
  channels: z.array(Channel),
  operations: z.array(Operation),
  /** Arguments of `set` that reach the safe state; absent for sensors. */
  safeState: z.record(z.string(), z.unknown()).optional(),
  /** Longest time it may stay away from its safe state without a new command, if it has one. */
  onTimeMaxMs: z.number().int().positive().optional(),
  /** A setpoint not renewed for this long goes back to safe; absent: it holds. */
  heartbeatMs: z.number().int().positive().optional(),
  /**
   * Readings that must be good and inside these limits while it is away from its safe state; else it is
   * cut, and commands that leave the safe state are refused. `min` and `max` in the channel's unit.
   */
  guards: z.array(z.object({
    deviceId: z.string(),
    channel: z.string(),
    min: z.number().optional(),
    max: z.number().optional(),
  })).optional(),
  /** Fixed facts the originals' capability replies carry: `pixel_count`, `directions`, `available_pumps`. */
  facts: z.record(z.string(), z.unknown()).default({}),
});
export type Capability = z.infer<typeof Capability>;

export const ReadingValue = z.union([z.number(), z.boolean(), z.string()]).nullable();
export type ReadingValue = z.infer<typeof ReadingValue>;

/** Value, unit, time and quality from one channel. */
export const Reading = z.object({
  deviceId: z.string(),
  channel: z.string(),
  /** `null` whenever quality is `bad` or `stale`: a fault never looks like a plausible number. */
  value: ReadingValue,
  unit: z.string(),
  atMs: z.number().int(),
  quality: Quality,
  /** Why, when not good: `no_ack`, `timeout`, `crc`, `saturated`, `out_of_range`. */
  code: z.string().optional(),
});
export type Reading = z.infer<typeof Reading>;

/** What a device was last told, and what it reported. */
export const DeviceState = z.object({
  deviceId: z.string(),
  /** `ready`; `offline`: its agent is away or it does not answer; `fault`: it answers and refuses; `unknown`: before the first answer. */
  status: z.enum(["ready", "offline", "fault", "unknown"]),
  /** What we asked for (arguments of `set`); `null` before the first command. */
  setpoint: z.record(z.string(), z.unknown()).nullable(),
  /** What it reports; `applied: "assumed"` in it where there is no read-back. */
  readback: z.record(z.string(), z.unknown()).nullable(),
  safe: z.boolean(),
  /** Whose command made the setpoint. */
  actor: z.string(),
  atMs: z.number().int(),
  lastError: z.object({ code: z.string(), text: z.string(), atMs: z.number().int() }).nullable(),
});
export type DeviceState = z.infer<typeof DeviceState>;

/** All a page or an API reply needs of one device. */
export interface DeviceView {
  readonly capability: Capability;
  readonly state: DeviceState;
  /** Latest reading of each channel, `stale` decided at the moment of asking. */
  readonly readings: Reading[];
  /** Who holds it, or `null`. */
  readonly holder: Holder | null;
}

export interface Holder {
  /** Actor string: `experiment:<id>`, `user:<name>`. */
  readonly actor: string;
  /** What people read: `experiment 42`. */
  readonly label: string;
  readonly sinceMs: number;
  readonly expiresAtMs: number | null;
}

export type CommandRefusal =
  | { kind: "device-unknown"; deviceId: string }
  | { kind: "operation-unknown"; deviceId: string; op: string; known: string[] }
  | { kind: "invalid-args"; deviceId: string; errors: { path: string; message: string }[] }
  | { kind: "held"; deviceId: string; holder: Holder }
  /** Whoever asks is a run that is held: it drives nothing until it is released. */
  | { kind: "holding"; deviceId: string }
  /** The token of a running script drives only what its experiment holds. */
  | { kind: "not-held"; deviceId: string; actor: string }
  | { kind: "stale-fence"; deviceId: string; given: number; latest: number }
  | { kind: "stopped"; reason: string }
  /** Its queue is full: `waiting` commands stand before this one. */
  | { kind: "busy"; deviceId: string; waiting: number }
  | { kind: "offline"; deviceId: string; text: string }
  | { kind: "timeout"; deviceId: string; afterMs: number }
  | { kind: "fault"; deviceId: string; code: string; text: string };

/** How one agent process fares. */
export const AgentStatus = z.object({
  name: z.string(),
  /**
   * `starting`: not yet said hello, or bringing its devices to safe; `ready`; `waiting`: dead, starts again
   * soon; `broken`: died too often too fast, tried again seldom; `ended`: closed with the runtime.
   */
  state: z.enum(["starting", "ready", "waiting", "broken", "ended"]),
  /** Of the process now alive. */
  pid: z.number().int().nullable(),
  deviceIds: z.array(z.string()),
  /** What it answers beside the methods of every agent: `fault`, `time-scale`. */
  methods: z.array(z.string()),
  restarts: z.number().int(),
  lastError: z.object({ text: z.string(), atMs: z.number().int() }).nullable(),
  /** Lines that were neither an answer nor a notice, answers that came too late or twice: counted, then dropped. */
  garbage: z.number().int(),
  late: z.number().int(),
  duplicates: z.number().int(),
  lastHelloAtMs: z.number().int().nullable(),
});
export type AgentStatus = z.infer<typeof AgentStatus>;
