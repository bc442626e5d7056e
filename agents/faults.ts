import { DeviceError } from "../drivers/driver.ts";
import { Cancelled } from "./bus.ts";

/** An ask that the agent refuses; `code` goes into the answer's `data.code`. */
export class AskError extends Error {
  override readonly name = "AskError";
  constructor(
    readonly code: string,
    message: string,
    readonly rpcCode = -32000,
    readonly data: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** `offline`: nobody answers; `fault`: somebody answers and says no. */
export type DeviceStatus = "ready" | "offline" | "fault";

/** `offline` for codes that mean nobody answered, `fault` for an answer that says no. */
export function statusOf(code: string): DeviceStatus {
  const silent = [
    "no_ack",
    "timeout",
    "wedged",
    "disconnected",
    "missing",
    "bus_error",
    "bus_stuck",
  ];
  return silent.includes(code) ? "offline" : "fault";
}

/** Code and sentence of whatever a driver threw. */
export function faultOf(error: unknown): { code: string; text: string } {
  if (error instanceof DeviceError || error instanceof Cancelled || error instanceof AskError) {
    return { code: error.code, text: error.message };
  }
  if (error instanceof RangeError || error instanceof TypeError) {
    return { code: "invalid_args", text: error.message };
  }
  return { code: "driver_error", text: error instanceof Error ? error.message : String(error) };
}
