import { createHmac } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../../clock.ts";
import { Breaker } from "../../outbox/breaker.ts";
import { type Budget, type DecisionAuthority, openHoles, type Snapshot } from "../authority.ts";
import { PROPOSAL_KINDS, ProposalDraft } from "../model.ts";

export interface HttpAuthorityOptions {
  readonly name: string;
  readonly url: string;
  /** Signs what is posted, as webhooks are signed; `null` does not. */
  readonly secret: string | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
}

/** Largest answer read, bytes. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

const Answer = z.strictObject({
  version: z.string().max(100).optional(),
  proposals: z.array(ProposalDraft).max(1000),
});

/** A service that was asked did not give proposals. */
export class AuthorityFailed extends Error {
  override readonly name = "AuthorityFailed";
}

/**
 * Asks a service: `POST url` with `{snapshot, budget}` as JSON, answered by `{proposals: [...]}`. It is
 * given its time and left alone for a while when it keeps failing; what it answers is checked like every
 * proposal.
 */
export function httpAuthority(options: HttpAuthorityOptions): DecisionAuthority {
  const { name, url, secret, timeoutMs, clock, fetch = globalThis.fetch } = options;
  const breaker = new Breaker(clock);
  const ask = async (snapshot: Snapshot, budget: Budget, signal: AbortSignal) => {
    const body = JSON.stringify({ snapshot: askedOf(snapshot), budget });
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (secret !== null) {
      const seconds = Math.floor(clock.nowMs() / 1000);
      const hex = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
      headers["holdfast-signature"] = `t=${seconds},v1=${hex}`;
    }
    const reply = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    if (!reply.ok) {
      await reply.body?.cancel();
      throw new AuthorityFailed(`"${new URL(url).host}" answered ${reply.status}`);
    }
    const parsed = Answer.safeParse(parseJson(await bounded(reply)));
    if (parsed.success) return parsed.data.proposals;
    const [issue] = parsed.error.issues;
    throw new AuthorityFailed(
      `its answer does not fit: ${issue!.path.join(".")}: ${issue!.message}`,
    );
  };
  return {
    name,
    version: "1",
    kinds: PROPOSAL_KINDS,
    async propose(snapshot, budget, signal) {
      const waitMs = breaker.waitMs();
      if (waitMs > 0) {
        throw new AuthorityFailed(`left alone for another ${Math.ceil(waitMs / 1000)} s`);
      }
      const timeout = new AbortController();
      const cancel = clock.timer(
        timeoutMs,
        () => timeout.abort(new AuthorityFailed(`no answer in ${timeoutMs} ms`)),
      );
      try {
        const drafts = await ask(snapshot, budget, AbortSignal.any([signal, timeout.signal]));
        breaker.succeeded();
        return drafts;
      } catch (error) {
        if (!signal.aborted) breaker.failed();
        throw error;
      } finally {
        cancel();
      }
    },
  };
}

/** What is open, and what was learnt: the holes in between say nothing. */
function askedOf(snapshot: Snapshot): Snapshot {
  const open = new Set(openHoles(snapshot).map(({ id }) => id));
  const observed = new Set(snapshot.observations.map(({ holeId }) => holeId));
  return {
    ...snapshot,
    holes: snapshot.holes.filter(({ id }) => open.has(id) || observed.has(id)),
  };
}

async function bounded(reply: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of reply.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) {
      throw new AuthorityFailed(`its answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AuthorityFailed("its answer is not JSON", { cause });
  }
}
