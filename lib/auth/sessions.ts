import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import { authKeys } from "./keys.ts";
import { Session } from "./records.ts";
import { randomSecret, sha256Of } from "./secrets.ts";

/** Of one user; the oldest makes room. */
const SESSIONS_MAX = 20;
/** How far the stored time of last use may lag behind. */
const WRITE_EVERY_MS = 5 * 60_000;

/**
 * Who is logged in. A session slides: it ends `lifeMs` after its last request. Only the hash of the
 * cookie's value is stored.
 */
export class Sessions {
  #sessions = new Map<string, Session>();

  private constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly lifeMs: number,
  ) {}

  static async open(kv: Kv, clock: Clock, lifeMs: number): Promise<Sessions> {
    const sessions = new Sessions(kv, clock, lifeMs);
    for await (const { key, value } of kv.list({ prefix: authKeys.session() })) {
      sessions.#sessions.set(String(key.at(-1)), Session.parse(value));
    }
    await sessions.#remove([...sessions.#sessions].filter(([, s]) => sessions.#isOver(s)));
    return sessions;
  }

  /** Opens a session; returns the cookie's value, which is told to nobody else and kept nowhere. */
  async start(userName: string): Promise<string> {
    const secret = randomSecret();
    const sha256 = sha256Of(secret);
    const nowMs = this.clock.nowMs();
    const session: Session = { v: 1, userName, createdAtMs: nowMs, lastSeenAtMs: nowMs };
    const own = this.#of(userName).sort(([, a], [, b]) => a.lastSeenAtMs - b.lastSeenAtMs);
    const surplus = own.slice(0, Math.max(0, own.length - SESSIONS_MAX + 1));
    await this.kv.transact([authKeys.session(sha256)], () =>
      accept({
        value: undefined,
        set: [[authKeys.session(sha256), Session.parse(session)]],
        remove: surplus.map(([id]) => authKeys.session(id)),
        events: [{
          type: "auth.login",
          subject: userName,
          actor: `user:${userName}`,
          text: "logged in",
        }],
      }));
    for (const [id] of surplus) this.#sessions.delete(id);
    this.#sessions.set(sha256, session);
    return secret;
  }

  /** The user behind a cookie's value, or `null`. Moves the session's end. */
  use(secret: string): { userName: string; createdAtMs: number } | null {
    const sha256 = sha256Of(secret);
    const session = this.#sessions.get(sha256);
    if (session === undefined) return null;
    if (this.#isOver(session)) {
      this.#sessions.delete(sha256);
      this.#background(this.#remove([[sha256, session]]));
      return null;
    }
    const nowMs = this.clock.nowMs();
    if (nowMs - session.lastSeenAtMs >= WRITE_EVERY_MS) {
      const seen = { ...session, lastSeenAtMs: nowMs };
      this.#sessions.set(sha256, seen);
      this.#background(this.#touch(sha256, seen));
    }
    return session;
  }

  async end(secret: string): Promise<void> {
    const sha256 = sha256Of(secret);
    const session = this.#sessions.get(sha256);
    if (session !== undefined) await this.#remove([[sha256, session]]);
  }

  async endAllOf(userName: string): Promise<void> {
    await this.#remove(this.#of(userName));
  }

  #of(userName: string): [string, Session][] {
    return [...this.#sessions].filter(([, session]) => session.userName === userName);
  }

  /** Within the five minutes between writes a session is not shorter than promised. */
  #isOver(session: Session): boolean {
    return this.clock.nowMs() - session.lastSeenAtMs > this.lifeMs + WRITE_EVERY_MS;
  }

  async #remove(gone: readonly (readonly [string, Session])[]): Promise<void> {
    for (const [sha256] of gone) this.#sessions.delete(sha256);
    for (let i = 0; i < gone.length; i += 50) {
      const keys = gone.slice(i, i + 50).map(([sha256]) => authKeys.session(sha256));
      await this.kv.transact(keys, () => accept({ value: undefined, remove: keys }));
    }
  }

  async #touch(sha256: string, session: Session): Promise<void> {
    const key = authKeys.session(sha256);
    await this.kv.transact([key], ([seen]) => {
      const stored = seen?.value as Session | null | undefined;
      // Ended meanwhile, or a later request was faster.
      const late = stored === null || stored === undefined ||
        stored.lastSeenAtMs >= session.lastSeenAtMs;
      return accept({ value: undefined, set: late ? [] : [[key, session]] });
    });
  }

  /** A lost touch shortens a session by minutes; a lost removal is made up for at the next start. */
  #background(work: Promise<void>): void {
    work.catch(() => {});
  }
}
