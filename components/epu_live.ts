import { askedPage } from "./page_data.ts";
import { hearEvents, hearHello, type LiveEvent } from "./live.ts";

/** A burst of changes is asked for once. */
const GATHER_MS = 300;

/**
 * Calls `take` with the page's own data, as JSON, after each event that `matters`, at each connection, and
 * every `everyMs` while the page is seen; never two at once, and not more often than `leastMs`.
 * Gives the function that ends it, and one that asks at once.
 */
export function followPage<T>(
  { matters, take, leastMs = GATHER_MS, everyMs, search = () => location.search }: {
    matters: (event: LiveEvent) => boolean;
    take: (data: T) => void;
    leastMs?: number;
    everyMs?: number;
    /** What is asked for, where it is not what the address says. */
    search?: () => string;
  },
): { readonly stop: () => void; readonly now: () => void } {
  let pending: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let again = false;
  let stopped = false;
  let askedMs = -Infinity;

  async function ask() {
    pending = undefined;
    busy = true;
    again = false;
    askedMs = performance.now();
    const data = await askedPage<T>(location.pathname + search());
    busy = false;
    if (stopped) return;
    if (data !== null) take(data);
    if (again) soon();
  }
  function soon() {
    // What changes while an answer is on its way may not be in it.
    if (busy) again = true;
    else {
      const waitMs = Math.max(GATHER_MS, askedMs + leastMs - performance.now());
      pending ??= setTimeout(ask, waitMs);
    }
  }
  const stops = [
    hearEvents((event) => {
      if (matters(event)) soon();
    }),
    // The first too: what happened after the page was made and before it listened made no event here.
    hearHello(soon),
  ];
  const timer = everyMs === undefined ? undefined : setInterval(() => {
    if (!document.hidden) soon();
  }, everyMs);
  return {
    now() {
      clearTimeout(pending);
      pending = undefined;
      if (busy) again = true;
      else ask();
    },
    stop() {
      stopped = true;
      clearTimeout(pending);
      clearInterval(timer);
      stops.forEach((stop) => stop());
    },
  };
}
