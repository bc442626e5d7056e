import type { Clock } from "./clock.ts";

declare const brand: unique symbol;
/** A ULID whose kind the compiler checks: `Id<"Experiment">`. */
export type Id<K extends string> = string & { readonly [brand]: K };

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * A ULID: 48 bits of Unix milliseconds and 80 random bits in Crockford base 32, 26 characters, so ids
 * sort by time. Ids of the same millisecond sort at random.
 * Source: ulid/spec.
 */
export function newId<K extends string>(clock: Clock): Id<K> {
  let timeMs = Math.max(0, Math.floor(clock.nowMs()));
  let head = "";
  for (let i = 0; i < 10; i++) {
    head = ALPHABET[timeMs % 32] + head;
    timeMs = Math.floor(timeMs / 32);
  }
  const random = crypto.getRandomValues(new Uint8Array(16));
  let tail = "";
  for (const byte of random) tail += ALPHABET[byte % 32];
  return (head + tail) as Id<K>;
}
