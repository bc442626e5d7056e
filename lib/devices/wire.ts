import { z } from "zod";
import { Capability, Reading } from "./model.ts";

const Values = z.record(z.string(), z.unknown());

/**
 * The wire between the runtime and an agent: JSON-RPC 2.0, one object a line, UTF-8, at most
 * `LINE_BYTES_MAX` a line. stdin carries asks, stdout answers and notifications, stderr only the log.
 * When stdin closes the agent brings its devices to their safe state and exits.
 */
export const WIRE_VERSION = 1;
export const LINE_BYTES_MAX = 1_048_576;

/** Parent to agent. `id` is answered exactly once; an ask without `id` is a notification. */
export const Ask = z.object({
  jsonrpc: z.literal("2.0"),
  v: z.literal(WIRE_VERSION),
  id: z.number().int().nonnegative().optional(),
  method: z.string(),
  params: z.record(z.string(), z.unknown()).default({}),
});
export type Ask = z.infer<typeof Ask>;

/** `start`: first ask. Fences are the highest tokens seen; `config` is the agent's own, checked by it. */
export const StartParams = z.object({
  config: z.record(z.string(), z.unknown()),
  fences: z.record(z.string(), z.number().int().nonnegative()),
  parentPid: z.number().int(),
});
/** `command`: drives one device, answers with `CommandAnswer`. A `fence` below the highest seen is refused. */
export const CommandParams = z.object({
  deviceId: z.string(),
  op: z.string(),
  args: z.record(z.string(), z.unknown()),
  fence: z.number().int().nonnegative(),
  /** Milliseconds from receipt within which an answer is wanted. */
  deadlineMs: z.number().int().positive(),
});
/** `safe`: everything, or the named devices, to the safe state; needs no fence and works from any state. */
export const SafeParams = z.object({
  reason: z.string(),
  deviceIds: z.array(z.string()).optional(),
});
/**
 * `ping`: answered with `{}` at once. `renew` (notification): `{ deviceIds }` whose setpoints still stand,
 * so that their heartbeat starts again. `cancel` (notification): `{ id }` of an ask to give up.
 * Simulators only, names listed in `hello.methods`: `fault` (schedule one, answers with it and its id),
 * `faults` (answers `{ faults }`), `clear-faults` (`{ id? }`, answers `{ cleared }`), `time-scale`
 * (`{ scale? }`, answers `{ scale }`).
 */
export const RenewParams = z.object({ deviceIds: z.array(z.string()) });
export const CancelParams = z.object({ id: z.number().int().nonnegative() });

/** How one device stands after `start` or `safe`. */
export const DeviceOutcome = z.object({
  deviceId: z.string(),
  ok: z.boolean(),
  setpoint: Values,
  readback: Values,
  safe: z.boolean(),
  /** Why not, when `ok` is false. */
  error: z.object({ code: z.string(), text: z.string() }).optional(),
});
export type DeviceOutcome = z.infer<typeof DeviceOutcome>;

/** Answer to `start`: the devices as configured, every actuator already brought to its safe state or reported. */
export const StartAnswer = z.object({
  devices: z.array(Capability),
  outcomes: z.array(DeviceOutcome),
});
export type StartAnswer = z.infer<typeof StartAnswer>;

/** Answer to `safe`: one outcome for each actuator it was asked for. */
export const SafeAnswer = z.object({ outcomes: z.array(DeviceOutcome) });
export type SafeAnswer = z.infer<typeof SafeAnswer>;

export const CommandAnswer = z.object({
  setpoint: z.record(z.string(), z.unknown()),
  readback: z.record(z.string(), z.unknown()),
  safe: z.boolean(),
  /** Channel values as they stand after the command. */
  readings: z.array(Reading),
});
export type CommandAnswer = z.infer<typeof CommandAnswer>;

/** Agent to parent: the answer to an ask. Error codes are the strings in `data.code`. */
export const Answer = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.number().int().nonnegative(),
  result: z.unknown().optional(),
  error: z.object({
    /** JSON-RPC: -32700 parse, -32600 invalid, -32601 no method, -32602 invalid params, -32000 device. */
    code: z.number().int(),
    message: z.string(),
    data: z.object({ code: z.string() }).loose().optional(),
  }).optional(),
});
export type Answer = z.infer<typeof Answer>;

/** Agent to parent, unasked. */
export const Notice = z.discriminatedUnion("method", [
  /** First line of every agent. */
  z.object({
    jsonrpc: z.literal("2.0"),
    method: z.literal("hello"),
    params: z.object({
      v: z.number().int(),
      agent: z.string(),
      pid: z.number().int(),
      /** Empty when they depend on the configuration that `start` brings; its answer names them. */
      devices: z.array(Capability),
      /** What it answers beside the methods of every agent: `fault`, `time-scale`. */
      methods: z.array(z.string()).default([]),
    }),
  }),
  z.object({
    jsonrpc: z.literal("2.0"),
    method: z.literal("readings"),
    params: z.object({ readings: z.array(Reading) }),
  }),
  /** An actuator changed on its own: on-time over, heartbeat missed, guard cut. */
  z.object({
    jsonrpc: z.literal("2.0"),
    method: z.literal("state"),
    params: z.object({
      deviceId: z.string(),
      setpoint: z.record(z.string(), z.unknown()),
      readback: z.record(z.string(), z.unknown()),
      safe: z.boolean(),
      reason: z.string(),
    }),
  }),
  /** A device stopped answering or came back. */
  z.object({
    jsonrpc: z.literal("2.0"),
    method: z.literal("device"),
    params: z.object({
      deviceId: z.string(),
      status: z.enum(["ready", "offline", "fault"]),
      code: z.string().optional(),
      text: z.string().optional(),
    }),
  }),
]);
export type Notice = z.infer<typeof Notice>;

/**
 * Cuts bytes into lines of at most `bytesMax`, however they arrive. A longer line is reported once as
 * `too-long` and skipped up to its end, so memory stays bounded; bytes without a final newline are never
 * a line.
 */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #held = 0;
  #skipping = false;
  readonly #decoder = new TextDecoder();

  constructor(private readonly bytesMax = LINE_BYTES_MAX) {}

  /** The lines that `chunk` completes, without their newline. */
  *push(chunk: Uint8Array): Generator<{ kind: "line"; text: string } | { kind: "too-long" }> {
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(10, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (!this.#skipping && this.#held + piece.length > this.bytesMax) {
        this.#skipping = true;
        this.#parts = [];
        this.#held = 0;
        yield { kind: "too-long" };
      }
      if (!this.#skipping && piece.length > 0) {
        this.#parts.push(piece.slice());
        this.#held += piece.length;
      }
      if (end < 0) return;
      from = end + 1;
      if (this.#skipping) {
        this.#skipping = false;
        continue;
      }
      yield { kind: "line", text: this.#take() };
    }
  }

  #take(): string {
    const [only, ...more] = this.#parts;
    this.#parts = [];
    const size = this.#held;
    this.#held = 0;
    if (only === undefined) return "";
    if (more.length === 0) return this.#decoder.decode(only);
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of [only, ...more]) {
      whole.set(part, at);
      at += part.length;
    }
    return this.#decoder.decode(whole);
  }
}
