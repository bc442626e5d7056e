import { createHash } from "node:crypto";
import type { Principal } from "../auth/model.ts";

/**
 * Whose an experiment is that `principal` submits. A session's id is its only credential, so what is
 * stored and shown is a digest of it. `sessionId` is an `X-Session-ID` header: loopback callers and
 * programs with a token name their users with it.
 */
export function ownerOf(principal: Principal, sessionId?: string): string {
  switch (principal.kind) {
    case "local":
      return `session:${digest(sessionId ?? principal.owner)}`;
    case "user":
      return `user:${principal.name}`;
    case "token":
      return sessionId === undefined ? `token:${principal.name}` : `session:${digest(sessionId)}`;
    case "experiment":
      return `experiment:${principal.experimentId}`;
    case "anonymous":
      return "anonymous";
  }
}

/** What others may read of an owner: a name, or a few characters of a session's digest. */
export function ownerLabel(owner: string): string {
  const [kind, name = ""] = split(owner);
  return kind === "session" ? `guest ${name.slice(0, 6)}` : name === "" ? kind : name;
}

function split(owner: string): [string, string?] {
  const at = owner.indexOf(":");
  return at < 0 ? [owner] : [owner.slice(0, at), owner.slice(at + 1)];
}

function digest(sessionId: string): string {
  return createHash("sha256").update(`session\u0000${sessionId}`).digest("hex").slice(0, 24);
}
