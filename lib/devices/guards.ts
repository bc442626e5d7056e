import { isDeepStrictEqual } from "node:util";
import type { DeviceEntry, Registry } from "./registry.ts";

/**
 * Why a guard on a device of another agent forbids `entry` to be away from safe, or `null`. Guards within
 * one agent are that agent's own. `args` that reach the safe state are always allowed.
 */
export function guardBroken(
  registry: Registry,
  entry: DeviceEntry,
  args: Record<string, unknown> | null,
): string | null {
  const { guards = [], safeState } = entry.capability;
  if (args !== null && isDeepStrictEqual(args, safeState)) return null;
  for (const { deviceId, channel, min, max } of guards) {
    const guard = registry.get(deviceId);
    const name = `its guard "${deviceId}" ${channel}`;
    if (guard === undefined) return `${name} is not there`;
    if (guard.agent === entry.agent) continue;
    const reading = registry.reading(guard, channel);
    if (reading === null) return `${name} has not been read yet`;
    const { value, quality, unit } = reading;
    if (typeof value !== "number") return `${name} is ${quality}`;
    if (min !== undefined && value < min) return `${name} is ${value} ${unit}, below ${min}`;
    if (max !== undefined && value > max) return `${name} is ${value} ${unit}, above ${max}`;
  }
  return null;
}
