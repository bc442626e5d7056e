import { clockOf, type PageClock } from "../../components/clock.ts";
import type { Viewer } from "../../components/experiments.ts";
import { actorOf, atLeast } from "../../lib/auth/mod.ts";
import { ownerOf } from "../../lib/experiments/mod.ts";
import type { State } from "../../lib/instrument/mod.ts";

/** Who reads a page, and when and where: what most pages hand to their islands. */
export interface Reader {
  readonly clock: PageClock;
  /** As events name them. */
  readonly actor: string;
  /** As experiments name whose they are. */
  readonly owner: string;
  /** May drive devices, acknowledge, start again, submit. */
  readonly mayOperate: boolean;
  readonly isAdmin: boolean;
}

export function readerOf({ state, req }: { state: State; req: Request }): Reader {
  const { principal, instrument } = state;
  return {
    clock: clockOf(req.headers.get("cookie"), instrument.clock.nowMs()),
    actor: actorOf(principal),
    owner: ownerOf(principal),
    mayOperate: atLeast(principal.role, "operator"),
    isAdmin: atLeast(principal.role, "admin"),
  };
}

/** The same person as pages about experiments ask: whose they are, and what they may do. */
export function viewerOf(ctx: { state: State; req: Request }): Viewer {
  const { owner, mayOperate, isAdmin } = readerOf(ctx);
  return { owner, mayOperate, isAdmin };
}
