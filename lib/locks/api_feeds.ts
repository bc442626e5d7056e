import type { Clock } from "../clock.ts";
import { TooManySubscribers } from "../events.ts";
import { Problem } from "../problem.ts";
import { SocketQueue } from "../socket_queue.ts";
import { upgraded } from "../web_socket.ts";
import type { LockDelivery, LockService } from "./face.ts";
import { recordReply } from "./replies.ts";

const PING_MS = 15_000;
/** How long a browser waits before it comes back. */
const RETRY_MS = 2000;
/** Decisions that may wait for one viewer of the event stream. */
const CAPACITY = 1000;
/** Messages that may wait for one socket, as the compatible one's. */
export const SOCKET_CAPACITY = 256;
/** How long a socket may be behind before it is closed as too slow. */
const SLOW_MS = 10_000;
/** Bytes of the stream that may wait. */
const STREAM_BYTES = 64 * 1024;

/** The instrument ends; clients come back and meet its next start. */
export const CLOSE_GOING_AWAY = 1001;
/** Whoever watched may no longer. */
export const CLOSE_LOGIN = 4001;

/** One open view of the locks. */
export interface LockViewer {
  readonly actor: string;
  end(code: number, reason: string): void;
}

/** Who opens a view: as it logged in, and as its requests for locks name it. */
export interface Watcher {
  readonly actor: string;
  readonly asks: string;
}

/** Everyone who watches the locks, so that they can be counted, and sent away. */
export class LockFeeds {
  readonly #viewers = new Set<LockViewer>();
  #closed = false;

  constructor(
    readonly service: Pick<LockService, "subscribe" | "seq" | "epoch" | "realm" | "stillHere">,
    readonly clock: Clock,
    private readonly viewersMax: number,
  ) {}

  get viewers(): number {
    return this.#viewers.size;
  }

  /** @throws {Problem} `too-many-viewers` */
  assertRoom(): void {
    if (this.#closed || this.#viewers.size >= this.viewersMax) {
      throw new Problem("too-many-viewers", `${this.#viewers.size} watch the locks already`, {
        retryAfterS: 5,
      });
    }
  }

  add(viewer: LockViewer): () => void {
    this.#viewers.add(viewer);
    return () => void this.#viewers.delete(viewer);
  }

  /** Sends away whoever came as such an actor; they must log in anew. */
  disconnect(isGone: (actor: string) => boolean): void {
    for (const viewer of [...this.#viewers]) {
      if (isGone(viewer.actor)) viewer.end(CLOSE_LOGIN, "log in again");
    }
  }

  /** Ends every view; no more are taken. */
  close(): void {
    this.#closed = true;
    for (const viewer of [...this.#viewers]) viewer.end(CLOSE_GOING_AWAY, "closing");
  }

  /** The stream of decisions after `sinceSeq`, as server-sent events. @throws {Problem} */
  stream({ actor, asks }: Watcher, sinceSeq: number | undefined): Response {
    const { service, clock } = this;
    this.assertRoom();
    const events = this.#subscribe(sinceSeq);
    const encoder = new TextEncoder();
    let wake = () => {};
    let cancelPing = () => {};
    let open = true;
    const leave = this.add({ actor, end: () => end() });
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    function end(): void {
      if (!open) return;
      stop();
      controller.close();
    }
    function stop(): void {
      open = false;
      leave();
      cancelPing();
      events[Symbol.dispose]();
      wake();
    }
    const send = (text: string) => controller.enqueue(encoder.encode(text));
    const room = () => (controller.desiredSize ?? 0) > 0;
    function ping(): void {
      if (!open) return;
      service.stillHere(asks);
      if (room()) send(`: ping\nevent: ping\ndata: {"now":"${iso(clock)}"}\n\n`);
      cancelPing = clock.timer(PING_MS, ping);
    }
    async function pump(): Promise<void> {
      send(`retry: ${RETRY_MS}\nid: ${sinceSeq ?? service.seq}\n\n`);
      service.stillHere(asks);
      cancelPing = clock.timer(PING_MS, ping);
      for await (const delivery of events) {
        while (open && !room()) await new Promise<void>((resolve) => wake = resolve);
        if (!open) return;
        send(sseOf(delivery));
      }
      end();
    }
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
        // A store that fails ends the stream; the viewer comes back.
        pump().catch(end);
      },
      pull: () => wake(),
      cancel: stop,
    }, { highWaterMark: STREAM_BYTES, size: (chunk) => chunk.byteLength });
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  }

  /** The same over a WebSocket: `hello`, then one message a decision. @throws {Problem} */
  socket(request: Request, { actor, asks }: Watcher, sinceSeq: number | undefined): Response {
    const { service, clock } = this;
    this.assertRoom();
    const { socket, response } = upgraded(request);
    let events: ReturnType<LockService["subscribe"]> | null = null;
    let cancelHere = () => {};
    const stillHere = () => {
      service.stillHere(asks);
      cancelHere = clock.timer(PING_MS, stillHere);
    };
    const queue = new SocketQueue(socket, clock, SOCKET_CAPACITY, () => {
      leave();
      cancelHere();
      events?.[Symbol.dispose]();
    });
    const leave = this.add({ actor, end: (code, reason) => queue.close(code, reason) });
    socket.onopen = async () => {
      stillHere();
      const { seq, epoch, realm } = service;
      queue.push(JSON.stringify({ type: "hello", seq: sinceSeq ?? seq, epoch, realm }));
      try {
        events = this.#subscribe(sinceSeq);
        for await (const delivery of events) {
          queue.push(JSON.stringify(socketMessage(delivery)));
          // What is replayed comes faster than anybody reads.
          await queue.drained(SLOW_MS);
        }
      } catch {
        queue.close(1011, "the decisions cannot be read");
      }
    };
    socket.onmessage = ({ data }) => {
      if (isPing(data) && !queue.behind) {
        queue.push(JSON.stringify({ type: "pong", now: iso(clock) }));
      }
    };
    socket.onclose = socket.onerror = () => queue.forget();
    return response;
  }

  #subscribe(sinceSeq: number | undefined) {
    try {
      return this.service.subscribe({
        ...(sinceSeq === undefined ? {} : { sinceSeq }),
        capacity: CAPACITY,
      });
    } catch (error) {
      if (!(error instanceof TooManySubscribers)) throw error;
      throw new Problem("too-many-viewers", "Too many watch the locks already", { retryAfterS: 5 });
    }
  }
}

function iso(clock: Clock): string {
  return new Date(clock.nowMs()).toISOString();
}

function sseOf(delivery: LockDelivery): string {
  if (delivery.kind === "dropped") {
    return `event: gap\ndata: ${JSON.stringify({ from_seq: delivery.fromSeq })}\n\n`;
  }
  const { seq } = delivery.event;
  return `id: ${seq}\nevent: lock\ndata: ${JSON.stringify(recordReply(delivery.event))}\n\n`;
}

function socketMessage(delivery: LockDelivery): Record<string, unknown> {
  return delivery.kind === "dropped"
    ? { type: "gap", from_seq: delivery.fromSeq }
    : { type: "event", event: recordReply(delivery.event) };
}

function isPing(data: unknown): boolean {
  if (typeof data !== "string" || data.length > 1000) return false;
  try {
    return JSON.parse(data)?.type === "ping";
  } catch {
    return false;
  }
}
