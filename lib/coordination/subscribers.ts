import type { Clock } from "../clock.ts";
import { type LockEvent, type LockFeeds, recordReply, SOCKET_CAPACITY } from "../locks/mod.ts";
import { SocketQueue } from "../socket_queue.ts";
import { upgraded } from "../web_socket.ts";

/** Sockets written to before others get their turn. */
const SLICE = 100;

/** What every subscriber is told of one decision, in both languages; the old one may have several words for it. */
interface Told {
  readonly number: number;
  readonly old: readonly string[];
  readonly event: () => string;
}

interface Subscriber {
  readonly queue: SocketQueue;
  /** Its first status holds all before this number. */
  readonly from: number;
  /** Asked for everything, in our words. */
  all: boolean;
}

export interface SubscriberSources {
  readonly feeds: Pick<LockFeeds, "add" | "assertRoom">;
  readonly clock: Clock;
  /** The whole state as JSON, under this `type`. */
  status(type: "initial_status" | "status_response"): string;
  hello(): Record<string, unknown>;
  pong(): Record<string, unknown>;
  updates(event: LockEvent): Record<string, unknown>[];
}

/**
 * Who listens at the original's `/ws`. Decisions are told after they were answered, a few sockets a turn;
 * each socket has a queue of its own, so that one that is not read holds up nobody.
 */
export class Subscribers {
  readonly #all = new Set<Subscriber>();
  readonly #pending: Told[] = [];
  #number = 0;
  #telling = false;

  constructor(private readonly sources: SubscriberSources) {}

  get count(): number {
    return this.#all.size;
  }

  tell(events: readonly LockEvent[]): void {
    if (this.#all.size === 0) return;
    for (const event of events) {
      const old = this.sources.updates(event).map((update) => JSON.stringify(update));
      let text: string | null = null;
      this.#pending.push({
        number: this.#number++,
        old,
        event: () => text ??= JSON.stringify({ type: "event", event: recordReply(event) }),
      });
    }
    if (!this.#telling) this.#tellAll();
  }

  /** Answers a request to open the socket. @throws {Problem} `too-many-viewers` */
  open(request: Request, actor: string): Response {
    const { feeds, clock } = this.sources;
    feeds.assertRoom();
    const { socket, response } = upgraded(request);
    let subscriber: Subscriber | null = null;
    const queue = new SocketQueue(socket, clock, SOCKET_CAPACITY, () => {
      leave();
      if (subscriber !== null) this.#all.delete(subscriber);
    });
    const leave = feeds.add({ actor, end: (code, reason) => queue.close(code, reason) });
    socket.onopen = () => {
      subscriber = { queue, from: this.#number, all: false };
      this.#all.add(subscriber);
      queue.push(this.sources.status("initial_status"));
    };
    socket.onmessage = ({ data }) => {
      if (subscriber !== null) this.#answer(subscriber, data);
    };
    socket.onclose = socket.onerror = () => queue.forget();
    return response;
  }

  #answer(subscriber: Subscriber, data: unknown): void {
    const { queue } = subscriber;
    // Whoever does not read the answers gets no more of them.
    if (queue.behind) return;
    const message = parsed(data);
    switch (message.type) {
      case "ping":
        return queue.push(JSON.stringify(this.sources.pong()));
      case "get_status":
        return queue.push(this.sources.status("status_response"));
      case "hello":
        if (message.version !== 2) return;
        subscriber.all = true;
        return queue.push(JSON.stringify(this.sources.hello()));
    }
  }

  async #tellAll(): Promise<void> {
    this.#telling = true;
    let told = 0;
    // Answers to those who asked go first.
    await nextTurn();
    for (let next; (next = this.#pending.shift()) !== undefined;) {
      for (const { queue, from, all } of [...this.#all]) {
        if (next.number < from) continue;
        if (all) queue.push(next.event());
        else for (const text of next.old) queue.push(text);
        if (++told % SLICE === 0) await nextTurn();
      }
    }
    this.#telling = false;
  }
}

/** Sockets are read and written meanwhile, which Deno's `setImmediate` would let wait a hundred turns. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The message, or one without a type: neither what is no JSON nor an unknown type ends a connection. */
function parsed(data: unknown): { type?: unknown; version?: unknown } {
  if (typeof data !== "string") return {};
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null ? message : {};
  } catch {
    return {};
  }
}
