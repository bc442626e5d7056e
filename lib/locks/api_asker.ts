import { actorOf, atLeast, type Principal } from "../auth/model.ts";
import { Problem } from "../problem.ts";
import type { LockService } from "./face.ts";
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

/** What a program on this machine is where nobody logs in and no browser's cookie tells it from others. */
const NOBODY = "local";

/**
 * Who asks. Where people log in it is the login. Elsewhere it is the browser, or the program by the name
 * it gives itself; one without a name is nobody twice, so that two of them never share a lock: `once`
 * stands for a request that is repeated.
 */
export function askerOf(principal: Principal, client?: string, once?: string): Asker {
  const name = client?.trim().slice(0, CLIENT_LENGTH_MAX) || null;
  return {
    actor: actorNamed(principal, name ?? once ?? crypto.randomUUID()),
    label: principal.kind === "local" && name !== null ? name : labelOf(principal),
    client: name,
    asserted: principal.kind === "local",
    may: lockScopesOf(principal),
  };
}

/**
 * Who sends a command to a device: the holder, where the command brings its lock's key; the program by its
 * own name; else whoever is logged in.
 * @throws {Problem} `lock-lost` for a key of no lock that holds the device now: whoever sends it believes to
 * hold what it has lost, and must not drive even a device that is free.
 */
export function commandActor(
  locks: Pick<LockService, "byDevice" | "grantOf">,
  principal: Principal,
  deviceId: string,
  { key, client }: { key?: string | undefined; client?: string | undefined },
): string {
  if (key !== undefined) {
    const lock = locks.byDevice(deviceId).value;
    const owned = lock !== null && locks.grantOf(lock.id, { asker: askerOf(principal), key }).ok;
    if (owned) return lock.owner.actor;
    throw new Problem("lock-lost", `The key that came with it is of no lock on "${deviceId}" now`);
  }
  const name = client?.trim();
  return name ? actorNamed(principal, name.slice(0, CLIENT_LENGTH_MAX)) : actorOf(principal);
}

function actorNamed(principal: Principal, program: string): string {
  const actor = actorOf(principal);
  return principal.kind === "local" && principal.owner === NOBODY ? `${actor}/${program}` : actor;
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
