import { parseProcStat } from "../lib/experiments/model.ts";

/**
 * Processes as Linux shows them. A pid alone names nobody, for pids are used again; a pid with its
 * start time does.
 */
export interface ProcessId {
  readonly pid: number;
  readonly startTicks: number;
}

interface Listed extends ProcessId {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly name: string;
}

/** The process with this pid now, or `null`: none, or a zombie. */
export function processOf(pid: number): Listed | null {
  try {
    const found = parseProcStat(Deno.readTextFileSync(`/proc/${pid}/stat`));
    return found === null ? null : { pid, ...found };
  } catch {
    return null;
  }
}

function all(): Listed[] {
  const found: Listed[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const one = processOf(Number(name));
    if (one !== null) found.push(one);
  }
  return found;
}

/**
 * Everything below `root`, itself included. Reads `children` of each thread where the kernel offers
 * it, which costs only the processes of the run; else the whole table.
 */
export function descendantsOf(root: ProcessId): Listed[] {
  const first = processOf(root.pid);
  if (first === null || first.startTicks !== root.startTicks) return [];
  const found = [first];
  const seen = new Set([root.pid]);
  for (let i = 0; i < found.length; i++) {
    for (const pid of childrenOf(found[i]!.pid)) {
      const child = seen.has(pid) ? null : processOf(pid);
      seen.add(pid);
      if (child !== null) found.push(child);
    }
  }
  return found;
}

function childrenOf(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const text = Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`);
      for (const child of text.trim().split(" ")) if (child !== "") children.push(Number(child));
    }
    return children;
  } catch {
    if (processOf(pid) === null) return children;
    return all().filter((one) => one.parent === pid).map((one) => one.pid);
  }
}

/**
 * What is left of an unboxed run: its session, its group, and whatever still carries its mark in the
 * environment it was started with, which a process that left session and group keeps.
 */
export function leftoversOf(root: ProcessId, mark: string): ProcessId[] {
  const leader = processOf(root.pid);
  // While a session or a group has members its number is no new process's pid; after that it may be.
  const reused = leader !== null && leader.startTicks !== root.startTicks;
  const ours = (one: Listed) =>
    !reused && (one.session === root.pid || one.group === root.pid) ||
    environmentOf(one.pid).includes(mark);
  return all().filter((one) => one.pid !== Deno.pid && ours(one));
}

function environmentOf(pid: number): string[] {
  try {
    return new TextDecoder().decode(Deno.readFileSync(`/proc/${pid}/environ`)).split("\0");
  } catch {
    return [];
  }
}

/** Sends `signal` if that very process still lives. */
export function signalTo(process: ProcessId, signal: Deno.Signal): void {
  if (processOf(process.pid)?.startTicks !== process.startTicks) return;
  try {
    Deno.kill(process.pid, signal);
  } catch (error) {
    // It ended between the look and the signal.
    if (!(error instanceof Deno.errors.NotFound) && !/ESRCH/.test(String(error))) throw error;
  }
}

/** Memory of these processes in MiB that is theirs alone, shared pages counted once; code not counted. */
export function memoryMbOf(processes: readonly ProcessId[], enoughMb: number): number {
  const residentMb = processes.reduce((sum, { pid }) => sum + residentOf(pid), 0);
  // Shared pages are in each sharer's resident size: only a sum above the limit is worth the exact look.
  if (residentMb <= enoughMb) return residentMb;
  return processes.reduce((sum, { pid }) => sum + (ownOf(pid) ?? residentOf(pid)), 0);
}

function residentOf(pid: number): number {
  try {
    const pages = Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]);
    return pages * 4096 / 1_048_576;
  } catch {
    return 0;
  }
}

function ownOf(pid: number): number | null {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
    const kb = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
    return (kb("Pss_Anon") + kb("Pss_Shmem")) / 1024;
  } catch {
    return null;
  }
}

/** Clock ticks in a second, on every Linux that Deno runs on. */
const TICKS_PER_S = 100;

/** CPU time in seconds of these processes and of their ended children. */
export function cpuSecondsOf(processes: readonly ProcessId[]): number {
  let ticks = 0;
  for (const { pid } of processes) {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
      // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), counted after the name's bracket.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").slice(11, 15);
      ticks += fields.reduce((sum, field) => sum + Number(field), 0);
    } catch {
      // It ended meanwhile; its parent counts it.
    }
  }
  return ticks / TICKS_PER_S;
}
