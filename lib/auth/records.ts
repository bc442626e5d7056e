import { z } from "zod";
import { Role, Scope } from "./model.ts";

/** scrypt with its cost, so that old hashes outlive a change of cost. Salt and hash in base64. */
export const PasswordHash = z.object({
  algorithm: z.literal("scrypt"),
  n: z.number().int(),
  r: z.number().int(),
  p: z.number().int(),
  salt: z.string(),
  hash: z.string(),
});
export type PasswordHash = z.infer<typeof PasswordHash>;

export const User = z.object({
  v: z.literal(1),
  name: z.string(),
  role: Role,
  password: PasswordHash,
  createdAtMs: z.number().int(),
});
export type User = z.infer<typeof User>;

/** Stored under the SHA-256 of the cookie's value: a stolen store opens no session. */
export const Session = z.object({
  v: z.literal(1),
  userName: z.string(),
  createdAtMs: z.number().int(),
  /** Written at most every few minutes; the true value is in memory. */
  lastSeenAtMs: z.number().int(),
});
export type Session = z.infer<typeof Session>;

/** A token without its secret, of which only the SHA-256 is kept. */
export const TokenRecord = z.object({
  v: z.literal(1),
  id: z.string(),
  name: z.string(),
  role: Role,
  scopes: z.array(Scope),
  /** Hex. */
  sha256: z.string(),
  createdBy: z.string(),
  createdAtMs: z.number().int(),
  expiresAtMs: z.number().int().nullable(),
  lastUsedAtMs: z.number().int().nullable(),
  /** Set for the token of a running script, which can do no more than that experiment may. */
  experiment: z.object({ id: z.string(), number: z.number().int() }).nullable(),
});
export type TokenRecord = z.infer<typeof TokenRecord>;

/** Signs the owner cookie. Made once for this instrument; hex. */
export const Secret = z.object({ v: z.literal(1), key: z.string().length(64) });
