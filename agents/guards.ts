import type { Capability, Reading } from "../lib/devices/model.ts";

/** The latest reading of a channel, and how old it is. */
export interface Latest {
  readonly reading: Reading;
  readonly ageMs: number;
  readonly periodMs: number;
}

/** Why a guard forbids to be away from safe, or `null`. */
export function guardBroken(
  { guards = [] }: Capability,
  readings: { latest(deviceId: string, channel: string): Latest | null | "elsewhere" },
): string | null {
  for (const { deviceId, channel, min, max } of guards) {
    const latest = readings.latest(deviceId, channel);
    if (latest === "elsewhere") continue;
    const name = `"${deviceId}" ${channel}`;
    if (latest === null) return `${name} has not been read yet`;
    if (latest.ageMs > 3 * latest.periodMs) return `${name} is stale`;
    const { value, quality, unit, code } = latest.reading;
    if (typeof value !== "number") return `${name} has no value (${code ?? quality})`;
    if (min !== undefined && value < min) return `${name} is ${value} ${unit}, below ${min}`;
    if (max !== undefined && value > max) return `${name} is ${value} ${unit}, above ${max}`;
  }
  return null;
}
