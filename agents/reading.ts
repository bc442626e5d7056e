import type { DriverReading } from "../drivers/driver.ts";
import type { Channel, Reading } from "../lib/devices/model.ts";

/**
 * A driver's reading as the wire carries it: a number that is not finite is bad, one outside its channel's
 * range is suspect, a bad one has no value. Nothing here makes a reading better than its driver says.
 */
export function toReading(
  deviceId: string,
  channel: Channel,
  { value, quality, code }: DriverReading,
  atMs: number,
): Reading {
  const base = { deviceId, channel: channel.id, unit: channel.unit, atMs };
  if (quality === "bad" || value === null) {
    return { ...base, value: null, quality: "bad", code: code ?? "no_value" };
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    return { ...base, value: null, quality: "bad", code: "not_finite" };
  }
  const outside = typeof value === "number" &&
    ((channel.min !== undefined && value < channel.min) ||
      (channel.max !== undefined && value > channel.max));
  if (outside) return { ...base, value, quality: "suspect", code: code ?? "out_of_range" };
  return { ...base, value, quality, ...(code === undefined ? {} : { code }) };
}
