import { parseProcStat } from "./model.ts";

/** A pid with its start time (clock ticks since boot): the same process, not one that got its number. */
export interface ProcessId {
  readonly pid: number;
  readonly startTicks: number;
}

/** Whether that very process runs; a zombie does not. */
export function isAlive(process: ProcessId): boolean {
  return startTicksOf(process.pid) === process.startTicks;
}

/** Sends `signal` if that very process still runs. */
export function signalTo(process: ProcessId, signal: Deno.Signal): void {
  if (!isAlive(process)) return;
  try {
    Deno.kill(process.pid, signal);
  } catch (error) {
    if (isAlive(process)) throw error;
  }
}

/**
 * Kills whatever carries `NAME=value` in the environment it was started with: what a supervisor that
 * was killed could not take along. Answers how many there were.
 */
export function killMarked(mark: string): number {
  let count = 0;
  for (let round = 0; round < 100; round++) {
    const found = marked(mark);
    if (found.length === 0) return count;
    count += round === 0 ? found.length : 0;
    for (const one of found) signalTo(one, "SIGKILL");
  }
  return count;
}

function marked(mark: string): ProcessId[] {
  const found: ProcessId[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const environment = new TextDecoder().decode(Deno.readFileSync(`/proc/${name}/environ`));
      if (!environment.split("\0").includes(mark)) continue;
    } catch {
      continue;
    }
    const startTicks = startTicksOf(Number(name));
    if (startTicks !== null) found.push({ pid: Number(name), startTicks });
  }
  return found;
}

function startTicksOf(pid: number): number | null {
  try {
    return parseProcStat(Deno.readTextFileSync(`/proc/${pid}/stat`))?.startTicks ?? null;
  } catch {
    return null;
  }
}
