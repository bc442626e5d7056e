import { Buffer } from "node:buffer";
import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import type { PasswordHash } from "./records.ts";

/** 256 random bits in base64url, 43 characters. */
export function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** 128 random bits in base64url, 22 characters. */
export function randomName(): string {
  return randomBytes(16).toString("base64url");
}

/** Hex. */
export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** HMAC-SHA-256 with a key in hex; base64url. */
export function signatureOf(text: string, keyHex: string): string {
  return createHmac("sha256", Buffer.from(keyHex, "hex")).update(text).digest("base64url");
}

/** Compares in a time that tells nothing of where two texts differ. */
export function sameText(a: string, b: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** 32 MiB and about a tenth of a second on a Raspberry Pi 5. Source: RFC 7914; OWASP password storage. */
const COST = { n: 2 ** 15, r: 8, p: 1 } as const;

/** Hashes a password with a salt of its own. */
export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, COST);
  return {
    algorithm: "scrypt",
    ...COST,
    salt: salt.toString("base64"),
    hash: hash.toString("base64"),
  };
}

export async function passwordMatches(password: string, stored: PasswordHash): Promise<boolean> {
  const wanted = Buffer.from(stored.hash, "base64");
  const found = await derive(password, Buffer.from(stored.salt, "base64"), stored);
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}

/** As costly as checking a password, for an account that does not exist. */
export async function pretendToCheck(password: string): Promise<void> {
  await derive(password, Buffer.alloc(16), COST);
}

function derive(
  password: string,
  salt: Buffer,
  { n, r, p }: { n: number; r: number; p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(
      password.normalize("NFKC"),
      salt,
      32,
      { N: n, r, p, maxmem: 256 * n * r },
      (error, key) => error === null ? resolve(key as Buffer) : reject(error),
    );
  });
}
