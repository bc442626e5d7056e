/** What the pages about an acquisition's decisions show, as plain JSON, and the words for it. */

export interface AcquisitionHead {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** A proposal as a page shows it. */
export interface ShownProposal {
  readonly id: string;
  readonly authority: string;
  readonly version: string;
  readonly kind: string;
  readonly squareId: number | null;
  readonly targetIds: readonly number[];
  /** Place from 1 of each target in EPU's own order of the same targets; `null` where EPU has none. */
  readonly epuPlaces: readonly (number | null)[];
  /** Chosen to learn from, not because they are thought best. */
  readonly exploration: readonly number[];
  readonly reasons: readonly string[];
  readonly confidence: number | null;
  readonly expectedGain: number | null;
  readonly createdAtMs: number;
  readonly renewedAtMs: number;
  readonly expiresAtMs: number;
}

/** One of the rest: what shadows say, what was decided or refused. */
export interface ShownSaying {
  readonly id: string;
  readonly authority: string;
  readonly role: "acting" | "shadow";
  readonly kind: string;
  readonly squareId: number | null;
  readonly targets: number;
  readonly first: readonly number[];
  readonly reasons: readonly string[];
  readonly confidence: number | null;
  readonly expectedGain: number | null;
  readonly state: string;
  readonly why: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface ShownEffect {
  readonly channel: string;
  readonly state: string;
  readonly dryRun: boolean;
  readonly attempts: number;
  readonly error: string | null;
  readonly references: readonly string[];
  readonly changedAtMs: number;
}

export interface ShownDecision {
  readonly id: string;
  readonly kind: string;
  readonly squareId: number | null;
  readonly targets: number;
  readonly first: readonly number[];
  readonly edited: boolean;
  readonly struckOff: number;
  readonly by: { readonly kind: "person" | "policy"; readonly name: string };
  readonly outcome: string;
  readonly note: string | null;
  readonly decidedAtMs: number;
  readonly effect: ShownEffect | null;
}

export interface ShownPolicy {
  readonly name: string;
  readonly enabled: boolean;
  readonly kinds: readonly string[];
  readonly confidenceMin: number;
  readonly holesPerHour: number;
  readonly squaresPerHour: number;
}

export interface ShownSettings {
  readonly acting: string | null;
  readonly shadows: readonly string[];
  readonly channel: string;
  readonly dryRun: boolean;
  readonly policy: ShownPolicy | null;
  readonly explorationShare: number;
  readonly athenaSessionId: string | null;
  readonly plan: { readonly squares: readonly number[]; readonly holes: readonly number[] };
  readonly authorities: readonly {
    readonly name: string;
    readonly version: string;
    readonly kinds: readonly string[];
  }[];
  readonly channels: readonly { readonly name: string; readonly capabilities: readonly string[] }[];
}

/** The switch that turns every policy off; `null`: nobody touched it yet. */
export interface ShownSwitch {
  readonly off: boolean;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
}

export interface ShownComparison {
  readonly authority: string;
  readonly holes: number;
  readonly exposures: number;
  readonly good: number;
  readonly regret: number | null;
  readonly points: readonly {
    readonly exposures: number;
    readonly good: number;
    readonly baselineGood: number;
  }[];
}

export interface ProposalsData {
  readonly acquisition: AcquisitionHead;
  /** When it was read: an older answer that comes late is left. */
  readonly atMs: number;
  readonly waiting: readonly ShownProposal[];
  /** Of all that wait; the page shows the first ones. */
  readonly waitingCount: number;
  readonly others: readonly ShownSaying[];
  readonly othersCount: number;
  readonly settings: ShownSettings;
  readonly automation: ShownSwitch | null;
}

export interface LogData {
  readonly decisions: readonly ShownDecision[];
  /** Id to ask for older ones before; `null` at the end. */
  readonly older: string | null;
}

/** The same after a form: `failed` says why it was not carried out. */
export type ProposalsAfter = ProposalsData & { readonly failed: string | null };

/** How each kind is called, for one and for many targets. */
export function kindInWords(kind: string): string {
  switch (kind) {
    case "squareOrder":
      return "Order of squares";
    case "squareSkip":
      return "Squares to skip";
    case "holeOrder":
      return "Order of holes";
    case "holeSelect":
      return "Holes to select";
    case "stop":
      return "Stop the session";
    case "pause":
      return "Pause";
    case "resume":
      return "Go on";
    default:
      return kind;
  }
}

export function namesSquares(kind: string): boolean {
  return kind === "squareOrder" || kind === "squareSkip";
}

/** `48 holes of square 4590776`. */
export function targetsInWords(
  { kind, squareId }: { readonly kind: string; readonly squareId: number | null },
  count: number,
): string {
  if (kind === "stop" || kind === "pause" || kind === "resume") return "";
  const noun = namesSquares(kind) ? "square" : "hole";
  const where = squareId !== null ? ` of square ${squareId}` : "";
  return `${count} ${noun}${count === 1 ? "" : "s"}${where}`;
}

/** What a person did to an order: the ids they moved around, and those they took out. */
export interface Draft {
  readonly order: readonly number[];
  readonly removed: readonly number[];
}

/** Which proposals take the place of each other while somebody edits one. */
export function slotOf({ kind, squareId }: Pick<ShownProposal, "kind" | "squareId">): string {
  return `${kind} ${squareId ?? "all"}`;
}

/**
 * An edited order on the targets that are proposed now: those gone are left out, new ones come last, in
 * their own order. `gone` and `fresh` count both.
 */
export function mergedOrder(
  draft: Draft,
  targetIds: readonly number[],
): { readonly order: number[]; readonly gone: number; readonly fresh: number } {
  const proposed = new Set(targetIds);
  const known = new Set([...draft.order, ...draft.removed]);
  const kept = draft.order.filter((id) => proposed.has(id));
  const fresh = targetIds.filter((id) => !known.has(id));
  return {
    order: [...kept, ...fresh],
    gone: draft.order.length - kept.length,
    fresh: fresh.length,
  };
}

/** `order` with `id` at place `to`, from 1. */
export function movedTo(order: readonly number[], id: number, to: number): number[] {
  const others = order.filter((one) => one !== id);
  const at = Math.min(Math.max(1, to), others.length + 1) - 1;
  return [...others.slice(0, at), id, ...others.slice(at)];
}

/** Ids as a person writes them: separated by anything that is no digit. `null` where there is no whole number. */
export function idsFrom(text: string): number[] | null {
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const ids = words.map(Number);
  return ids.every((id) => Number.isSafeInteger(id) && id >= 0) ? ids : null;
}

/** How an order differs from EPU's own: `the first is EPU's 31st; 23 of 48 elsewhere`. */
export function againstEpu(places: readonly (number | null)[]): string {
  const known = places.filter((place) => place !== null);
  if (known.length === 0) return "EPU's own order is not known";
  const elsewhere = places.filter((place, i) => place !== null && place !== i + 1).length;
  if (elsewhere === 0) return "the same as EPU's own order";
  return `${elsewhere} of ${places.length} at another place than in EPU's own order`;
}

/** What a policy may do, in one sentence. */
export function policyInWords(policy: ShownPolicy): string {
  const kinds = policy.kinds.map((kind) => kindInWords(kind).toLowerCase()).join(", ");
  return `${kinds}; confidence at least ${Math.round(policy.confidenceMin * 100)} %; ` +
    `at most ${policy.holesPerHour} holes and ${policy.squaresPerHour} squares an hour`;
}

/** Whether something may be approved now without a person. */
export function isAutomatic(
  policy: ShownPolicy | null,
  automation: Pick<ShownSwitch, "off"> | null,
): boolean {
  return policy?.enabled === true && automation?.off !== true;
}

/** Class of a chip for the state of a proposal, a decision, an effect or an instruction. */
export function stateChip(state: string): string {
  switch (state) {
    case "failed":
      return "chip chip-crit";
    case "refused":
    case "declined":
    case "rejected":
    case "expired":
    case "stale":
      return "chip chip-warn";
    case "waiting":
    case "pending":
    case "sent":
    case "received":
      return "chip chip-busy";
    default:
      return "chip";
  }
}

/** The page of a square or a hole. */
export function targetHref(a: string, kind: string, id: number): string {
  return `/epu/${encodeURIComponent(a)}/${namesSquares(kind) ? "squares" : "holes"}/${id}`;
}
