import process from "node:process";
import type { CliHost } from "./command.ts";

/**
 * Runs `work` with a signal that aborts when a person ends the command with Ctrl-C, or the system ends it.
 * The second time ends the process at once.
 */
export async function untilInterrupted<T>(
  host: Pick<CliHost, "interruption" | "err">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (host.interruption !== undefined) return await work(host.interruption);
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    host.err("Ending; once more to end at once");
    controller.abort(new DOMException("Interrupted", "AbortError"));
  };
  // Windows knows no SIGTERM.
  const signals = process.platform === "win32" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of signals) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}
