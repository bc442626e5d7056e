import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Proof } from "./face.ts";
import type { GroupLock } from "./model.ts";

/**
 * The keys of locks: an HMAC of the lock's id and its owner's number under the store's own secret. So none
 * is stored, and an owner who asks again, also after a restart, is given the same.
 */
export class KeyRing {
  constructor(private readonly secret: string) {}

  keyOf({ id, keyVersion }: Pick<GroupLock, "id" | "keyVersion">): string {
    return createHmac("sha256", this.secret).update(`${id}:${keyVersion}`).digest("base64url");
  }

  /** `sha256:` and 16 hex digits. */
  hashOf(lock: Pick<GroupLock, "id" | "keyVersion">): string {
    return `sha256:${createHash("sha256").update(this.keyOf(lock)).digest("hex").slice(0, 16)}`;
  }

  /** Whether the proof has the lock's key, or is its owner's login. */
  owns(
    lock: Pick<GroupLock, "id" | "keyVersion" | "owner">,
    { asker, key }: Proof,
  ): boolean {
    if (key !== undefined && key !== null) return sameText(key, this.keyOf(lock));
    return !asker.asserted && !lock.owner.asserted && asker.actor === lock.owner.actor;
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(left!, right!);
}
