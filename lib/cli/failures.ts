import { KvUnavailable } from "../kv_errors.ts";
import { redactText } from "../redact.ts";
import { EXIT } from "./exit_codes.ts";

/** The exit code and the words for whatever a command threw. */
export function codeOfFailure(error: unknown): { code: number; message: string } {
  if (!(error instanceof Error)) return { code: EXIT.failed, message: redactText(String(error)) };
  const cause = error.cause instanceof Error ? error.cause.message : "";
  const because = cause === "" || error.message.includes(cause) ? "" : `: ${cause}`;
  const message = redactText(error.message + because);
  if (error instanceof Deno.errors.AddrInUse || error.name === "PortTaken") {
    return { code: EXIT.portTaken, message };
  }
  // By name: these classes live in rooms that the command line loads only when a command needs them.
  if (error.name === "UnsafeListen") return { code: EXIT.unsafeListen, message };
  if (error instanceof KvUnavailable || error.name.startsWith("DataFolder")) {
    return { code: EXIT.dataFolder, message };
  }
  return { code: EXIT.failed, message };
}
