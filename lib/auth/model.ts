import { z } from "zod";

/** Each role may do all that the one before it may. */
export const ROLES = ["observer", "operator", "admin"] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

/** What a token may touch where it may not touch everything; an empty list is everything its role may. */
export const SCOPES = ["devices", "experiments", "telemetry", "epu", "admin"] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

/** Who asks. `name` is what event logs show and what owns experiments. */
export type Principal =
  /** Nobody logged in, on a machine where authentication is not set up: loopback callers, with all rights. */
  | { readonly kind: "local"; readonly owner: string; readonly role: "admin" }
  | { readonly kind: "user"; readonly name: string; readonly role: Role }
  | {
    readonly kind: "token";
    readonly tokenId: string;
    readonly name: string;
    readonly role: Role;
    /** Empty: all that the role may. Else only these: `devices`, `experiments`, `telemetry`, `epu`, `admin`. */
    readonly scopes: readonly string[];
  }
  /** A running script: reads everything, drives only its experiment's devices. */
  | {
    readonly kind: "experiment";
    readonly experimentId: string;
    readonly number: number;
    readonly role: "observer";
  }
  | { readonly kind: "anonymous"; readonly role: null };

/** Spelled once: `user:anna`, `local:4f1c…`, `token:ci`, `experiment:01J…`, `anonymous`; `system` is the runtime itself. */
export function actorOf(principal: Principal): string {
  switch (principal.kind) {
    case "local":
      return `local:${principal.owner}`;
    case "user":
      return `user:${principal.name}`;
    case "token":
      return `token:${principal.name}`;
    case "experiment":
      return `experiment:${principal.experimentId}`;
    case "anonymous":
      return "anonymous";
  }
}

/** `null` has no role at all. */
export function atLeast(have: Role | null, need: Role): boolean {
  return have !== null && ROLES.indexOf(have) >= ROLES.indexOf(need);
}
