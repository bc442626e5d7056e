import { actorOf, atLeast, type Principal } from "../auth/model.ts";
import type { Asker, LockOwner, LockScope } from "./model.ts";

/** Longest name a program may give itself. */
const CLIENT_LENGTH_MAX = 100;

/**
 * What a principal may do with locks. An operator takes and gives back; service work, locks without an end
 * and taking from others are an admin's, and a token that is limited to scopes needs the one that says so.
 */
export function lockScopesOf(principal: Principal): LockScope[] {
  const scopes: LockScope[] = [];
  if (principal.role === null) return scopes;
  scopes.push("lock:read");
  const limited = principal.kind === "token" && principal.scopes.length > 0
    ? principal.scopes
    : null;
  const named = (scope: string) => limited === null || limited.includes(scope);
  if (atLeast(principal.role, "operator") && named("devices")) scopes.push("lock:write");
  if (atLeast(principal.role, "admin") && named("admin")) {
    scopes.push("lock:maintenance", "lock:unbounded", "lock:force");
  }
  return scopes;
}

/**
 * Who asks. Where people log in it is the login; elsewhere whoever is at this machine, and what they say
 * of themselves counts for as much as that.
 */
export function askerOf(principal: Principal, client: string | undefined): Asker {
  const actor = actorOf(principal);
  return {
    actor,
    label: labelOf(principal),
    client: client?.trim().slice(0, CLIENT_LENGTH_MAX) || null,
    asserted: principal.kind === "local",
    may: lockScopesOf(principal),
  };
}

/** The owner a lock is handed to: an actor string as it is, a bare name as that user. */
export function ownerNamed(name: string, by: Principal): LockOwner {
  const known = /^(user|token|experiment|local|asserted):/.test(name);
  const local = by.kind === "local";
  const actor = known ? name : local ? `asserted:${name}` : `user:${name}`;
  return { actor, label: actor.slice(actor.indexOf(":") + 1), client: null, asserted: local };
}

function labelOf(principal: Principal): string {
  switch (principal.kind) {
    case "local":
      return principal.owner;
    case "user":
    case "token":
      return principal.name;
    case "experiment":
      return `experiment ${principal.number}`;
    case "anonymous":
      return "anonymous";
  }
}
