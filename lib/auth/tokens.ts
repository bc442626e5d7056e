import type { Clock } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import { authKeys } from "./keys.ts";
import type { Role, Scope } from "./model.ts";
import { TokenRecord } from "./records.ts";
import { randomSecret, sha256Of } from "./secrets.ts";

/** What every token starts with, so that leaks are found by searching for it. */
export const TOKEN_PREFIX = "hf_";
const TOKENS_MAX = 1000;
const WRITE_EVERY_MS = 5 * 60_000;

export type TokenRefusal =
  | { kind: "token-unknown"; id: string }
  | { kind: "too-many-tokens"; max: number }
  | { kind: "already-expired" }
  /** It would allow more than who asks for it may. */
  | { kind: "exceeds-own"; what: "role" | "scopes" };

/** A token as people see it: never its secret, nor the hash. */
export type TokenView = Omit<TokenRecord, "v" | "sha256" | "experiment"> & { expired: boolean };

export interface TokenAsk {
  readonly name: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  readonly expiresAtMs?: number | null;
}

/** API tokens and the tokens of running scripts; only hashes are stored. */
export class Tokens {
  #byHash = new Map<string, TokenRecord>();

  private constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  static async open(kv: Kv, clock: Clock): Promise<Tokens> {
    const tokens = new Tokens(kv, clock);
    for await (const { value } of kv.list({ prefix: authKeys.token() })) {
      const record = TokenRecord.parse(value);
      tokens.#byHash.set(record.sha256, record);
    }
    return tokens;
  }

  /** API tokens, newest first; those of scripts are not shown. */
  list(): TokenView[] {
    return [...this.#byHash.values()].filter((t) => t.experiment === null)
      .sort((a, b) => a.id < b.id ? 1 : -1).map((record) => this.#viewOf(record));
  }

  /** The record of a presented token, or `null` when it is unknown, revoked or expired. */
  use(token: string): TokenRecord | null {
    const record = this.#byHash.get(sha256Of(token));
    if (record === undefined || this.#isExpired(record)) return null;
    const nowMs = this.clock.nowMs();
    if (record.experiment === null && nowMs - (record.lastUsedAtMs ?? 0) >= WRITE_EVERY_MS) {
      const used = { ...record, lastUsedAtMs: nowMs };
      this.#byHash.set(record.sha256, used);
      this.#noteUse(used).catch(() => {}); // Shown for people's orientation; the next use writes it again.
    }
    return record;
  }

  /** The token itself is returned once and kept nowhere. */
  async issue(
    ask: TokenAsk,
    actor: string,
  ): Promise<Result<{ token: string; record: TokenView }, TokenRefusal>> {
    if (typeof ask.expiresAtMs === "number" && ask.expiresAtMs <= this.clock.nowMs()) {
      return refuse({ kind: "already-expired" });
    }
    if (this.list().length >= TOKENS_MAX) {
      return refuse({ kind: "too-many-tokens", max: TOKENS_MAX });
    }
    const { token, record } = this.#made({ ...ask, experiment: null }, actor);
    await this.#store(record, {
      type: "auth.token_issued",
      subject: record.id,
      actor,
      text: `token "${record.name}" issued with role ${record.role}`,
    });
    return accept({ token, record: this.#viewOf(record) });
  }

  async revoke(id: string, actor: string): Promise<Result<TokenView, TokenRefusal>> {
    const record = [...this.#byHash.values()].find((t) => t.id === id && t.experiment === null);
    if (record === undefined) return refuse({ kind: "token-unknown", id });
    await this.#drop(record, {
      type: "auth.token_revoked",
      subject: id,
      actor,
      text: `token "${record.name}" revoked`,
    });
    return accept(this.#viewOf(record));
  }

  /** The token of one experiment's script; an earlier one of the same experiment is void. */
  async issueForExperiment(id: string, number: number): Promise<string> {
    const earlier = this.#ofExperiment(id);
    const { token, record } = this.#made(
      { name: `experiment ${number}`, role: "observer", scopes: [], experiment: { id, number } },
      "system",
    );
    await this.#store(record);
    for (const old of earlier) await this.#drop(old);
    return token;
  }

  async revokeOfExperiment(id: string): Promise<void> {
    for (const record of this.#ofExperiment(id)) await this.#drop(record);
  }

  #made(
    ask: TokenAsk & Pick<TokenRecord, "experiment">,
    actor: string,
  ): { token: string; record: TokenRecord } {
    const token = TOKEN_PREFIX + randomSecret();
    const record = TokenRecord.parse({
      v: 1,
      id: newId<"Token">(this.clock),
      name: ask.name,
      role: ask.role,
      scopes: [...ask.scopes],
      sha256: sha256Of(token),
      createdBy: actor,
      createdAtMs: this.clock.nowMs(),
      expiresAtMs: ask.expiresAtMs ?? null,
      lastUsedAtMs: null,
      experiment: ask.experiment,
    });
    return { token, record };
  }

  async #store(record: TokenRecord, event?: TokenEvent): Promise<void> {
    const key = authKeys.token(record.id);
    await this.kv.transact([key], () =>
      accept({
        value: undefined,
        set: [[key, record]],
        events: event === undefined ? [] : [event],
      }));
    this.#byHash.set(record.sha256, record);
  }

  async #drop(record: TokenRecord, event?: TokenEvent): Promise<void> {
    const key = authKeys.token(record.id);
    // Void in memory first: a token is not good for one request more while the disk is slow.
    this.#byHash.delete(record.sha256);
    await this.kv.transact([key], () =>
      accept({
        value: undefined,
        remove: [key],
        events: event === undefined ? [] : [event],
      }));
  }

  async #noteUse(record: TokenRecord): Promise<void> {
    const key = authKeys.token(record.id);
    await this.kv.transact(
      [key],
      ([seen]) => accept({ value: undefined, set: seen?.value === null ? [] : [[key, record]] }),
    );
  }

  #ofExperiment(id: string): TokenRecord[] {
    return [...this.#byHash.values()].filter((record) => record.experiment?.id === id);
  }

  #isExpired(record: TokenRecord): boolean {
    return record.expiresAtMs !== null && this.clock.nowMs() >= record.expiresAtMs;
  }

  #viewOf({ v: _v, sha256: _sha256, experiment: _experiment, ...shown }: TokenRecord): TokenView {
    return {
      ...shown,
      expired: shown.expiresAtMs !== null && this.clock.nowMs() >= shown.expiresAtMs,
    };
  }
}

interface TokenEvent {
  readonly type: string;
  readonly subject: string;
  readonly actor: string;
  readonly text: string;
}
