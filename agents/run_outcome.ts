import { RUN_FILES, type RunEndReason } from "../lib/experiments/model.ts";
import type { Outcome } from "./run_exit.ts";

/** What the launcher in the sandbox exits with when it could not begin the script. */
const LAUNCHER_FAILED = 125;

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

/**
 * How the run ended, from how its command did. `complaint` is what the box itself said, `ending` why the
 * supervisor ended it, if it did.
 */
export function outcomeOf(
  status: Deno.CommandStatus,
  complaint: string,
  ending: { reason: RunEndReason; text: string } | null,
  memoryMb: number,
): Outcome {
  // bwrap and shells report a signal as 128 and its number.
  const signal = status.signal ?? (status.code > 128 ? SIGNALS[status.code - 128] ?? null : null);
  if (ending !== null) {
    return outcome(ending.reason, status.code, signal, ending.text);
  }
  if (status.code !== 0 && complaint.startsWith("bwrap:")) {
    return outcome(
      "runner",
      status.code,
      null,
      `the sandbox refused: ${complaint.slice(0, 500)}`,
    );
  }
  const last = lastLine(RUN_FILES.log);
  const after = last === "" ? "" : `: ${last}`;
  if (status.code === 0) return outcome("exit", 0, null, "the script ended");
  if (status.code === LAUNCHER_FAILED) {
    return outcome("runner", status.code, null, `the script could not be started${after}`);
  }
  if (
    /^MemoryError\b/.test(last) || /heap out of memory|Out of memory/i.test(tail(RUN_FILES.log))
  ) {
    const limit = `its memory limit of ${memoryMb} MiB`;
    return outcome("memory", status.code, signal, `the script needed more than ${limit}`);
  }
  const how = signal === null ? `exited with code ${status.code}` : `was ended by ${signal}`;
  return outcome("exit", status.code, signal, `the script ${how}${after}`);
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
