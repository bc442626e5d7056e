import { createHash } from "node:crypto";
import { z } from "zod";
import { Capability, DeviceState } from "./model.ts";

/** `["devices", "state", deviceId]`: what the device was last told and reported. */
export function stateKey(deviceId?: string): Deno.KvKey {
  return deviceId === undefined ? ["devices", "state"] : ["devices", "state", deviceId];
}
/** The last operation a run had carried out on a device, as long as nothing else has moved it since. */
export const InForce = z.object({
  /** The run, under the fence of its lease. */
  actor: z.string(),
  fence: z.number().int().nonnegative(),
  op: z.string(),
  args: z.record(z.string(), z.unknown()),
});
export type InForce = z.infer<typeof InForce>;
export const StoredState = DeviceState.extend({
  v: z.literal(1),
  inForce: InForce.nullable().default(null),
});

/** `["devices", "capability", agent, deviceId]`: the device as its agent last described it, so that it is known before the agent is up. */
export function capabilityKey(agent: string, deviceId?: string): Deno.KvKey {
  return deviceId === undefined
    ? ["devices", "capability", agent]
    : ["devices", "capability", agent, deviceId];
}
export const StoredCapability = Capability.extend({
  v: z.literal(1),
  /** Its place among the agent's devices. */
  order: z.number().int().nonnegative(),
});

/** `["devices", "stop"]`: present while the instrument is stopped. */
export const STOP_KEY: Deno.KvKey = ["devices", "stop"];
export const StoredStop = z.object({
  v: z.literal(1),
  sinceMs: z.number().int(),
  actor: z.string(),
  reason: z.string(),
});

/** `["devices", "idempotency", hash]`: one keyed command; without `outcome` it was sent and nothing more is known. */
export function idempotencyKey(hash: string): Deno.KvKey {
  return ["devices", "idempotency", hash];
}
export const StoredCommand = z.object({
  v: z.literal(1),
  atMs: z.number().int(),
  /** Of device, operation and arguments: the same key must not name another command. */
  fingerprint: z.string(),
  /** The answer as it was given, a `Result` of `DeviceState` or `CommandRefusal`. */
  outcome: z.unknown(),
});

/** `["devices", "idempotency_by_time", atMs, hash]`, value `null`: oldest first, for trimming. */
export function idempotencyTimeKey(atMs?: number, hash?: string): Deno.KvKey {
  return atMs === undefined
    ? ["devices", "idempotency_by_time"]
    : ["devices", "idempotency_by_time", atMs, hash!];
}

/** SHA-256, hexadecimal, of texts that cannot run into each other. */
export function hashOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
