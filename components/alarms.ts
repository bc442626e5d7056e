import type { Alarm } from "../lib/alarms/model.ts";
import { alarms, withAlarm } from "./live.ts";

/** Unacknowledged before acknowledged, standing before over, critical before warning, newest first. */
export function unseenFirst(list: readonly Alarm[]): Alarm[] {
  return list.toSorted((a, b) =>
    Number(a.acknowledgedBy !== null) - Number(b.acknowledgedBy !== null) ||
    Number(a.clearedAtMs !== null) - Number(b.clearedAtMs !== null) ||
    Number(b.severity === "critical") - Number(a.severity === "critical") ||
    b.raisedAtMs - a.raisedAtMs
  );
}

/** Says that somebody has seen it. Gives `null`, or why that was not recorded. */
export async function acknowledgeAlarm(id: string): Promise<string | null> {
  const reply = await fetch(`/api/v1/alarms/${encodeURIComponent(id)}/acknowledge`, {
    method: "POST",
  }).catch(() => null);
  const body = await reply?.json().catch(() => null);
  if (!reply?.ok) return body?.detail ?? "The instrument did not answer; try again";
  alarms.value = withAlarm(alarms.value ?? [], body as Alarm);
  return null;
}
