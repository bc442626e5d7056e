import { z } from "zod";

/** Where an experiment stands. Terminal states are final. */
export const STATES = [
  "queued",
  "paused",
  "starting",
  "running",
  "holding",
  "stopping",
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "interrupted",
] as const;
export const ExperimentState = z.enum(STATES);
export type ExperimentState = z.infer<typeof ExperimentState>;

export const TERMINAL = [
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "interrupted",
] as const satisfies readonly ExperimentState[];
export const TerminalState = z.enum(TERMINAL);
export type TerminalState = z.infer<typeof TerminalState>;

/** It stands in the queue: it has a position and no process. */
export function isWaiting(state: ExperimentState): boolean {
  return state === "queued" || state === "paused";
}

/** It has the instrument: it holds the run lease, and perhaps a process. */
export function holdsRun(state: ExperimentState): boolean {
  return state === "starting" || state === "running" || state === "holding" ||
    state === "stopping";
}

export function isTerminal(state: ExperimentState): state is TerminalState {
  return (TERMINAL as readonly string[]).includes(state);
}

export const ScriptKind = z.enum(["python", "typescript"]);
export type ScriptKind = z.infer<typeof ScriptKind>;

/** Name of the script in its run folder and in the archive. */
export function scriptFileName(kind: ScriptKind): string {
  return kind === "python" ? "user_script.py" : "user_script.ts";
}

export const Limits = z.object({
  /** Wall clock of the run, the time it is held left out; null: none. */
  wallMs: z.number().int().positive().nullable().default(null),
  /** CPU time of all its processes, seconds; null: none. */
  cpuS: z.number().int().positive().nullable().default(null),
  memoryMb: z.number().int().min(32).default(512),
  outputMb: z.number().int().min(1).default(2048),
  logMb: z.number().int().min(1).default(50),
  processes: z.number().int().min(1).default(64),
});
export type Limits = z.infer<typeof Limits>;

/** What to do when the run was cut off by something that was neither the script nor a person. */
export const OnInterrupt = z.enum(["fail", "requeue", "resume"]);
export type OnInterrupt = z.infer<typeof OnInterrupt>;

/** Setpoints by device. */
export const EndState = z.record(z.string(), z.record(z.string(), z.unknown()));
export type EndState = z.infer<typeof EndState>;

/** Where devices stand while a run is held: setpoints, `safe`, or `keep` for as the script left it. */
export const HoldState = z.record(
  z.string(),
  z.union([z.enum(["safe", "keep"]), z.record(z.string(), z.unknown())]),
);
export type HoldState = z.infer<typeof HoldState>;

/** Components that go on as they were set while a run is held, unless it declares otherwise. */
export const KEPT_ON_HOLD: readonly string[] = ["stirrer", "ring_light"];

/**
 * Components whose setpoint a run gets back after an outage of its agent or of the runtime, in this order:
 * they keep the culture as it was. What moves volumes or gas is not among them, for it would be done twice.
 */
export const RESTORED: readonly string[] = ["stirrer", "peltier_driver", "led", "ring_light"];

/** Why an experiment ended other than completed. */
export const END_CODES = [
  "script",
  "memory",
  "cpu",
  "output",
  "processes",
  "disk",
  "wall",
  "runner",
  "restart",
  /** Cut off between its record and its first line: it is run again. */
  "unstarted",
  "cancel",
  /** Another experiment was run now in its place. */
  "displaced",
  "stop",
] as const;
export const EndCode = z.enum(END_CODES);
export type EndCode = z.infer<typeof EndCode>;

