import type { Auth } from "../auth/mod.ts";
import { atLeast, type Principal } from "../auth/model.ts";
import { accept, refuse, type Result } from "../result.ts";
import { ownerNamed } from "./api_asker.ts";
import type { LockOwner, LockRefusal } from "./model.ts";

/** Those who log in. */
export type People = Pick<Auth, "users" | "tokensOf">;

const ADMIN: Principal = { kind: "local", owner: "local", role: "admin" };

/**
 * To whom a lock is handed. Where people log in it must be somebody there is and who may hold one: else
 * the device would be nobody's to drive or to give back until the lease ends.
 */
export function heirNamed(
  name: string,
  by: Principal,
  people: People | null,
): Result<LockOwner, LockRefusal> {
  const heir = ownerNamed(name, by);
  const invalid = (text: string) => refuse({ kind: "invalid" as const, path: "to", text });
  if (heir.label.trim() === "") return invalid("names nobody");
  if (by.kind === "local" || people === null) return accept(heir);
  const [kind] = heir.actor.split(":", 1);
  switch (kind) {
    case "user": {
      const user = people.users.get(heir.label);
      if (user === null) return invalid(`there is no user "${heir.label}"`);
      if (!atLeast(user.role, "operator")) return invalid(`${user.name} may not hold locks`);
      return accept(heir);
    }
    case "token": {
      const tokens = people.tokensOf(ADMIN).filter((token) => token.name === heir.label);
      if (tokens.length === 0) return invalid(`there is no token "${heir.label}"`);
      if (!tokens.some(({ role }) => atLeast(role, "operator"))) {
        return invalid(`the token "${heir.label}" may not hold locks`);
      }
      return accept(heir);
    }
    default:
      return invalid("must be a user, or a token as token:NAME");
  }
}
