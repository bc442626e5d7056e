import type { HoldfastEvent } from "../events.ts";
import { Turns } from "../turns.ts";
import type { ResetMessage } from "./model.ts";
import { sseEvent } from "./sse.ts";
import type { StreamEvents } from "./stream_sources.ts";
import type { Viewer } from "./viewer.ts";

export type LogReader = Pick<StreamEvents, "firstSeq" | "read">;

/** The log, and where everybody else stands in it. */
export interface ReplaySource {
  readonly events: LogReader;
  /** Number of the newest event. */
  seq(): number;
  /** Newest event handed to the viewers that are not replaying. */
  liveSeq(): number;
  /** Most events replayed to one viewer. */
  readonly most: number;
}

/** Events read from the log at once. */
const BATCH = 50;

/**
 * Sends what `viewer` missed after `viewer.afterSeq`, at the pace it reads, until it stands where everyone
 * stands; or `reset` when that cannot be done. The last look at `liveSeq` and the end of replaying are one
 * step of the event loop, so no event falls between the two.
 */
export async function replay(viewer: Viewer, source: ReplaySource): Promise<void> {
  const { events } = source;
  const seq = source.seq();
  const firstSeq = await events.firstSeq();
  const reason = whyNot(viewer.afterSeq, { seq, firstSeq, most: source.most });
  if (reason !== null) {
    const reset: ResetMessage = { reason, firstSeq, seq };
    viewer.send(sseEvent("reset", JSON.stringify(reset), seq));
    viewer.afterSeq = seq;
  }
  while (viewer.open && viewer.afterSeq < source.liveSeq()) {
    const missed = await events.read({ afterSeq: viewer.afterSeq, limit: BATCH });
    if (missed.length === 0) break; // trimmed while we read
    for (const event of missed) {
      viewer.send(eventBytes(event));
      viewer.afterSeq = event.seq;
      await viewer.room();
    }
  }
  viewer.replaying = false;
}

/** The log read by one replay after another: hundreds of viewers come back at once after a break. */
export function oneAtATime(events: LogReader): LogReader {
  const turns = new Turns();
  return {
    firstSeq: () => events.firstSeq(),
    read: (query) => turns.take(() => events.read(query)),
  };
}

function whyNot(
  afterSeq: number,
  { seq, firstSeq, most }: { seq: number; firstSeq: number; most: number },
): ResetMessage["reason"] | null {
  if (afterSeq > seq) return "ahead";
  if (afterSeq + 1 < firstSeq) return "trimmed";
  return seq - afterSeq > most ? "far" : null;
}

/** An entry of the event log; the only message with an id. */
export function eventBytes(event: HoldfastEvent): Uint8Array {
  return sseEvent("event", JSON.stringify(event), event.seq);
}
