import type { Counts } from "../../lib/epu/model.ts";
import { hearEvents, hearHello, type LiveEvent } from "../live.ts";

/** What changed in a session since it was last looked at. */
export interface Changes {
  /** The newest, where an event carried them. */
  readonly counts: Counts | null;
  readonly acquisition: boolean;
  /** `null`: any of them may have. */
  readonly squareIds: ReadonlySet<number> | null;
  readonly micrographs: boolean;
  readonly results: boolean;
}

export const NOTHING: Changes = {
  counts: null,
  acquisition: false,
  squareIds: new Set(),
  micrographs: false,
  results: false,
};
/** After a gap in what was heard. */
const EVERYTHING: Changes = {
  counts: null,
  acquisition: true,
  squareIds: null,
  micrographs: true,
  results: true,
};

/** With what one event says; events of other sessions and other things say nothing. */
export function withEvent(changes: Changes, id: string, event: LiveEvent): Changes {
  if (event.subject !== id || !event.type.startsWith("epu.")) return changes;
  const { counts, acquisition, squareIds, micrographIds } = event.data;
  const squares = Array.isArray(squareIds) ? squareIds.map(Number) : squareIds === null ? null : [];
  return {
    counts: (counts as Counts | undefined) ?? changes.counts,
    acquisition: changes.acquisition || acquisition === true || event.type === "epu.acquisition",
    squareIds: squares === null || changes.squareIds === null
      ? null
      : new Set([...changes.squareIds, ...squares]),
    micrographs: changes.micrographs || micrographIds === null ||
      (Array.isArray(micrographIds) && micrographIds.length > 0),
    results: changes.results || event.type === "epu.results",
  };
}

/** EPU writes in bursts: what comes within this time is taken in one go. */
const GATHER_MS = 500;
/** Between two rounds of questions, however fast it writes. */
const LEAST_MS = 1500;

/** Calls `take` with what changed, one round at a time, until the function it gives is called. */
export function followSession(id: string, take: (changes: Changes) => Promise<void>): () => void {
  let waiting: Changes | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let greeted = false;
  let tookMs = -Infinity;

  async function round() {
    timer = undefined;
    if (waiting === null || busy) return;
    const changes = waiting;
    waiting = null;
    busy = true;
    tookMs = performance.now();
    try {
      await take(changes);
    } finally {
      busy = false;
      soon();
    }
  }
  function soon() {
    if (waiting === null || busy) return;
    timer ??= setTimeout(round, Math.max(GATHER_MS, tookMs + LEAST_MS - performance.now()));
  }
  const stops = [
    hearEvents((event) => {
      const next = withEvent(waiting ?? NOTHING, id, event);
      if (next === (waiting ?? NOTHING)) return;
      waiting = next;
      soon();
    }),
    // What happened while there was no connection is not told again.
    hearHello(() => {
      if (greeted) {
        waiting = EVERYTHING;
        soon();
      }
      greeted = true;
    }),
  ];
  return () => {
    clearTimeout(timer);
    stops.forEach((stop) => stop());
  };
}
