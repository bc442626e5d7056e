import type { CommandGate } from "../devices/mod.ts";
import { refuse } from "../result.ts";

/** The gate of the locks, which lets a run that is held drive nothing: its leases stay its own. */
export function holdGate(locks: CommandGate, isHeld: (actor: string) => boolean): CommandGate {
  return {
    check(deviceId, actor) {
      const checked = locks.check(deviceId, actor);
      return checked.ok && isHeld(actor) ? refuse({ kind: "holding", deviceId }) : checked;
    },
    holder: (deviceId) => locks.holder(deviceId),
    fences: () => locks.fences(),
  };
}
