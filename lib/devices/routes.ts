import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import { AgentStatus, Capability, DeviceState, Reading } from "./model.ts";

const tags = ["Devices"];

const HolderReply = z.object({
  actor: z.string(),
  label: z.string(),
  sinceMs: z.number().int(),
  expiresAtMs: z.number().int().nullable(),
});

const EXAMPLE_STATE: z.input<typeof DeviceState> = {
  deviceId: "stirrer",
  status: "ready",
  setpoint: { duty: 30 },
  readback: { duty: 30, rpm: 452 },
  safe: false,
  actor: "user:anna",
  atMs: 1769371200000,
  lastError: null,
};

// Made anew here: only schemas made after zod-openapi was loaded can be described.
const StateReply = z.object(DeviceState.shape).openapi("DeviceState", { example: EXAMPLE_STATE });

/** One device whole: what it can, how it stands, its latest readings, who holds it. */
export const DeviceReply = z.object({
  capability: Capability,
  state: StateReply,
  readings: z.array(Reading),
  holder: HolderReply.nullable(),
}).openapi("Device", {
  example: {
    capability: {
      deviceId: "stirrer",
      label: "Stirrer",
      component: "stirrer",
      kind: "actuator",
      bus: "sim-pwm-stirrer",
      simulated: true,
      description: "Magnetic stirrer",
      channels: [{
        id: "duty",
        label: "Duty",
        unit: "%",
        role: "readback",
        type: "number",
        min: 0,
        max: 100,
        decimals: 0,
        periodMs: 1000,
      }],
      operations: [{
        op: "set",
        label: "Set duty",
        args: {
          type: "object",
          properties: { duty: { type: "number", minimum: 0, maximum: 100 } },
          required: ["duty"],
          additionalProperties: false,
        },
      }],
      safeState: { duty: 0 },
      facts: {},
    },
    state: EXAMPLE_STATE,
    readings: [{
      deviceId: "stirrer",
      channel: "duty",
      value: 30,
      unit: "%",
      atMs: 1769371200000,
      quality: "good",
    }],
    holder: null,
  },
});

export const DeviceId = z.string().min(1).max(128).openapi({
  param: { name: "id", in: "path" },
  example: "stirrer",
});

export const listRoute = createRoute({
  method: "get",
  path: "/devices",
  tags,
  summary: "List the devices",
  description:
    "Every device with what it can be told, its state, its latest readings and its holder.",
  responses: {
    200: jsonReply("All devices, by agent", z.object({ devices: z.array(DeviceReply) })),
  },
});

export const oneRoute = createRoute({
  method: "get",
  path: "/devices/{id}",
  tags,
  summary: "Read one device",
  request: { params: z.object({ id: DeviceId }) },
  responses: {
    200: jsonReply("The device", DeviceReply),
    ...problems("device-unknown", "invalid-request"),
  },
});

export const CommandBody = z.strictObject({
  op: z.string().min(1).max(64).openapi({ description: "One of the device's operations" }),
  args: z.record(z.string(), z.unknown()).default({}).openapi({
    description: "As the operation's JSON Schema says",
  }),
}).openapi("Command");

export const commandRoute = createRoute({
  method: "post",
  path: "/devices/{id}/commands",
  tags,
  summary: "Drive a device",
  description:
    "Answers once the hardware has, with the setpoint and what the device reports of it. With an " +
    "`Idempotency-Key` the same ask within 24 hours gets the same answer and moves nothing again.",
  request: {
    params: z.object({ id: DeviceId }),
    headers: z.object({
      "idempotency-key": z.string().regex(
        /^[\x21-\x7e]{1,255}$/,
        "1 to 255 visible ASCII characters",
      )
        .optional(),
    }),
    body: jsonBody(CommandBody, { op: "set", args: { duty: 30 } }),
  },
  responses: {
    200: jsonReply("The device's new state", StateReply),
    ...problems(
      "device-unknown",
      "invalid-request",
      "malformed-body",
      "device-held",
      "experiment-holding",
      "forbidden",
      "stale-fence",
      "instrument-stopped",
      "device-busy",
      "device-offline",
      "device-fault",
      "command-timeout",
      "store-unavailable",
    ),
  },
});

export const agentsRoute = createRoute({
  method: "get",
  path: "/agents",
  tags,
  summary: "List the agents",
  description: "The processes that hold the hardware buses: how they fare and how often they died.",
  responses: {
    200: jsonReply(
      "All agents",
      z.object({ agents: z.array(AgentStatus) }).openapi({
        example: {
          agents: [{
            name: "bioreactor_sim",
            state: "ready",
            pid: 4711,
            deviceIds: ["stirrer"],
            methods: ["fault", "faults", "clear-faults", "time-scale"],
            restarts: 0,
            lastError: null,
            garbage: 0,
            late: 0,
            duplicates: 0,
            lastHelloAtMs: 1769371200000,
          }],
        },
      }),
    ),
  },
});

export const StopBody = z.object({
  reason: z.string().trim().min(1).max(500).optional(),
});

const StopReply = z.object({
  devices: z.array(z.object({
    deviceId: z.string(),
    ok: z.boolean(),
    ms: z.number(),
    error: z.string().optional(),
  })),
  totalMs: z.number(),
  recorded: z.boolean(),
}).openapi("StopReport", {
  example: { devices: [{ deviceId: "stirrer", ok: true, ms: 12 }], totalMs: 12, recorded: true },
});

