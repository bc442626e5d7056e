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

export const TERMINAL: readonly ExperimentState[] = [
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "interrupted",
];

export const ScriptKind = z.enum(["python", "typescript"]);
export type ScriptKind = z.infer<typeof ScriptKind>;

export const Limits = z.object({
  /** Wall clock of the run; null: none. */
  wallMs: z.number().int().positive().nullable().default(null),
  memoryMb: z.number().int().min(32).default(512),
  outputMb: z.number().int().min(1).default(2048),
  logMb: z.number().int().min(1).default(50),
  processes: z.number().int().min(1).default(64),
});
export type Limits = z.infer<typeof Limits>;

export const Experiment = z.object({
  v: z.literal(1),
  id: z.string(),
  /** Counts up from 1 on this instrument: what people say aloud. */
  number: z.number().int().positive(),
  title: z.string(),
  /** Whose it is: a session id, a user or token name. Public replies carry `ownerLabel` of it. */
  owner: z.string(),
  kind: ScriptKind,
  scriptSha256: z.string(),
  /** Devices it will hold; empty: every actuator. */
  devices: z.array(z.string()),
  limits: Limits,
  /** Setpoints at the end by device; a device not named goes to its safe state. */
  endState: z.record(z.string(), z.record(z.string(), z.unknown())),
  onInterrupt: z.enum(["fail", "requeue", "resume"]),
  state: ExperimentState,
  attempt: z.number().int().nonnegative(),
  createdAtMs: z.number().int(),
  startedAtMs: z.number().int().nullable(),
  endedAtMs: z.number().int().nullable(),
  exitCode: z.number().int().nullable(),
  /** Why it ended other than completed: `script`, `memory`, `output`, `log`, `wall`, `runner`, `restart`, `cancel`, `stop`. */
  error: z.object({ code: z.string(), text: z.string() }).nullable(),
  /** Child of the current or last attempt: pid with its start time, so that a reused pid is never adopted. */
  process: z.object({ pid: z.number().int(), startTicks: z.number().int() }).nullable(),
  /** What the script says it is doing. */
  phase: z.string().nullable(),
});
export type Experiment = z.infer<typeof Experiment>;
