import { randomBytes } from "node:crypto";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import { authKeys } from "./keys.ts";
import { Secret } from "./records.ts";
import { randomName, sameText, signatureOf } from "./secrets.ts";

/** The originals' cookie name: whose experiments these are, where nobody logs in. */
export const OWNER_COOKIE = "session_id";
const OWNER_PATTERN = /^[\w.@:-]{1,128}$/;

/** Names browsers where nobody logs in: a random id in a signed cookie, so that none can be guessed or made up. */
export class Owners {
  private constructor(private readonly keyHex: string) {}

  static async open(kv: Kv): Promise<Owners> {
    const fresh = { v: 1, key: randomBytes(32).toString("hex") };
    const kept = await kv.transact(
      [authKeys.secret()],
      ([seen]) =>
        seen?.value === null || seen === undefined
          ? accept({
            value: Secret.parse(fresh),
            set: [[authKeys.secret(), Secret.parse(fresh)] as const],
          })
          : accept({ value: Secret.parse(seen.value) }),
    );
    if (!kept.ok) throw new TypeError("A transaction that refuses nothing was refused");
    return new Owners(kept.value.key);
  }

  /** A new owner, as the cookie's value carries it. */
  mint(): string {
    const owner = randomName();
    return `${owner}.${signatureOf(owner, this.keyHex)}`;
  }

  /** The owner behind a cookie's value; `null` for one this instrument did not sign. */
  ofCookie(value: string): string | null {
    const dot = value.lastIndexOf(".");
    if (dot < 0) return null;
    const owner = value.slice(0, dot);
    return OWNER_PATTERN.test(owner) &&
        sameText(value.slice(dot + 1), signatureOf(owner, this.keyHex))
      ? owner
      : null;
  }

  /** The owner an `X-Session-ID` header names, if it could be one. */
  static ofHeader(value: string): string | null {
    return OWNER_PATTERN.test(value) ? value : null;
  }
}
