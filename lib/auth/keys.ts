/** All keys of this domain: accounts, sessions, tokens, and the key that signs owner cookies. */
export const authKeys = {
  /** `User`; without a name, the prefix of all. */
  user: (name?: string): Deno.KvKey => ["auth", "user", ...(name === undefined ? [] : [name])],
  /** `Session`, by the SHA-256 of the cookie's value in hex. */
  session: (sha256?: string): Deno.KvKey => [
    "auth",
    "session",
    ...(sha256 === undefined ? [] : [sha256]),
  ],
  /** `TokenRecord`. */
  token: (id?: string): Deno.KvKey => ["auth", "token", ...(id === undefined ? [] : [id])],
  /** `Secret`. */
  secret: (): Deno.KvKey => ["auth", "secret"],
};
