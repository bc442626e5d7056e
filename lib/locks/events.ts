import type { EventDraft } from "../events.ts";
import type { RecordDraft } from "./draft.ts";
import { type GroupLock, holderOf } from "./model.ts";

/**
 * What the instrument's own log says of a decision, one event for each device, so that the history of a
 * device is whole. Renewals, denials and who waits are in the log of locks alone: they come as often as
 * clients like, and must not push the instrument's history out.
 */
export function instrumentEvents(
  record: RecordDraft,
  fenceOf: (deviceId: string) => number,
): EventDraft[] {
  const told = tell(record);
  if (told === null) return [];
  const { type, actor, text, lock, data } = told;
  return record.deviceIds.map((subject) => ({
    type,
    subject,
    actor,
    text,
    data: {
      lockId: record.id,
      lockType: record.type,
      fence: fenceOf(subject),
      holder: lock === null ? null : { ...holderOf(lock) },
      ...data,
    },
  }));
}

interface Told {
  readonly type: string;
  readonly actor: string;
  readonly text: string;
  readonly lock: GroupLock | null;
  readonly data?: Record<string, unknown>;
}

function tell({ action, owner, lock, before, reason, by, successor }: RecordDraft): Told | null {
  const label = owner?.label ?? "";
  const actor = by ?? owner?.actor ?? "system";
  const why = reason === null ? "" : `: ${reason}`;
  switch (action) {
    case "acquired":
    case "extended":
      return { type: "lock.granted", actor, text: `held by ${label}`, lock };
    case "transferred":
      return { type: "lock.granted", actor, text: `handed over to ${label}`, lock };
    case "converted":
      return { type: "lock.converted", actor, text: `held by ${label} as ${lock?.type}`, lock };
    case "released":
      return { type: "lock.released", actor, text: `released by ${label}${why}`, lock: null };
    case "expired":
      return lost(`lease of ${label} ran out`, "system", before, successor);
    case "preempted":
      return lost(`taken from ${label}${why}`, actor, before, successor);
    case "force_released":
      return lost(`taken from ${label} by force${why}`, actor, before, successor);
    case "preempt_requested":
      return {
        type: "lock.preempt_requested",
        actor,
        text: `${label} is asked to give it back by ${lock?.revoke?.by}${why}`,
        lock,
        data: { deadlineAtMs: lock?.revoke?.deadlineAtMs },
      };
    case "preempt_refused":
    case "preempt_withdrawn":
      return { type: `lock.${action}`, actor, text: `stays with ${label}${why}`, lock };
    case "renewed":
    case "queued":
    case "dequeued":
    case "policy_changed":
    case "denied":
    case "gate_refused":
      return null;
  }
}

function lost(
  text: string,
  actor: string,
  before: GroupLock | null,
  successor: string | null,
): Told {
  const lostBy = before === null ? null : { ...holderOf(before) };
  return { type: "lock.lost", actor, text, lock: null, data: { lostBy, successor } };
}
