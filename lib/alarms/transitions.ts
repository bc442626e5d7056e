import type { EventDraft } from "../events.ts";
import { accept, refuse, type Result } from "../result.ts";
import type { Alarm } from "./model.ts";

/** What somebody who found an abnormal condition says of it. */
export type AlarmAsk = Pick<Alarm, "id" | "severity" | "subject" | "title" | "text">;

/** An alarm's new state and what is said of it; `null` when nothing changes. */
export type Transition = { readonly alarm: Alarm; readonly event: EventDraft } | null;

/** Cleared and acknowledged: belongs to the history. */
export function isClosed({ clearedAtMs, acknowledgedAtMs }: Alarm): boolean {
  return clearedAtMs !== null && acknowledgedAtMs !== null;
}

/**
 * Raises what does not stand. One that stands changes with its words only, and must be acknowledged
 * again only when it became critical. One that cleared unseen and comes back is the same alarm, since now.
 */
export function raised(before: Alarm | null, ask: AlarmAsk, nowMs: number): Transition {
  const { id, severity, subject, title, text } = ask;
  const said = { id, severity, subject, title, text };
  if (before === null || before.clearedAtMs !== null) {
    return changed("alarm.raised", "system", `${title}: ${text}`, {
      v: 1,
      ...said,
      raisedAtMs: nowMs,
      clearedAtMs: null,
      acknowledgedBy: null,
      acknowledgedAtMs: null,
    });
  }
  const same = (["severity", "subject", "title", "text"] as const).every((k) =>
    before[k] === said[k]
  );
  if (same) return null;
  const worse = before.severity === "warning" && severity === "critical";
  return changed("alarm.raised", "system", `${title}: ${text}`, {
    ...before,
    ...said,
    ...(worse ? { acknowledgedBy: null, acknowledgedAtMs: null } : {}),
  });
}

/** The condition is over; the alarm stays until somebody has seen it. */
export function cleared(before: Alarm | null, nowMs: number): Transition {
  if (before === null || before.clearedAtMs !== null) return null;
  return changed("alarm.cleared", "system", `over: ${before.title}`, {
    ...before,
    clearedAtMs: nowMs,
  });
}

/** Somebody has seen it. The first who did stays named. */
export function acknowledged(
  before: Alarm | null,
  actor: string,
  nowMs: number,
): Result<Transition, { kind: "unknown" }> {
  if (before === null) return refuse({ kind: "unknown" });
  if (before.acknowledgedAtMs !== null) return accept(null);
  return accept(changed("alarm.acknowledged", actor, `acknowledged: ${before.title}`, {
    ...before,
    acknowledgedBy: actor,
    acknowledgedAtMs: nowMs,
  }));
}

function changed(type: string, actor: string, text: string, alarm: Alarm): Transition {
  return { alarm, event: { type, subject: alarm.subject, actor, text, data: { alarm } } };
}
