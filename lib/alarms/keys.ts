/** `["alarms", "active", id]`: an `Alarm` that stands, or cleared and nobody has seen it. */
export function activeKey(id?: string): Deno.KvKey {
  return id === undefined ? ["alarms", "active"] : ["alarms", "active", id];
}

/** `["alarms", "history", ulid]`: an `Alarm` that cleared and was acknowledged, in the order they closed. */
export function historyKey(ulid?: string): Deno.KvKey {
  return ulid === undefined ? ["alarms", "history"] : ["alarms", "history", ulid];
}
