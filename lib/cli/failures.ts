import { KvUnavailable } from "../kv_errors.ts";
import { redactText } from "../redact.ts";
import { EXIT } from "./exit_codes.ts";

/** The exit code and the words for whatever a command threw. */
export function codeOfFailure(error: unknown): { code: number; message: string } {
  if (!(error instanceof Error)) return { code: EXIT.failed, message: redactText(String(error)) };
  const known = knownCode(error);
  // What has a code says in its own message what to do; the cause would only repeat it.
  if (known !== null) return { code: known, message: redactText(error.message) };
  const because = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return { code: EXIT.failed, message: redactText(error.message + because) };
}

/** By name: most of these classes live in rooms that the command line loads only when a command needs them. */
function knownCode(error: Error): number | null {
  if (error.name === "UnsafeListen") return EXIT.unsafeListen;
  if (error.name === "PortTaken" || error instanceof Deno.errors.AddrInUse) return EXIT.portTaken;
  if (error instanceof KvUnavailable || error.name.startsWith("DataFolder")) {
    return EXIT.dataFolder;
  }
  return null;
}
