import type { Clock } from "../clock.ts";
import type { Commit, Kv, Seen } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import { authKeys } from "./keys.ts";
import type { Role } from "./model.ts";
import { User } from "./records.ts";
import { hashPassword } from "./secrets.ts";

export type UserRefusal =
  | { kind: "user-unknown"; name: string }
  | { kind: "user-exists"; name: string }
  | { kind: "bad-name"; name: string }
  | { kind: "bad-password"; why: string }
  | { kind: "last-admin"; name: string };

/** A user as others may see it. */
export type UserView = Pick<User, "name" | "role" | "createdAtMs">;

export const NAME_PATTERN = /^[a-z][a-z0-9._-]{0,31}$/;
export const PASSWORD_MIN = 10;
export const PASSWORD_MAX = 256;

/**
 * The accounts. Names are lower case; logging in ignores case. KV has one owner, this process, so the
 * table in memory is the truth between writes.
 */
export class Users {
  #users = new Map<string, User>();
  #turn: Promise<void> = Promise.resolve();

  private constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  static async open(kv: Kv, clock: Clock): Promise<Users> {
    const users = new Users(kv, clock);
    for await (const { value } of kv.list({ prefix: authKeys.user() })) {
      const user = User.parse(value);
      users.#users.set(user.name, user);
    }
    return users;
  }

  /** Sorted by name. */
  list(): UserView[] {
    return [...this.#users.values()].map(viewOf).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  get(name: string): User | null {
    return this.#users.get(name.toLowerCase()) ?? null;
  }

  get hasAdmin(): boolean {
    return [...this.#users.values()].some((user) => user.role === "admin");
  }

  async add(
    ask: { name: string; role: Role; password: string },
    actor: string,
  ): Promise<Result<UserView, UserRefusal>> {
    const name = ask.name.toLowerCase();
    if (!NAME_PATTERN.test(name)) return refuse({ kind: "bad-name", name: ask.name });
    const why = passwordFault(name, ask.password);
    if (why !== null) return refuse({ kind: "bad-password", why });
    const user: User = {
      v: 1,
      name,
      role: ask.role,
      password: await hashPassword(ask.password),
      createdAtMs: this.clock.nowMs(),
    };
    return await this.#write<UserRefusal>(
      name,
      actor,
      (seen) =>
        seen === null
          ? accept({ next: user, type: "auth.user_added", text: `added with role ${user.role}` })
          : refuse({ kind: "user-exists", name }),
    );
  }

  setRole(name: string, role: Role, actor: string): Promise<Result<UserView, UserRefusal>> {
    return this.#write<UserRefusal>(name.toLowerCase(), actor, (seen) => {
      if (seen === null) return refuse({ kind: "user-unknown", name });
      if (role !== "admin" && this.#isLastAdmin(seen)) {
        return refuse({ kind: "last-admin", name });
      }
      return accept({ next: { ...seen, role }, type: "auth.user_role", text: `role ${role}` });
    });
  }

  async setPassword(
    name: string,
    password: string,
    actor: string,
  ): Promise<Result<UserView, UserRefusal>> {
    const why = passwordFault(name.toLowerCase(), password);
    if (why !== null) return refuse({ kind: "bad-password", why });
    const hash = await hashPassword(password);
    return await this.#write<UserRefusal>(name.toLowerCase(), actor, (seen) => {
      if (seen === null) return refuse({ kind: "user-unknown", name });
      return accept({
        next: { ...seen, password: hash },
        type: "auth.user_password",
        text: "password changed",
      });
    });
  }

  remove(name: string, actor: string): Promise<Result<UserView, UserRefusal>> {
    return this.#write<UserRefusal>(name.toLowerCase(), actor, (seen) => {
      if (seen === null) return refuse({ kind: "user-unknown", name });
      if (this.#isLastAdmin(seen)) return refuse({ kind: "last-admin", name });
      return accept({ next: null, type: "auth.user_removed", text: "removed" });
    });
  }

  #isLastAdmin(user: User): boolean {
    if (user.role !== "admin") return false;
    return ![...this.#users.values()].some((u) => u.role === "admin" && u.name !== user.name);
  }

  /** One change at a time: "an admin remains" is a rule over all users, and this process is their only owner. */
  #write<R>(name: string, actor: string, decide: Change<R>): Promise<Result<UserView, R>> {
    const turn = this.#turn.then(() => this.#writeNow(name, actor, decide));
    this.#turn = turn.then(() => {}, () => {});
    return turn;
  }

  async #writeNow<R>(
    name: string,
    actor: string,
    decide: Change<R>,
  ): Promise<Result<UserView, R>> {
    const key = authKeys.user(name);
    type Written = { next: User | null; before: User | null };
    const written = await this.kv.transact([key], ([seen]): Result<Commit<Written>, R> => {
      const before = userOf(seen);
      const decision = decide(before);
      if (!decision.ok) return decision;
      const { next, type, text } = decision.value;
      return accept({
        value: { next, before },
        ...(next === null ? { remove: [key] } : { set: [[key, User.parse(next)] as const] }),
        events: [{ type, subject: name, actor, text }],
      });
    });
    if (!written.ok) return written;
    const { next, before } = written.value;
    if (next === null) this.#users.delete(name);
    else this.#users.set(name, next);
    return accept(viewOf((next ?? before)!));
  }
}

type Change<R> = (
  seen: User | null,
) => Result<{ next: User | null; type: string; text: string }, R>;

function userOf(seen: Seen | undefined): User | null {
  return seen === undefined || seen.value === null ? null : User.parse(seen.value);
}

function viewOf({ name, role, createdAtMs }: User): UserView {
  return { name, role, createdAtMs };
}

/** What is wrong with a password, or `null`. */
function passwordFault(name: string, password: string): string | null {
  if (password.length < PASSWORD_MIN) return `It needs at least ${PASSWORD_MIN} characters`;
  if (password.length > PASSWORD_MAX) return `It may have at most ${PASSWORD_MAX} characters`;
  if (password.toLowerCase().includes(name) && password.length < name.length + PASSWORD_MIN) {
    return "It is too close to the user's name";
  }
  if (/^(.)\1*$/su.test(password)) return "It is one character repeated";
  return null;
}
