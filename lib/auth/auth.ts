import { isLoopbackAddress } from "../addresses.ts";
import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import { Problem } from "../problem.ts";
import { accept, refuse, type Result } from "../result.ts";
import { Attempts } from "./attempts.ts";
import { actorOf, atLeast, type Principal, type Role } from "./model.ts";
import { OWNER_COOKIE, Owners } from "./owners.ts";
import { passwordMatches, pretendToCheck } from "./secrets.ts";
import { Sessions } from "./sessions.ts";
import { type TokenAsk, type TokenRefusal, Tokens, type TokenView } from "./tokens.ts";
import { type UserRefusal, Users, type UserView } from "./users.ts";

export const SESSION_COOKIE = "holdfast_session";
const COOKIE_DAYS = 90;
/** Passwords checked at the same moment; each takes 32 MiB and a core. */
const CHECKS_AT_ONCE_MAX = 4;
const ATTEMPTS_PER_ACCOUNT = 5;
/** Higher, for a whole lab may stand behind one address. */
const ATTEMPTS_PER_ADDRESS = 20;

export type LoginRefusal =
  | { kind: "wrong" }
  | { kind: "too-many"; retryAfterS: number }
  | { kind: "disabled" };

export interface AuthOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  /** Without it only this machine may do anything, and may do everything. */
  readonly enabled: boolean;
  readonly sessionHours: number;
}

/** Who asks: accounts, sessions, tokens, and owners on a machine where nobody logs in. */
export class Auth {
  readonly #accounts: Attempts;
  readonly #addresses: Attempts;
  #checking = 0;

  private constructor(
    readonly enabled: boolean,
    private readonly accounts: Users,
    private readonly sessions: Sessions,
    readonly tokens: Tokens,
    private readonly owners: Owners,
    clock: Clock,
  ) {
    this.#accounts = new Attempts(clock, ATTEMPTS_PER_ACCOUNT);
    this.#addresses = new Attempts(clock, ATTEMPTS_PER_ADDRESS);
  }

  static async open({ kv, clock, enabled, sessionHours }: AuthOptions): Promise<Auth> {
    return new Auth(
      enabled,
      await Users.open(kv, clock),
      await Sessions.open(kv, clock, sessionHours * 3_600_000),
      await Tokens.open(kv, clock),
      await Owners.open(kv),
      clock,
    );
  }

  /** Whether somebody could log in and set things up: the condition for listening beyond this machine. */
  get hasAdmin(): boolean {
    return this.accounts.hasAdmin;
  }