export const stopRoute = createRoute({
  method: "post",
  path: "/stop",
  tags,
  summary: "Stop everything",
  description:
    "Every actuator goes to its safe state, whoever holds it; commands are refused until the stop is " +
    "cleared. Takes JSON, a form or nothing at all; a form gets `303` back to the page it came from.",
  request: {
    // Described here, read by hand: whatever a body holds, STOP stops.
    body: {
      required: false,
      content: {
        "application/json": { schema: StopBody, example: { reason: "foam in the exhaust" } },
        "application/x-www-form-urlencoded": { schema: StopBody },
      },
    },
  },
  responses: {
    200: jsonReply("How each actuator got to its safe state", StopReply),
    303: {
      description: "To a form: back to its page",
      headers: z.object({ location: z.string() }),
    },
  },
});

export const StoppedReply = z.object({
  stopped: z.object({ sinceMs: z.number().int(), actor: z.string(), reason: z.string() })
    .nullable(),
}).openapi({ example: { stopped: null } });

export const ClearBody = z.strictObject({ reason: z.string().trim().min(1).max(500) });

export const clearRoute = createRoute({
  method: "post",
  path: "/stop/clear",
  tags,
  summary: "Let commands through again",
  description: "Nothing moves by itself. A form gets `303` back to the page it came from.",
  request: {
    body: {
      required: true,
      content: {
        "application/json": { schema: ClearBody, example: { reason: "foam removed" } },
        "application/x-www-form-urlencoded": { schema: ClearBody },
      },
    },
  },
  responses: {
    200: jsonReply("No longer stopped", StoppedReply),
    303: {
      description: "To a form: back to its page",
      headers: z.object({ location: z.string() }),
    },
    ...problems("invalid-request", "malformed-body", "unsupported-media-type", "store-unavailable"),
  },
});

const Fault = z.looseObject({ id: z.number().int(), deviceId: z.string(), kind: z.string() })
  .openapi("SimulatedFault", {
    example: {
      id: 1,
      deviceId: "stirrer",
      kind: "no_answer",
      probability: 1,
      channel: null,
      startS: 12.5,
      endS: null,
      magnitude: null,
    },
  });

/** What every simulator takes; the rest is for the simulator to check. */
export const FaultBody = z.looseObject({
  deviceId: z.string().min(1).max(128).openapi({ description: "A device, or * for all" }),
  kind: z.string().min(1).max(64),
}).openapi("SimulatedFaultAsk");

const simulatorTags = ["Simulator"];
const simulatorProblems = problems(
  "not-found",
  "device-unknown",
  "invalid-request",
  "device-offline",
);

export const faultsRoute = createRoute({
  method: "get",
  path: "/simulator/faults",
  tags: simulatorTags,
  summary: "List the scheduled faults",
  responses: {
    200: jsonReply(
      "Faults now and to come",
      z.object({ faults: z.array(Fault.extend({ active: z.boolean() })) }).openapi({
        example: { faults: [] },
      }),
    ),
    ...simulatorProblems,
  },
});

export const addFaultRoute = createRoute({
  method: "post",
  path: "/simulator/faults",
  tags: simulatorTags,
  summary: "Schedule a fault",
  request: { body: jsonBody(FaultBody, { deviceId: "stirrer", kind: "no_answer", durationS: 30 }) },
  responses: {
    201: jsonReply("The fault with its id", Fault),
    ...simulatorProblems,
    ...problems("malformed-body"),
  },
});

const ClearedReply = z.object({ cleared: z.number().int() }).openapi({ example: { cleared: 1 } });

export const clearFaultsRoute = createRoute({
  method: "delete",
  path: "/simulator/faults",
  tags: simulatorTags,
  summary: "End all faults",
  responses: { 200: jsonReply("How many were ended", ClearedReply), ...simulatorProblems },
});

export const clearFaultRoute = createRoute({
  method: "delete",
  path: "/simulator/faults/{id}",
  tags: simulatorTags,
  summary: "End one fault",
  request: {
    params: z.object({
      id: z.coerce.number().int().min(1).openapi({ param: { name: "id", in: "path" }, example: 1 }),
    }),
  },
  responses: { 200: jsonReply("How many were ended", ClearedReply), ...simulatorProblems },
});

const TimeScale = z.looseObject({ scale: z.number() }).openapi({ example: { scale: 60 } });

export const TimeScaleBody = z.strictObject({
  scale: z.number().positive().max(100_000).openapi({ description: "Simulated seconds a second" }),
});

export const timeScaleRoute = createRoute({
  method: "put",
  path: "/simulator/time-scale",
  tags: simulatorTags,
  summary: "Set how fast simulated time runs",
  request: { body: jsonBody(TimeScaleBody, { scale: 60 }) },
  responses: {
    200: jsonReply("The time scale now", TimeScale),
    ...simulatorProblems,
    ...problems("malformed-body"),
  },
});

export const readTimeScaleRoute = createRoute({
  method: "get",
  path: "/simulator/time-scale",
  tags: simulatorTags,
  summary: "Read how fast simulated time runs",
  responses: { 200: jsonReply("The time scale now", TimeScale), ...simulatorProblems },
});
