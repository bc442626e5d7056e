import type { ShownExperiment } from "./experiments.ts";
import { hearExperiments, hearHello } from "./live.ts";

/** What waits and what runs, as `GET /api/v1/queue` has it. */
export interface QueueView {
  readonly running: ShownExperiment | null;
  readonly waiting: readonly ShownExperiment[];
}

/** The queue and the last ended experiments, asked for anew. `null` when the instrument does not answer. */
export async function fetchBoard(
  ended: { limit: number; owner?: "me" },
): Promise<QueueView & { readonly ended: ShownExperiment[]; readonly next: number | null } | null> {
  const query = new URLSearchParams({
    state: "completed,failed,cancelled,timed_out,interrupted",
    ...ended,
    limit: String(ended.limit),
  });
  const replies = await Promise.all([
    fetch("/api/v1/queue"),
    fetch(`/api/v1/experiments?${query}`),
  ]).catch(() => null);
  if (replies === null || !replies.every(({ ok }) => ok)) return null;
  const [queue, list] = await Promise.all(replies.map((reply) => reply.json())) as [
    QueueView,
    { experiments: ShownExperiment[]; next: number | null },
  ];
  return { ...queue, ended: list.experiments, next: list.next };
}

const GATHER_MS = 150;

/**
 * Calls `refresh` when an experiment appears, moves or ends, and at each connection but the page's first;
 * once for a burst. Gives the function that ends it.
 */
export function onBoardChange(refresh: () => void): () => void {
  const states = new Map<string, string>();
  let pending: ReturnType<typeof setTimeout> | undefined;
  let greeted = false;
  const soon = () => {
    clearTimeout(pending);
    pending = setTimeout(refresh, GATHER_MS);
  };
  const stops = [
    hearExperiments(({ id, state, title }) => {
      const now = `${state} ${title}`;
      if (states.get(id) !== now) soon();
      states.set(id, now);
    }),
    hearHello(() => {
      if (greeted) soon();
      greeted = true;
    }),
  ];
  return () => {
    clearTimeout(pending);
    stops.forEach((stop) => stop());
  };
}
