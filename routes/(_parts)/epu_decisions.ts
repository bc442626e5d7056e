import { HttpError } from "fresh";
import type {
  AcquisitionHead,
  LogData,
  ProposalsData,
  ShownDecision,
  ShownProposal,
  ShownSaying,
} from "../../components/epu_decisions.ts";
import { type Acquisition, BASELINE, type Decision, type Proposal } from "../../lib/epu/mod.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

/** Proposals that a page shows to be decided; an authority may propose one for every square. */
const WAITING_MAX = 20;
const OTHERS_MAX = 40;
const LOG_PAGE = 50;
const FIRST_IDS = 12;

/** @throws {HttpError} 404 for an id that is no acquisition's. */
export async function acquisitionNamed({ epu }: Instrument, id: string): Promise<Acquisition> {
  const found = await epu.acquisition(id);
  if (found === null) throw new HttpError(404, `There is no acquisition "${id}"`);
  return found;
}

export function headOf({ id, name, state }: Acquisition): AcquisitionHead {
  return { id, name, state };
}

/** What waits for somebody, soonest gone first, with what others say and how it is all set up. */
export async function proposalsOf(
  { steering: { decisions }, clock }: Instrument,
  acquisition: Acquisition,
): Promise<ProposalsData> {
  const nowMs = clock.nowMs();
  const { id, actingAuthority, shadowAuthorities } = acquisition;
  const [standing, settings, automation] = await Promise.all([
    decisions.store.standing(id),
    decisions.settings(id),
    decisions.store.automation(),
  ]);
  const needsSomebody = (one: Proposal) =>
    one.state === "waiting" && one.role === "acting" && one.authority === actingAuthority &&
    nowMs < one.expiresAtMs;
  const waiting = standing.filter(needsSomebody)
    .sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.id < b.id ? -1 : 1));
  const others = standing.filter((one) => !needsSomebody(one))
    .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
  const places = baselineOf(standing);
  const { v: _, ...rest } = settings;
  return {
    acquisition: headOf(acquisition),
    atMs: nowMs,
    waiting: waiting.slice(0, WAITING_MAX).map((one) => shownProposal(one, places)),
    waitingCount: waiting.length,
    others: others.slice(0, OTHERS_MAX).map((one) => shownSaying(one, nowMs)),
    othersCount: others.length,
    settings: {
      ...rest,
      acting: actingAuthority,
      shadows: shadowAuthorities,
      authorities: decisions.authorities(),
      channels: decisions.channels(),
    },
    automation: automation === null ? null : {
      off: automation.off,
      actor: automation.actor,
      reason: automation.reason,
      atMs: automation.atMs,
    },
  };
}

/** Where EPU itself would have each square and hole. */
function baselineOf(standing: readonly Proposal[]) {
  const rank = (kind: Proposal["kind"]) => {
    const order = standing.find((one) => one.authority === BASELINE && one.kind === kind);
    return new Map(order?.targetIds.map((id, i) => [id, i]));
  };
  return { squares: rank("squareOrder"), holes: rank("holeOrder") };
}

function shownProposal(
  proposal: Proposal,
  baseline: ReturnType<typeof baselineOf>,
): ShownProposal {
  const { kind, targetIds } = proposal;
  const ranks = kind === "squareOrder" || kind === "squareSkip" ? baseline.squares : baseline.holes;
  const inOrder = targetIds.filter((id) => ranks.has(id))
    .sort((a, b) => ranks.get(a)! - ranks.get(b)!);
  const place = new Map(inOrder.map((id, i) => [id, i + 1]));
  const { id, authority, version, squareId, exploration, reasons, confidence, expectedGain } =
    proposal;
  const { createdAtMs, renewedAtMs, expiresAtMs } = proposal;
  return {
    id,
    authority,
    version,
    kind,
    squareId,
    targetIds,
    epuPlaces: targetIds.map((one) => place.get(one) ?? null),
    exploration,
    reasons,
    confidence,
    expectedGain,
    createdAtMs,
    renewedAtMs,
    expiresAtMs,
  };
}

function shownSaying(proposal: Proposal, nowMs: number): ShownSaying {
  const { id, authority, role, kind, squareId, targetIds, reasons, confidence } = proposal;
  const { expectedGain, state, why, createdAtMs, expiresAtMs } = proposal;
  return {
    id,
    authority,
    role,
    kind,
    squareId,
    targets: targetIds.length,
    first: targetIds.slice(0, FIRST_IDS),
    reasons,
    confidence,
    expectedGain,
    // Nobody has looked since it ran out.
    state: state === "waiting" && nowMs >= expiresAtMs ? "expired" : state,
    why: state === "refused" ? why : null,
    createdAtMs,
    expiresAtMs,
  };
}

/** Newest first; `before` is the id of the last decision of the page before. */
export async function logOf(
  { steering: { decisions } }: Instrument,
  a: string,
  before: string | null,
): Promise<LogData> {
  const found = await decisions.store.decisions(a, {
    limit: LOG_PAGE + 1,
    ...(before === null ? {} : { before }),
  });
  const shown = found.slice(0, LOG_PAGE);
  return {
    decisions: shown.map(shownDecision),
    older: found.length > LOG_PAGE ? shown.at(-1)!.id : null,
  };
}

function shownDecision(decision: Decision): ShownDecision {
  const { id, kind, squareId, targetIds, edited, struckOff, by, outcome, note } = decision;
  return {
    id,
    kind,
    squareId,
    targets: targetIds.length,
    first: targetIds.slice(0, FIRST_IDS),
    edited,
    struckOff: struckOff.length,
    by,
    outcome,
    note,
    decidedAtMs: decision.decidedAtMs,
    effect: decision.effect,
  };
}

/** Whether and how a policy may approve by itself here; `null` for an acquisition that is not there. */
export async function automationOf({ epu, steering }: Instrument, a: string) {
  if (await epu.acquisition(a) === null) return null;
  const { store } = steering.decisions;
  const [{ policy }, automation] = await Promise.all([store.settings(a), store.automation()]);
  return { acquisitionId: a, policy, off: automation?.off === true };
}
