import { type Limits, RUN_FILES, type RunEndReason } from "../lib/experiments/model.ts";
import type { Outcome } from "./run_exit.ts";

/** What the launcher in the sandbox exits with when it could not begin the script. */
const LAUNCHER_FAILED = 125;

/** What a container engine exits with when it could not begin: its own fault, or the command's. */
const ENGINE_FAILED = [125, 126, 127];

/** Signals a script dies of, by their number on Linux. */
const SIGNALS: Record<number, string> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};

/** An `Outcome` in a line. */
export function outcome(
  reason: RunEndReason,
  exitCode: number | null,
  signal: string | null,
  text: string,
): Outcome {
  return { reason, exitCode, signal, text };
}

/** What was seen beside the command's own status. */
export interface Seen {
  /** What the box, or the container engine, itself said. */
  readonly complaint: string;
  /** Why the supervisor ended it, if it did. */
  readonly ending: { reason: RunEndReason; text: string } | null;
  readonly limits: Limits;
  /** The kernel ended something of it for want of memory. */
  readonly oomKilled: boolean;
  /** The kernel refused it one more process. */
  readonly refusedTasks: boolean;
  /** The command was a container engine's. */
  readonly container: boolean;
}

/** How the run ended, from how its command did. */
export function outcomeOf(status: Deno.CommandStatus, seen: Seen): Outcome {
  const { complaint, ending, limits } = seen;
  const { code } = status;
  // bwrap and shells report a signal as 128 and its number.
  const signal = status.signal ?? (code > 128 ? SIGNALS[code - 128] ?? null : null);
  const be = (reason: RunEndReason, text: string) => outcome(reason, code, signal, text);
  if (ending !== null) return be(ending.reason, ending.text);
  if (seen.oomKilled && code !== 0) {
    return be("memory", `killed: out of memory, limit ${limits.memoryMb} MiB`);
  }
  if (code !== 0 && complaint.startsWith("bwrap:")) {
    return outcome("runner", code, null, `the sandbox refused: ${complaint.slice(0, 500)}`);
  }
  if (seen.container && ENGINE_FAILED.includes(code) && complaint !== "") {
    return outcome(
      "runner",
      code,
      null,
      `the container engine refused: ${complaint.slice(0, 500)}`,
    );
  }
  const last = lastLine(RUN_FILES.log);
  const after = last === "" ? "" : `: ${last}`;
  if (code === 0) return outcome("exit", 0, null, "the script ended");
  if (code === LAUNCHER_FAILED) {
    return outcome("runner", code, null, `the script could not be started${after}`);
  }
  if (
    /^MemoryError\b/.test(last) || /heap out of memory|Out of memory/i.test(tail(RUN_FILES.log))
  ) {
    return be("memory", `the script needed more than its memory limit of ${limits.memoryMb} MiB`);
  }
  if (limits.cpuS !== null && (signal === "SIGXCPU" || /\bCpuTimeExceeded\b/.test(last))) {
    return be("cpu", cpuText(limits.cpuS));
  }
  if (seen.refusedTasks) {
    return be(
      "processes",
      `it could not start more than its limit of ${limits.processes} processes${after}`,
    );
  }
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  return be("exit", `the script ${how}${after}`);
}

/** Why a run ended that had used up its CPU time. */
export function cpuText(limitS: number): string {
  return `it used more CPU time than its limit of ${limitS} s`;
}

/** The last few KiB of a file as text. */
function tail(path: string): string {
  try {
    using file = Deno.openSync(path);
    const { size } = file.statSync();
    file.seekSync(Math.max(0, size - 4096), Deno.SeekMode.Start);
    const buffer = new Uint8Array(4096);
    return new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer) ?? 0));
  } catch {
    return "";
  }
}

function lastLine(path: string): string {
  return tail(path).trimEnd().split("\n").at(-1)?.trim().slice(0, 500) ?? "";
}
