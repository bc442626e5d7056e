import type { LockRefusal } from "./model.ts";
import { covers, EVERYTHING } from "./names.ts";

/** Names the instrument has besides its devices: everything, and those that stand for no hardware. */
const PSEUDO = [EVERYTHING, "@environment", "@queue"];

/** The refusal of names that no device has, lies inside, or is around; `null` when all are known. */
export function withoutUnknown(
  deviceIds: readonly string[],
  devices: (() => readonly string[]) | null,
): LockRefusal | null {
  if (devices === null) return null;
  const known = [...PSEUDO, ...devices()];
  const unknown = deviceIds.filter((asked) =>
    !known.some((one) => covers(asked, one) || (one !== EVERYTHING && covers(one, asked)))
  );
  return unknown.length === 0 ? null : { kind: "unknown-device", deviceIds: unknown };
}
