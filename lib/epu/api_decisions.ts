import type { OpenAPIHono } from "@hono/zod-openapi";
import { actorOf } from "../auth/model.ts";
import { createApi, type HoldfastEnv } from "../http.ts";
import { Problem } from "../problem.ts";
import { BASELINE, type Decisions, type LogQuery, type Proposal } from "./decisions/mod.ts";
import { decisionProblem } from "./problems.ts";
import {
  approveRoute,
  authoritiesRoute,
  automationRoute,
  comparisonRoute,
  decideRoute,
  decisionsRoute,
  proposalRoute,
  proposalsRoute,
  refreshRoute,
  rejectRoute,
  retryRoute,
  setAutomationRoute,
  setSettingsRoute,
  settingsRoute,
  submitRoute,
} from "./routes_decisions.ts";
import type { Epu } from "./service.ts";

/** Read at once while proposals of one state are sought among all. */
const LOOK = 500;

/** Proposals, decisions and how they are made; to be mounted at `/api/v1`. */
export function epuDecisionsApi(epu: Epu, decisions: Decisions): OpenAPIHono<HoldfastEnv> {
  const api = createApi();
  const { store } = decisions;

  async function acquisitionOf(id: string) {
    const found = await epu.acquisition(id);
    if (found === null) throw new Problem("not-found", `There is no acquisition "${id}"`);
    return found;
  }
  async function settingsOf(id: string) {
    const { actingAuthority, shadowAuthorities } = await acquisitionOf(id);
    const [settings, automation] = await Promise.all([decisions.settings(id), store.automation()]);
    return { acting: actingAuthority, shadows: shadowAuthorities, settings, automation };
  }

  api.openapi(authoritiesRoute, (c) =>
    c.json({
      authorities: decisions.authorities().map((one) => ({ ...one, kinds: [...one.kinds] })),
      channels: decisions.channels().map(({ name, capabilities }) => ({
        name,
        capabilities: [...capabilities],
      })),
    }, 200));

  api.openapi(proposalsRoute, async (c) => {
    const { id } = await acquisitionOf(c.req.valid("param").id);
    const { limit, before, state, standing } = c.req.valid("query");
    if (standing === "true") {
      const all = (await store.standing(id)).toSorted((a, b) => a.id < b.id ? 1 : -1);
      const fitting = all.filter((one) => state === undefined || one.state === state);
      return c.json({ items: fitting.slice(0, limit), next: null }, 200);
    }
    const query = { limit, ...before === undefined ? {} : { before } };
    const fits = (one: Proposal) => state === undefined || one.state === state;
    return c.json(await pageOf((asked) => store.proposals(id, asked), query, fits), 200);
  });

  api.openapi(proposalRoute, async (c) => {
    const { id, proposal } = c.req.valid("param");
    const found = await store.proposal(id, proposal);
    if (found === null) throw decisionProblem({ kind: "unknown-proposal", id: proposal });
    return c.json(found, 200);
  });

  api.openapi(submitRoute, async (c) => {
    const { authority, version, proposals } = c.req.valid("json");
    const author = { authority: `${authority} (posted)`, version };
    const done = await decisions.submit(c.req.valid("param").id, author, proposals);
    if (!done.ok) throw decisionProblem(done.refusal);
    return c.json({ proposed: done.value.map((one) => ({ ...one })) }, 200);
  });

  api.openapi(approveRoute, async (c) => {
    const { id, proposal } = c.req.valid("param");
    const { note = null, targetIds } = c.req.valid("json");
    const done = await decisions.approve(id, proposal, {
      actor: actorOf(c.get("principal")),
      note,
      ...targetIds === undefined ? {} : { targetIds },
    });
    if (!done.ok) throw decisionProblem(done.refusal);
    return c.json(done.value, 200);
  });

  api.openapi(rejectRoute, async (c) => {
    const { id, proposal } = c.req.valid("param");
    const { note = null } = c.req.valid("json");
    const actor = actorOf(c.get("principal"));
    const done = await decisions.reject(id, proposal, { actor, note });
    if (!done.ok) throw decisionProblem(done.refusal);
    return c.json(done.value, 200);
  });

  api.openapi(decisionsRoute, async (c) => {
    const { id } = await acquisitionOf(c.req.valid("param").id);
    const { limit, before } = c.req.valid("query");
    const query = { limit, ...before === undefined ? {} : { before } };
    return c.json(await pageOf((asked) => store.decisions(id, asked), query, () => true), 200);
  });

  api.openapi(decideRoute, async (c) => {
    const { kind, squareId, targetIds, note = null } = c.req.valid("json");
    const actor = actorOf(c.get("principal"));
    const { id } = c.req.valid("param");
    const done = await decisions.decide(id, { kind, squareId, targetIds, actor, note });
    if (!done.ok) throw decisionProblem(done.refusal);
    return c.json(done.value, 201);
  });

  api.openapi(retryRoute, async (c) => {
    const { id, decision } = c.req.valid("param");
    const before = await store.decision(id, decision);
    if (before === null) throw new Problem("not-found", `There is no decision "${decision}"`);
    const done = await decisions.retry(id, decision);
    if (!done.ok) {
      throw new Problem("not-open", `The effect of decision "${decision}" did not fail`, {
        state: before.effect?.state ?? before.outcome,
      });
    }
    return c.json(done.value, 200);
  });

  api.openapi(settingsRoute, async (c) => {
    return c.json(await settingsOf(c.req.valid("param").id), 200);
  });

  api.openapi(setSettingsRoute, async (c) => {
    const { id } = c.req.valid("param");
    const actor = actorOf(c.get("principal"));
    const done = await decisions.setSettings(id, c.req.valid("json"), actor);
    if (!done.ok) throw decisionProblem(done.refusal);
    return c.json(await settingsOf(id), 200);
  });

  api.openapi(refreshRoute, async (c) => {
    const { id } = await acquisitionOf(c.req.valid("param").id);
    const done = await decisions.refresh(id);
    return c.json({
      revision: done?.revision ?? null,
      proposed: done?.proposed.length ?? 0,
      failed: (done?.failed ?? []).map((one) => ({ ...one })),
    }, 200);
  });

  api.openapi(comparisonRoute, async (c) => {
    const { id } = await acquisitionOf(c.req.valid("param").id);
    const found = await decisions.compare(id) ?? [];
    const authorities = found.map((one) => ({ ...one, points: one.points.map((p) => ({ ...p })) }));
    return c.json({ baseline: BASELINE, authorities }, 200);
  });

  api.openapi(automationRoute, async (c) => {
    return c.json({ automation: await store.automation() }, 200);
  });

  api.openapi(setAutomationRoute, async (c) => {
    const { off, reason } = c.req.valid("json");
    const actor = actorOf(c.get("principal"));
    return c.json({ automation: await store.setAutomation(off, actor, reason) }, 200);
  });

  return api;
}

/** A page of what `fits`, newest first; looks further back until it is full. */
async function pageOf<T extends { readonly id: string }>(
  read: (query: LogQuery) => Promise<T[]>,
  { limit, before }: LogQuery,
  fits: (one: T) => boolean,
): Promise<{ items: T[]; next: string | null }> {
  const items: T[] = [];
  for (let from = before;;) {
    const some = await read({ limit: LOOK, ...from === undefined ? {} : { before: from } });
    for (const one of some) {
      if (!fits(one)) continue;
      // One more than asked for tells that there is another page.
      if (items.length === limit) return { items, next: items.at(-1)!.id };
      items.push(one);
    }
    if (some.length < LOOK) return { items, next: null };
    from = some.at(-1)!.id;
  }
}
