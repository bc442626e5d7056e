import { type LockEvent, type LockTransport, pause } from "./locks_wire.ts";

/** Pause before the stream is opened again, ms: doubled with every failure, and jittered. */
const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 15_000;
/** A stream that says nothing, not even `ping`, for so long is dead. */
const SILENCE_MS = 40_000;

export interface WatchFilter {
  /** Only decisions about one of these devices. */
  readonly devices?: readonly string[];
  /** Begin after this decision; absent: with the next one. */
  readonly since?: number;
}

/** What `watch` gives: decisions in order; `gap`: some before the next are no longer kept. */
export type Watched =
  | { readonly kind: "event"; readonly event: LockEvent }
  | { readonly kind: "gap" }
  /** The stream is open; what follows misses nothing. */
  | { readonly kind: "open" };

/**
 * Decisions about locks, for ever: a connection that breaks is opened again after the last decision seen.
 * Ends when `signal` aborts.
 */
export async function* watchLocks(
  transport: LockTransport,
  { devices, since }: WatchFilter,
  signal: AbortSignal,
): AsyncGenerator<Watched> {
  let last = since;
  let failures = 0;
  while (!signal.aborted) {
    const dead = new AbortController();
    let cancelSilence = () => {};
    const heard = () => {
      cancelSilence();
      cancelSilence = transport.time.timer(SILENCE_MS, () => dead.abort());
    };
    try {
      heard();
      const reply = await transport.open("GET", "/locks/events", undefined, {
        headers: {
          accept: "text/event-stream",
          ...(last === undefined ? {} : { "last-event-id": String(last) }),
        },
        signal: AbortSignal.any([signal, dead.signal]),
      });
      if (reply.ok && reply.body !== null) {
        yield { kind: "open" };
        for await (const block of blocks(reply.body)) {
          heard();
          failures = 0;
          if (/^\d+$/.test(block.id)) last = Number(block.id);
          if (block.name === "gap") yield { kind: "gap" };
          if (block.name !== "lock") continue;
          const event = JSON.parse(block.data) as LockEvent;
          if (devices !== undefined && !event.devices.some((one) => devices.includes(one))) {
            continue;
          }
          yield { kind: "event", event };
        }
      } else await reply.body?.cancel();
    } catch (error) {
      // Any other failure than a connection's is ours, and must not turn into endless silence.
      if (error instanceof SyntaxError) throw error;
    } finally {
      cancelSilence();
      dead.abort();
    }
    const most = Math.min(BACKOFF_MS * 2 ** failures++, BACKOFF_MS_MAX);
    await pause(transport.time, most * (0.5 + Math.random() / 2), signal);
  }
}

/** Server-sent events: blocks of lines, parted by an empty one. */
async function* blocks(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ id: string; name: string; data: string }> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end; (end = text.indexOf("\n\n")) !== -1;) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.filter((line) => line.startsWith(`${name}: `))
          .map((line) => line.slice(name.length + 2)).join("\n");
      yield { id: field("id"), name: field("event"), data: field("data") };
    }
  }
}
