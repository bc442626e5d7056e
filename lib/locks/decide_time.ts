import { atWall } from "./asking.ts";
import { endRevoked } from "./decide_holder.ts";
import type { Draft } from "./draft.ts";
import { serve, timedOut, turnAway } from "./queue.ts";
import { type Held, isOver, nextTimeOf, pollEndsMs, priorityNow } from "./standing.ts";

/** The wall clock stepped, or crept, by more than this: times that are stored are reckoned anew. */
const STEP_MS = 100;

/** Tells every lock's times by the wall clock as it goes now, so that a restart finds what is left of them. */
export function followWallClock(draft: Draft): void {
  const offsetMs = draft.now.wallMs - draft.now.monoMs;
  for (const held of [...draft.table.held.values()]) {
    if (Math.abs(offsetMs - held.offsetMs) <= STEP_MS) continue;
    if (draft.full) {
      draft.unfinished = true;
      return;
    }
    draft.hold(atWall(held, draft.now));
  }
}

/**
 * What time alone does: leases and graces end, slots begin, who waited long moves up, who waited enough
 * goes. Whatever a commit cannot take is left, `unfinished`, for the next one.
 */
export function passTime(draft: Draft): void {
  const { table, now: { monoMs } } = draft;
  const over = [...table.held.values()].filter((held) => isOver(held, monoMs))
    .sort((a, b) => nextTimeOf(a) - nextTimeOf(b));
  for (const held of over) {
    if (draft.full) {
      draft.unfinished = true;
      return;
    }
    endInTime(draft, held);
  }
  for (const waiter of [...table.waiters.values()]) {
    const ready = waiter.ready || waiter.notBeforeMs <= monoMs;
    const priority = ready ? priorityNow(waiter, monoMs) : waiter.priority;
    if (ready === waiter.ready && priority === waiter.priority) continue;
    draft.wait({ ...waiter, ready, priority });
    draft.stir(waiter.ask.deviceIds);
  }
  if (![...table.waiters.values()].some(({ orphan }) => orphan)) serve(draft);
  for (const waiter of [...table.waiters.values()]) {
    if (draft.full) draft.unfinished = true;
    if (draft.unfinished) return;
    if (waiter.orphan) turnAway(draft, waiter, { kind: "cancelled", text: "The runtime ended" });
    else if (waiter.untilMs <= monoMs) turnAway(draft, waiter, timedOut(draft, waiter));
    else if (waiter.async && pollEndsMs(waiter) <= monoMs) {
      turnAway(draft, waiter, { kind: "cancelled", text: "Nobody asked for this ticket any more" });
    }
  }
  serve(draft);
  if (!draft.unfinished) table.rest();
}

function endInTime(draft: Draft, held: Held): void {
  const { leaseEndsMs, maxHoldEndsMs, revokeEndsMs } = held;
  if (revokeEndsMs < Math.min(leaseEndsMs, maxHoldEndsMs)) return endRevoked(draft, held, null);
  const text = held.endedWhileDown
    ? "expired_while_down"
    : maxHoldEndsMs <= leaseEndsMs
    ? "max_hold"
    : "Expired";
  draft.end(held, {
    reason: "expired",
    action: "expired",
    text,
    by: "system",
    successor: held.yieldTo,
  });
}
