import type { ShownEstimate, ShownExperiment } from "./experiments.ts";
import { hearExperiments, hearHello } from "./live.ts";

/** What waits and what runs, as `GET /api/v1/queue` has it. */
export interface QueueView {
  /** Counts up with every change: a move may say which queue it was meant for. */
  readonly version: number;
  readonly running: ShownExperiment | null;
  /** All that run, by number; more than one where the configuration lets them. */
  readonly runs: readonly ShownExperiment[];
  /** How many may run. */
  readonly concurrency: number;
  /** Foremost first; the first page of it. */
  readonly waiting: readonly ShownExperiment[];
  /** How many wait at all. */
  readonly waitingCount: number;
  readonly estimates: Readonly<Record<string, ShownEstimate>>;
  /** Why the first is not started. */
  readonly obstacle: string | null;
}

/** Of what runs the first that would be ended if `one` were run now; `null`: nothing would. */
export function inTheWayOf(
  one: Pick<ShownExperiment, "devices">,
  { runs, concurrency }: Pick<QueueView, "runs" | "concurrency">,
): ShownExperiment | null {
  // One that names no devices wants all that can be driven.
  const meets = (run: ShownExperiment) =>
    run.devices.length === 0 || one.devices.length === 0 ||
    run.devices.some((id) => one.devices.includes(id));
  return runs.find(meets) ?? (runs.length < concurrency ? null : runs.at(-1) ?? null);
}

/** Waiting experiments a page shows at first, and more at each asking; the queue may hold thousands. */
export const WAITING_SHOWN = 200;
/** More rows than these are slow to move and of no use to anybody. */
export const WAITING_MOST = 2000;

/** How many an address asks for: `shown`, in whole pages. */
export function waitingShown(asked: string | null): number {
  const pages = Math.ceil(Number(asked ?? 0) / WAITING_SHOWN);
  if (!Number.isSafeInteger(pages)) return WAITING_SHOWN;
  return Math.min(WAITING_MOST, Math.max(1, pages) * WAITING_SHOWN);
}

/**
 * The queue, its foremost `shown`, and the last ended experiments, asked for anew. `null` when the
 * instrument does not answer.
 */
export async function fetchBoard(
  ended: { limit: number },
  shown: number = WAITING_SHOWN,
): Promise<QueueView & { readonly ended: ShownExperiment[]; readonly next: number | null } | null> {
  const query = new URLSearchParams({
    state: "completed,failed,cancelled,timed_out,interrupted",
    limit: String(ended.limit),
  });
  const replies = await Promise.all([
    fetchQueue(shown),
    fetch(`/api/v1/experiments?${query}`),
  ]).catch(() => null);
  if (replies === null) return null;
  const [queue, reply] = replies;
  if (queue === null || !reply.ok) return null;
  const list = await reply.json() as { experiments: ShownExperiment[]; next: number | null };
  return { ...queue, ended: list.experiments, next: list.next };
}

/**
 * The foremost `shown` of the queue, all of one version of it. Where it changes between two pages, those
 * read so far: of the change the page hears anyway, and asks anew.
 */
async function fetchQueue(shown: number): Promise<QueueView | null> {
  type Page = QueueView & { readonly next: string | null };
  const read = async (cursor: string | null): Promise<Page | null> => {
    const more = cursor === null ? "" : `&cursor=${cursor}`;
    const reply = await fetch(`/api/v1/queue?limit=${WAITING_SHOWN}${more}`);
    return reply.ok ? await reply.json() : null;
  };
  const first = await read(null);
  if (first === null) return null;
  const waiting = [...first.waiting];
  const estimates = { ...first.estimates };
  for (let { next } = first; next !== null && waiting.length < shown;) {
    const page = await read(next);
    if (page === null || page.version !== first.version) break;
    waiting.push(...page.waiting);
    Object.assign(estimates, page.estimates);
    next = page.next;
  }
  return { ...first, waiting, estimates };
}

const GATHER_MS = 150;

/**
 * Calls `refresh` when an experiment appears, moves or ends, and at each connection but the page's first;
 * once for a burst, and never while the call before it is still under way. Gives the function that ends it.
 */
export function onBoardChange(refresh: () => void | Promise<void>): () => void {
  const states = new Map<string, string>();
  let pending: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let again = false;
  let greeted = false;
  async function run() {
    pending = undefined;
    busy = true;
    again = false;
    try {
      await refresh();
    } finally {
      busy = false;
      if (again) soon();
    }
  }
  const soon = () => {
    // What changes while an answer is on its way may not be in it.
    if (busy) again = true;
    else pending ??= setTimeout(run, GATHER_MS);
  };
  const stops = [
    hearExperiments(({ id, state, title }) => {
      const now = `${state} ${title}`;
      // One that waits tells of itself only when it was moved, paused or resumed.
      if (state === "queued" || state === "paused" || states.get(id) !== now) soon();
      states.set(id, now);
    }),
    hearHello(() => {
      if (greeted) soon();
      greeted = true;
    }),
  ];
  return () => {
    clearTimeout(pending);
    again = false;
    stops.forEach((stop) => stop());
  };
}

/** What became of something a person asked of the instrument. */
export type Told =
  | { readonly ok: true }
  /** `stale`: the queue was not the one they saw. */
  | { readonly ok: false; readonly stale: boolean; readonly text: string };

/** Moves to `position` (from 1), if the queue is still the one of this version. */
export function moveTo(id: string, position: number, version: number): Promise<Told> {
  return tell(`/api/v1/experiments/${id}/move`, { position }, { "if-match": `"${version}"` });
}

export function runNow(id: string, ask: { reason: string; requeue: boolean }): Promise<Told> {
  return tell(`/api/v1/experiments/${id}/run-now`, ask);
}

async function tell(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Told> {
  const reply = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  }).catch(() => null);
  if (reply?.ok) return { ok: true };
  const problem = await reply?.json().catch(() => null);
  return {
    ok: false,
    stale: reply?.status === 412,
    text: problem?.detail ?? "The instrument did not answer",
  };
}

/** Where `id` goes from place `from` for one of the keys of its handle; `null` for any other key. */
export function placeForKey(key: string, from: number, count: number): number | null {
  switch (key) {
    case "ArrowUp":
      return Math.max(1, from - 1);
    case "ArrowDown":
      return Math.min(count, from + 1);
    case "Home":
      return 1;
    case "End":
      return count;
    default:
      return null;
  }
}

/** Place from 1 of a row dropped at height `y` among the other rows, of which the middles are given. */
export function placeAt(y: number, otherMiddles: readonly number[]): number {
  return otherMiddles.filter((middle) => middle < y).length + 1;
}
