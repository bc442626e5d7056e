import type { Holder } from "../devices/model.ts";
import { KvUnavailable } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import type { GateAsk } from "./face.ts";
import type { Table } from "./table.ts";
import type { GateRefusal, HeldRefusal } from "./model.ts";
import { covers } from "./names.ts";
import { type Held, isOver, type Now } from "./standing.ts";
import { holderView, lockOn } from "./views.ts";

/**
 * Whether `actor` may drive the device now, and the fence its command must carry. A device nobody holds may
 * be driven by anyone, a shared one by nobody. Between a lease's end and its record on disk nobody may.
 * @throws {KvUnavailable} while the store fails: who holds what may have changed unseen
 */
export function mayDrive(
  table: Table,
  deviceId: string,
  actor: string,
  now: Now,
  storeHealthy: boolean,
): Result<number, HeldRefusal> {
  for (const [, held] of table.heldMeeting(deviceId)) {
    const { owner, mode } = held.lock;
    if (owner.actor === actor && mode === "exclusive" && !isOver(held, now.monoMs)) continue;
    return refuse({ kind: "held", deviceId, holder: holderView(held, now) });
  }
  if (!storeHealthy) throw new KvUnavailable("The store of the locks cannot be written");
  return accept(table.fences.of(deviceId));
}

/** The same for hardware outside this process, which says with which lock and fence it was told to move. */
export function gateCheck(
  table: Table,
  ask: GateAsk,
  { realm, now, storeHealthy }: { realm: string; now: Now; storeHealthy: boolean },
): Result<{ fence: number }, GateRefusal> {
  const { deviceId, fence, lockId } = ask;
  const currentFence = table.fences.of(deviceId);
  const inWay = othersThan(table, deviceId, lockId);
  const shown = inWay ?? lockOn(table, deviceId, now);
  const no = (why: GateRefusal["why"]) =>
    refuse<GateRefusal>({
      kind: "gate-refused",
      why,
      holder: shown === null ? null : holderOrNull(shown, now),
      type: shown?.lock.type ?? null,
      currentFence,
    });
  if (!storeHealthy) return no("store-unavailable");
  if (ask.realm !== undefined && ask.realm !== realm) return no("foreign-realm");
  if (inWay !== null) return no(inWay.lock.mode === "shared" ? "shared" : "held");
  if (lockId !== null) {
    const held = table.held.get(lockId);
    if (held === undefined || isOver(held, now.monoMs)) return no("lock-lost");
    if (!held.lock.deviceIds.some((one) => covers(one, deviceId))) return no("held");
    if (held.lock.mode === "shared") return no("shared");
  }
  if (fence !== currentFence) return no("stale-fence");
  return accept({ fence: currentFence });
}

function othersThan(table: Table, deviceId: string, lockId: string | null): Held | null {
  const own = lockId === null ? undefined : table.held.get(lockId)?.lock.owner.actor;
  for (const [, held] of table.heldMeeting(deviceId)) {
    if (held.lock.id !== lockId && held.lock.owner.actor !== own) return held;
  }
  return null;
}

function holderOrNull(held: Held, now: Now): Holder | null {
  return isOver(held, now.monoMs) ? null : holderView(held, now);
}