export const Experiment = z.object({
  v: z.literal(1),
  id: z.string(),
  /** Counts up from 1 on this instrument: what people say aloud. */
  number: z.number().int().positive(),
  title: z.string(),
  /** Whose it is, as `ownerOf` spells it. Public replies carry `ownerLabel` of it. */
  owner: z.string(),
  kind: ScriptKind,
  scriptSha256: z.string(),
  /** Devices it will hold; empty: every actuator. */
  devices: z.array(z.string()),
  limits: Limits,
  /** Setpoints at the end by device; a device not named goes to its safe state. */
  endState: EndState,
  /**
   * Where devices stand while it is held; of those not named, the ones in `KEPT_ON_HOLD` go on as they
   * were set and every other goes to its safe state.
   */
  holdState: HoldState.default({}),
  /** Values of the parameters its script declares, defaults filled in. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  onInterrupt: OnInterrupt,
  state: ExperimentState,
  /** 0 before the first run; counts up with each. */
  attempt: z.number().int().nonnegative(),
  createdAtMs: z.number().int(),
  startedAtMs: z.number().int().nullable(),
  endedAtMs: z.number().int().nullable(),
  exitCode: z.number().int().nullable(),
  /** Why it ended other than completed: an `EndCode`, and a sentence. */
  error: z.object({ code: z.string(), text: z.string() }).nullable(),
  /** Supervisor of the current or last attempt: pid with its start time, so that a reused pid is never adopted. */
  process: z.object({ pid: z.number().int(), startTicks: z.number().int() }).nullable(),
  /** What the script says it is doing. */
  phase: z.string().nullable(),
  /** Since when it is held, and when its script first asked and so knows; null: not held, not asked yet. */
  heldAtMs: z.number().int().nullable().default(null),
  holdAcknowledgedAtMs: z.number().int().nullable().default(null),
  /** How long this attempt has been held before the present hold: it does not count to `limits.wallMs`. */
  heldMs: z.number().int().nonnegative().default(0),
  /** Where it stands in the queue: decimal digits after an implied point, ordered as text; null: not waiting. */
  rank: z.string().nullable().default(null),
  /** How it will end, once that is decided; a later exit cannot change it. */
  ending: z.object({
    state: TerminalState,
    code: EndCode.nullable(),
    text: z.string(),
    atMs: z.number().int(),
  }).nullable().default(null),
  /** What makes a repeated submission the same one. */
  idempotencyKey: z.string().nullable().default(null),
});
export type Experiment = z.infer<typeof Experiment>;

/** Longest `endState` or `holdState`, as JSON: they are stored with every experiment. */
const STATES_CHARS_MAX = 16_384;

/** Whether a JSON value has at most about so many characters; what is far larger, or nested a million deep, is not looked through. */
function isShort(value: unknown): boolean {
  let left = STATES_CHARS_MAX;
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && left >= 0) {
    const one = waiting.pop();
    if (typeof one !== "object" || one === null) left -= String(JSON.stringify(one)).length + 1;
    else if (Array.isArray(one)) {
      left -= 2;
      for (let i = 0; i < one.length && i <= STATES_CHARS_MAX; i++) waiting.push(one[i]);
    } else {
      left -= 2;
      for (const [name, inner] of Object.entries(one)) {
        left -= name.length + 3;
        waiting.push(inner);
      }
    }
  }
  return left >= 0;
}

/** What a user submits. */
export const ExperimentAsk = z.strictObject({
  /** The script's text, UTF-8. */
  script: z.string(),
  kind: ScriptKind.default("python"),
  title: z.string().trim().max(200).default(""),
  /** Devices it will hold; empty: every actuator. */
  devices: z.array(z.string().min(1).max(100)).max(100).default([]),
  limits: Limits.partial().default({}),
  endState: EndState.refine(isShort, "must be smaller than 16 KiB").default({}),
  holdState: HoldState.refine(isShort, "must be smaller than 16 KiB").default({}),
  /** Values of the parameters the script declares. */
  parameters: z.record(z.string(), z.unknown())
    .refine(isShort, "must be smaller than 16 KiB").default({}),
  /** Everything is checked, and nothing is queued or kept. */
  dryRun: z.boolean().default(false),
  onInterrupt: OnInterrupt.default("fail"),
});
export type ExperimentAsk = z.infer<typeof ExperimentAsk>;

