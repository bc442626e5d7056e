import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Proof } from "./face.ts";
import type { GroupLock } from "./model.ts";

/** Keys kept in memory: the locks of a busy instrument. */
const KNOWN_MAX = 4096;

/**
 * The keys of locks: an HMAC of the lock's id and its owner's number under the store's own secret. So none
 * is stored, and an owner who asks again, also after a restart, is given the same.
 */
export class KeyRing {
  /** What was asked for lately, oldest first: a lock's key is needed at least twice. */
  readonly #known = new Map<string, { key: string; hash: string | null }>();

  constructor(private readonly secret: string) {}

  keyOf(lock: Pick<GroupLock, "id" | "keyVersion">): string {
    return this.#of(lock).key;
  }

  /** `sha256:` and 16 hex digits. */
  hashOf(lock: Pick<GroupLock, "id" | "keyVersion">): string {
    const known = this.#of(lock);
    known.hash ??= createHash("sha256").update(known.key).digest("hex").slice(0, 16);
    return `sha256:${known.hash}`;
  }

  /** Whether the proof has the lock's key, or is its owner's login. */
  owns(
    lock: Pick<GroupLock, "id" | "keyVersion" | "owner">,
    { asker, key }: Proof,
  ): boolean {
    if (key !== undefined && key !== null) return sameText(key, this.keyOf(lock));
    return !asker.asserted && !lock.owner.asserted && asker.actor === lock.owner.actor;
  }

  #of({ id, keyVersion }: Pick<GroupLock, "id" | "keyVersion">) {
    const name = `${id}:${keyVersion}`;
    let known = this.#known.get(name);
    if (known === undefined) {
      const key = createHmac("sha256", this.secret).update(name).digest("base64url");
      known = { key, hash: null };
      if (this.#known.size >= KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!);
      this.#known.set(name, known);
    }
    return known;
  }
}

/** In a time that tells nothing of where they differ; that all keys are equally long is no secret. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
