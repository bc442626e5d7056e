/** Rehearsal on simulated devices: what can be asked of a simulator. Pure. */

export interface SimulatedFault {
  readonly id: number;
  readonly deviceId: string;
  readonly kind: string;
  readonly active: boolean;
}

/** What each fault looks like from outside, and what it takes. */
export const FAULT_KINDS = [
  { kind: "no_answer", label: "does not answer" },
  { kind: "disconnect", label: "is disconnected" },
  { kind: "crc", label: "answers with a wrong checksum" },
  { kind: "stuck", label: "repeats its last value" },
  { kind: "drift", label: "drifts by 10 units an hour" },
  { kind: "slow", label: "takes 1.5 s to answer" },
] as const;
export const SCALES = [1, 10, 60, 600, 1000] as const;

/** A fault as the simulator takes it. `seconds` 0: until it is cleared. */
export function faultAsk(deviceId: string, kind: string, seconds: number): Record<string, unknown> {
  return {
    deviceId,
    kind,
    durationS: seconds > 0 ? seconds : null,
    ...(kind === "drift" ? { magnitude: 10 } : {}),
    ...(kind === "slow" ? { magnitude: 1500 } : {}),
  };
}