export type SubmitRefusal =
  | { kind: "active-limit"; active: number; limit: number }
  | { kind: "queue-full"; waiting: number; limit: number }
  | { kind: "script-empty" }
  | { kind: "script-too-large"; bytes: number; limit: number }
  | { kind: "script-rejected"; errors: ScriptError[] }
  /** Parameters, end or hold state do not fit what the script and the devices declare. */
  | { kind: "invalid-ask"; errors: { path: string; message: string }[] }
  | { kind: "runner-unavailable"; text: string }
  | { kind: "device-unknown"; deviceId: string }
  | { kind: "disk-full"; freeMb: number; floorMb: number };

/** One thing wrong with a script; `line` and `column` from 1, `null` where the checker names none. */
export interface ScriptError {
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

/** A run's container: the engine's program, what that needs of an environment, and its name there. */
export const Container = z.object({
  program: z.string(),
  env: z.record(z.string(), z.string()),
  name: z.string(),
});
export type Container = z.infer<typeof Container>;

/** What the runtime tells the supervisor of one run, as the first line of its stdin. */
export const RunPlan = z.object({
  v: z.literal(1),
  experimentId: z.string(),
  attempt: z.number().int().positive(),
  /** The run folder: the supervisor's working directory. */
  folder: z.string(),
  /** The command in its sandbox; its stdout and stderr are the run's log. */
  command: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
  /** Where the command starts. */
  cwd: z.string(),
  /** `unix`: listens at `api.sock` in the folder. `tcp`: on a free loopback port, put in place of `{relay}` in command and env. */
  relay: z.enum(["unix", "tcp"]),
  /** The command is `bwrap`: what is below it dies with it. */
  boxed: z.boolean(),
  /** The command is the client of a container engine: the script is its engine's child, not ours. */
  container: Container.nullable().default(null),
  limits: Limits,
  /** From the stop's SIGTERM to the script until its SIGKILL. */
  graceMs: z.number().int().positive(),
  /** How often memory, processes, output and disk are looked at. */
  watchMs: z.number().int().positive(),
  diskFloorMb: z.number().nonnegative(),
});
export type RunPlan = z.infer<typeof RunPlan>;

/** Why the supervisor says the run ended. `exit`: by itself; `stopped`: it was told to; `unstarted`: it never began. */
export const RunEndReason = z.enum([
  "exit",
  "stopped",
  "wall",
  "memory",
  "cpu",
  "output",
  "processes",
  "disk",
  "runner",
  "unstarted",
]);
export type RunEndReason = z.infer<typeof RunEndReason>;

/** `exit.json`, written once at the end of an attempt. */
export const RunExit = z.object({
  v: z.literal(1),
  attempt: z.number().int().positive(),
  reason: RunEndReason,
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  /** One sentence: what was found. */
  text: z.string(),
  startedAtMs: z.number().int(),
  endedAtMs: z.number().int(),
});
export type RunExit = z.infer<typeof RunExit>;

/** First and only line on the supervisor's stdout: it stands ready and waits for `go`. */
export const RunReady = z.object({
  pid: z.number().int().positive(),
  startTicks: z.number().int().nonnegative(),
});
export type RunReady = z.infer<typeof RunReady>;

/** Files of a run folder. */
export const RUN_FILES = {
  output: "output",
  log: "log.txt",
  /** `<byte offset>\t<epoch ms>` lines: when the log's bytes from there on arrived. */
  logTimes: "log.times",
  exit: "exit.json",
  /** There while the run is held: its wall clock stands still. */
  held: "held",
  container: "container.json",
  /** `{ port }`: where the runtime's API listens now; the relay reads it at each connection. */
  api: "api.json",
  relay: "api.sock",
} as const;

/**
 * Parent, process group, session and start time (clock ticks since boot) of a process, from the text
 * of `/proc/<pid>/stat`; `null` for a zombie or a text that is none. The name in brackets may hold
 * spaces and brackets. Source: proc(5).
 */
export function parseProcStat(
  text: string,
): { parent: number; group: number; session: number; startTicks: number; name: string } | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return null;
  const fields = text.slice(close + 2).trim().split(" ");
  const state = fields[0];
  const startTicks = Number(fields[19]);
  if (state === "Z" || state === "X" || !Number.isInteger(startTicks)) return null;
  return {
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks,
    name: text.slice(open + 1, close),
  };
}