  /**
   * Who sent this request. A token comes first, then a session, then, where authentication is not set
   * up, this machine itself. `remoteAddress` is the true peer (`null`: a local socket).
   *
   * @throws {Problem} `login-required` for a token that is unknown, revoked or expired: a script that
   * believes in its token must not go on as somebody else.
   */
  principalOf(req: Request, remoteAddress: string | null): Promise<Principal> {
    return Promise.resolve().then(() => this.#principalOf(req, remoteAddress));
  }

  /** Opens a session for the right password; `cookie` is the value of a `Set-Cookie` header. */
  async login(
    name: string,
    password: string,
    remoteAddress: string | null,
    secure = false,
  ): Promise<Result<{ cookie: string; user: UserView }, LoginRefusal>> {
    if (!this.enabled) return refuse({ kind: "disabled" });
    const checked = await this.checkPassword(name, password, remoteAddress);
    if (!checked.ok) return checked;
    const value = await this.sessions.start(checked.value.name);
    return accept({
      cookie: cookieText(SESSION_COOKIE, value, { sameSite: "Strict", secure }),
      user: checked.value,
    });
  }

  /** Whether that is the account's password; as costly and as limited for an account that is not there. */
  async checkPassword(
    name: string,
    password: string,
    remoteAddress: string | null,
  ): Promise<Result<UserView, Exclude<LoginRefusal, { kind: "disabled" }>>> {
    const account = name.toLowerCase();
    const address = remoteAddress ?? "local";
    if (this.#checking >= CHECKS_AT_ONCE_MAX) return refuse({ kind: "too-many", retryAfterS: 1 });
    const retryAfterS = this.#addresses.begin(address) || this.#accounts.begin(account);
    if (retryAfterS > 0) return refuse({ kind: "too-many", retryAfterS });
    this.#checking++;
    try {
      const user = this.accounts.get(account);
      if (user === null) await pretendToCheck(password);
      if (user === null || !await passwordMatches(password, user.password)) {
        return refuse({ kind: "wrong" });
      }
      this.#accounts.succeeded(account);
      this.#addresses.forgive(address);
      return accept({ name: user.name, role: user.role, createdAtMs: user.createdAtMs });
    } finally {
      this.#checking--;
    }
  }

  /** Ends the request's session; the `Set-Cookie` value that makes the browser forget it. */
  async logout(req: Request): Promise<string> {
    const value = cookieOf(req, SESSION_COOKIE);
    if (value !== null) await this.sessions.end(value);
    return cookieText(SESSION_COOKIE, "", { sameSite: "Strict", secure: false, maxAgeS: 0 });
  }

  /**
   * Where nobody logs in: the `Set-Cookie` value that names this browser for the next 90 days, kept as
   * it is when the request has one already. `null` where people log in.
   */
  ownerCookie(req: Request, secure: boolean): string | null {
    if (this.enabled) return null;
    const present = cookieOf(req, OWNER_COOKIE);
    const value = present !== null && this.owners.ofCookie(present) !== null
      ? present
      : this.owners.mint();
    return cookieText(OWNER_COOKIE, value, { sameSite: "Lax", secure });
  }

  readonly users = {
    list: (): UserView[] => this.accounts.list(),
    get: (name: string): UserView | null =>
      this.accounts.list().find((u) => u.name === name) ?? null,
    add: (
      ask: { name: string; role: Role; password: string },
      actor: string,
    ): Promise<Result<UserView, UserRefusal>> => this.accounts.add(ask, actor),
    setRole: (name: string, role: Role, actor: string): Promise<Result<UserView, UserRefusal>> =>
      this.accounts.setRole(name, role, actor),
    /** Ends the user's sessions, but not the tokens that user made. */
    setPassword: async (
      name: string,
      password: string,
      actor: string,
    ): Promise<Result<UserView, UserRefusal>> => {
      const changed = await this.accounts.setPassword(name, password, actor);
      if (changed.ok) await this.sessions.endAllOf(changed.value.name);
      return changed;
    },
    remove: async (name: string, actor: string): Promise<Result<UserView, UserRefusal>> => {
      const removed = await this.accounts.remove(name, actor);
      if (removed.ok) await this.sessions.endAllOf(removed.value.name);
      return removed;
    },
  };

  /** All tokens for an admin, for others those they made. */
  tokensOf(principal: Principal): TokenView[] {
    const actor = actorOf(principal);
    const all = atLeast(principal.role, "admin");
    return this.tokens.list().filter((token) => all || token.createdBy === actor);
  }

  /** Issues a token that can do no more than who asks for it. */
  async issueTokenAs(
    principal: Principal,
    ask: TokenAsk,
  ): Promise<Result<{ token: string; record: TokenView }, TokenRefusal>> {
    const own = principal.kind === "token" ? principal.scopes : [];
    const isWider = own.length > 0 &&
      (ask.scopes.length === 0 || ask.scopes.some((scope) => !own.includes(scope)));
    if (!atLeast(principal.role, ask.role)) return refuse({ kind: "exceeds-own", what: "role" });
    if (isWider) return refuse({ kind: "exceeds-own", what: "scopes" });
    return await this.tokens.issue(ask, actorOf(principal));
  }

  /** Revokes any token for an admin, for others one they made. */
  async revokeTokenAs(principal: Principal, id: string): Promise<Result<TokenView, TokenRefusal>> {
    const isTheirs = this.tokensOf(principal).some((token) => token.id === id);
    if (!isTheirs) return refuse({ kind: "token-unknown", id });
    return await this.tokens.revoke(id, actorOf(principal));
  }

  /** For one experiment's script; replaces its earlier one. */
  issueExperimentToken(id: string, number: number): Promise<string> {
    return this.tokens.issueForExperiment(id, number);
  }

  revokeExperimentToken(id: string): Promise<void> {
    return this.tokens.revokeOfExperiment(id);
  }

  #principalOf(req: Request, remoteAddress: string | null): Principal {
    const authorization = req.headers.get("authorization");
    if (authorization !== null) return this.#ofToken(authorization);
    if (this.enabled) return this.#ofSession(req) ?? { kind: "anonymous", role: null };
    if (remoteAddress !== null && !isLoopbackAddress(remoteAddress)) {
      return { kind: "anonymous", role: null };
    }
    return { kind: "local", owner: this.#ownerOf(req), role: "admin" };
  }

  #ofToken(authorization: string): Principal {
    const token = /^bearer +(\S+)$/i.exec(authorization.trim())?.[1];
    const record = token === undefined ? null : this.tokens.use(token);
    if (record === null) {
      throw new Problem("login-required", "The token is unknown, revoked or expired");
    }
    if (record.experiment !== null) {
      const { id, number } = record.experiment;
      return { kind: "experiment", experimentId: id, number, role: "observer" };
    }
    const { id, name, role, scopes } = record;
    return { kind: "token", tokenId: id, name, role, scopes };
  }

  #ofSession(req: Request): Principal | null {
    const value = cookieOf(req, SESSION_COOKIE);
    const session = value === null ? null : this.sessions.use(value);
    const user = session === null ? null : this.accounts.get(session.userName);
    return user === null ? null : { kind: "user", name: user.name, role: user.role };
  }

  /** `local` for a caller that says nothing of itself. */
  #ownerOf(req: Request): string {
    const header = req.headers.get("x-session-id");
    const cookie = cookieOf(req, OWNER_COOKIE);
    return (header === null ? null : Owners.ofHeader(header)) ??
      (cookie === null ? null : this.owners.ofCookie(cookie)) ?? "local";
  }
}

/** The first cookie of that name, or `null`. */
export function cookieOf(req: Request, name: string): string | null {
  for (const part of (req.headers.get("cookie") ?? "").split(";")) {
    const equals = part.indexOf("=");
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return null;
}

function cookieText(
  name: string,
  value: string,
  { sameSite, secure, maxAgeS = COOKIE_DAYS * 86_400 }: {
    sameSite: "Strict" | "Lax";
    secure: boolean;
    maxAgeS?: number;
  },
): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=${sameSite}${
    secure ? "; Secure" : ""
  }`;
}
