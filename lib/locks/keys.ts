/** `["locks", "lock", deviceId]`: a `Lock`; kept after release, for its fence must never start again. */
export function lockKey(deviceId?: string): Deno.KvKey {
  return deviceId === undefined ? ["locks", "lock"] : ["locks", "lock", deviceId];
}
