import type { EventDraft } from "../events.ts";
import { end, holderOf, type Lock } from "./lease.ts";

export function grantedEvent({ deviceId, fence, lease }: Lock): EventDraft {
  return {
    type: "lock.granted",
    subject: deviceId,
    actor: lease!.actor,
    text: `held by ${lease!.label}`,
    data: { fence, holder: { ...holderOf(lease!) } },
  };
}

export function releasedEvent(before: Lock, reason: string): EventDraft {
  const { fence } = end(before);
  return {
    type: "lock.released",
    subject: before.deviceId,
    actor: before.lease!.actor,
    text: `released by ${before.lease!.label}: ${reason}`,
    data: { fence, holder: null },
  };
}

export function lostEvent(before: Lock): EventDraft {
  const { fence } = end(before);
  return {
    type: "lock.lost",
    subject: before.deviceId,
    actor: "system",
    text: `lease of ${before.lease!.label} ran out`,
    data: { fence, holder: null, lostBy: { ...holderOf(before.lease!) } },
  };
}
