import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, delay } from "../../clock.ts";
import { generateWrites } from "./generate.ts";
import { InPlaceFile } from "./in_place.ts";
import { type Plan, type PlanAsk, planOf } from "./plan.ts";
import { readState, SimulationUnreadable, writeState } from "./simulation_state.ts";
import { requireEmptyFolder } from "./skeleton.ts";

export interface SimulationAsk {
  readonly dir: string;
  /** `null`: go on with what was begun in `dir`, or begin with a plan of defaults. */
  readonly plan: PlanAsk | null;
  /** Simulated seconds in one true second. */
  readonly timeScale: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly onWrite?: (write: SimulatedWrite) => void;
}

export interface SimulatedWrite {
  readonly path: string;
  readonly bytes: number;
  readonly atMs: number;
  /** Of all the plan's writes. */
  readonly index: number;
}

export interface SimulationEnd {
  /** `false`: it was told to end before the session did; simulating again goes on. */
  readonly isComplete: boolean;
  readonly written: number;
  readonly plan: Plan;
}

/** Of simulated time: nobody wants to wait for a stage that moves far. */
const GAP_MS_MAX = 20_000;
/** A file at least this large is seen half written. */
const PIECEWISE_BYTES = 64 * 1024;
const PIECES = 3;
const PIECE_PAUSE_MS = 120;
const SAVE_EVERY = 25;

/**
 * Writes a session over time as EPU does: files in place and in pieces, `.dm` files again and again, xml
 * before jpg, some late. The atlas is there at once. Ends when the session does, or when told to.
 *
 * @throws {RangeError} for a plan that cannot be followed; {FolderNotEmpty} for a folder that holds anything
 * but a simulation; {SimulationUnreadable} for one that cannot be gone on with, or that another plan began.
 */
export async function simulate(ask: SimulationAsk): Promise<SimulationEnd> {
  const { clock, dir, signal, timeScale } = ask;
  if (!(timeScale > 0 && timeScale <= 100_000)) {
    throw new RangeError(`The time scale is above 0 and at most 100000, not ${timeScale}`);
  }
  const { plan, written: done } = begin(ask);
  const startedMs = clock.monotonicMs();
  let pace: Pace | null = null;
  let index = 0;
  let written = done;
  const save = () => writeState(dir, { v: 1, plan, written });
  save();
  try {
    for (const write of generateWrites(plan)) {
      if (index++ < done) continue;
      pace ??= new Pace(done === 0 ? plan.startAtMs : write.atMs);
      pace.at(write.atMs);
      const dueMs = startedMs + pace.simulatedMs / timeScale - clock.monotonicMs();
      if (dueMs > 0 && !await waited(clock, dueMs, signal)) break;
      if (signal?.aborted) break;
      const bytes = write.render();
      await writeInPlace(join(dir, write.path), bytes, clock, PIECE_PAUSE_MS / timeScale);
      written = index;
      ask.onWrite?.({ path: write.path, bytes: bytes.length, atMs: write.atMs, index });
      if (written % SAVE_EVERY === 0) save();
    }
  } finally {
    // Also after a full disk: what is written again is the same.
    save();
  }
  return { isComplete: !signal?.aborted, written, plan };
}

function begin(ask: SimulationAsk): { plan: Plan; written: number } {
  const before = readState(ask.dir);
  if (before === null) {
    requireEmptyFolder(ask.dir);
    mkdirSync(ask.dir, { recursive: true });
    return { plan: startingNow(ask), written: 0 };
  }
  if (ask.plan !== null) {
    const wanted = planOf({ startAtMs: before.plan.startAtMs, ...ask.plan });
    const differs = Object.entries(before.plan).find(([key, value]) =>
      wanted[key as keyof Plan] !== value && ask.plan![key as keyof Plan] !== undefined
    );
    if (differs !== undefined) {
      throw new SimulationUnreadable(
        `"${ask.dir}" holds a simulation with ${differs[0]} ${differs[1]}, ` +
          `not ${
            wanted[differs[0] as keyof Plan]
          }; go on without that option, or name another folder`,
      );
    }
  }
  return before;
}

/** A session that starts now; sped up, one that started long enough ago to end no later than now. */
function startingNow({ plan: ask, clock, timeScale }: SimulationAsk): Plan {
  const plan = planOf({ previews: "pictures", ...ask });
  if (ask?.startAtMs !== undefined) return plan;
  if (timeScale <= 1) return { ...plan, startAtMs: clock.nowMs() };
  const pace = new Pace(plan.startAtMs);
  let lastMs = plan.startAtMs;
  for (const { atMs } of generateWrites(plan)) {
    lastMs = atMs;
    pace.at(atMs);
  }
  const lengthMs = lastMs - plan.startAtMs;
  return {
    ...plan,
    startAtMs: Math.floor(clock.nowMs() - lengthMs + pace.simulatedMs / timeScale),
  };
}

/** Simulated time that passes between writes, without the long waits. */
class Pace {
  simulatedMs = 0;
  #beforeMs: number;

  constructor(startAtMs: number) {
    this.#beforeMs = startAtMs;
  }
  /** What is older than the session's start takes no time. */
  at(atMs: number): void {
    this.simulatedMs += Math.min(GAP_MS_MAX, Math.max(0, atMs - this.#beforeMs));
    this.#beforeMs = Math.max(this.#beforeMs, atMs);
  }
}

async function waited(clock: Clock, forMs: number, signal?: AbortSignal): Promise<boolean> {
  try {
    await delay(clock, forMs, signal);
    return true;
  } catch (reason) {
    if (signal?.aborted) return false;
    throw reason;
  }
}

/** As EPU does: the old content goes, the new comes in pieces. A write that began is not broken off. */
async function writeInPlace(
  file: string,
  bytes: Uint8Array,
  clock: Clock,
  pauseMs: number,
): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  using open = new InPlaceFile(file);
  open.truncate(0);
  const pieces = bytes.length >= PIECEWISE_BYTES ? PIECES : 1;
  const size = Math.ceil(bytes.length / pieces);
  for (let i = 0; i < pieces; i++) {
    if (i > 0) await delay(clock, pauseMs);
    open.write(bytes.subarray(i * size, (i + 1) * size), i * size);
  }
}
