import type { Clock } from "../../clock.ts";
import type { EventLog } from "../../events.ts";
import type { Kv } from "../../kv.ts";
import type { Log } from "../../log.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { BREAKER_LIMITS } from "./breaker.ts";
import { deadLetterKey, outboxKey } from "./keys.ts";
import {
  type Consumer,
  type ConsumerStatus,
  type Cursor,
  DeadLetter,
  type LetterRefusal,
  OutboxEntry,
} from "./model.ts";
import { type DeliveryLimits, DeliveryQueue } from "./queue.ts";
import { cursorOf, OUTBOX_EVENTS, relay } from "./relay.ts";

export const DELIVERY_LIMITS: DeliveryLimits = {
  attemptsMax: 12,
  backOffMs: 1000,
  backOffMsMax: 600_000,
  timeoutMs: 10_000,
  breaker: BREAKER_LIMITS,
};
/** After the store failed. */
const RETRY_MS = 1000;
/** Timers count in 32 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;

interface Line {
  readonly consumer: Consumer;
  readonly queue: DeliveryQueue;
  cursor: Cursor;
  /** Settles when nothing of this line runs any more. */
  running: Promise<void> | null;
  /** Something came while it ran. */
  again: boolean;
  cancelTimer: () => void;
}

/**
 * Takes events to their consumers, each at least once. An event is in the log from the commit of the change
 * it tells of; from there it is copied into each consumer's own durable queue, and leaves that only when it
 * was delivered or is a dead letter.
 */
export class Outbox {
  readonly #lines: Line[] = [];
  readonly #stop = new AbortController();
  #unlisten: () => void = () => {};

  private constructor(
    private readonly kv: Kv,
    private readonly events: EventLog,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Goes on where it was; a consumer never seen before starts with the next event. Names must differ. */
  static async open(
    { kv, events, clock, log, consumers, limits = {}, random = Math.random }: {
      kv: Kv;
      events: EventLog;
      clock: Clock;
      log: Log;
      consumers: readonly Consumer[];
      limits?: Partial<DeliveryLimits>;
      random?: () => number;
    },
  ): Promise<Outbox> {
    const outbox = new Outbox(kv, events, clock, log);
    const all = { ...DELIVERY_LIMITS, ...limits };
    for (const consumer of consumers) {
      if (outbox.#lines.some((line) => line.consumer.name === consumer.name)) {
        throw new RangeError(`Two consumers are called "${consumer.name}"`);
      }
      outbox.#lines.push({
        consumer,
        queue: new DeliveryQueue(kv, clock, consumer, all, random),
        cursor: await cursorOf(kv, consumer.name),
        running: null,
        again: false,
        cancelTimer: () => {},
      });
    }
    outbox.#unlisten = kv.onEvents((events) => {
      if (events.some(({ type }) => !type.startsWith(OUTBOX_EVENTS))) outbox.#wake();
    });
    outbox.#wake();
    return outbox;
  }

  async status(): Promise<ConsumerStatus[]> {
    const found: ConsumerStatus[] = [];
    for (const { consumer: { name }, queue, cursor } of this.#lines) {
      let waiting = 0;
      let oldestAtMs: number | null = null;
      for await (const { value } of this.kv.list({ prefix: outboxKey(name) })) {
        oldestAtMs ??= (value as OutboxEntry).event.atMs;
        waiting++;
      }
      let dead = 0;
      for await (const _ of this.kv.list({ prefix: deadLetterKey(name) })) dead++;
      found.push({
        consumer: name,
        waiting,
        oldestAtMs,
        dead,
        lost: cursor.lost,
        breaker: queue.breaker.waitMs() > 0 ? "open" : "closed",
        lastError: queue.lastError,
      });
    }
    return found;
  }

  /** Oldest first, of one consumer or of all. */
  async deadLetters(
    { consumer, limit }: { consumer?: string; limit: number },
  ): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    for await (const { value } of this.kv.list({ prefix: deadLetterKey(consumer) }, { limit })) {
      found.push(DeadLetter.parse(value));
    }
    return found;
  }

  /** Puts a dead letter back into its queue, as if it had never been tried. */
  async replay(
    consumer: string,
    seq: number,
    actor: string,
  ): Promise<Result<DeadLetter, LetterRefusal>> {
    const done = await this.#settle(consumer, seq, actor, "put back into the queue");
    if (done.ok) this.#wake();
    return done;
  }

  /** Throws a dead letter away. */
  discard(
    consumer: string,
    seq: number,
    actor: string,
  ): Promise<Result<DeadLetter, LetterRefusal>> {
    return this.#settle(consumer, seq, actor, "discarded");
  }

  /** Stops; what is under way is given up and comes again after the next start. */
  async close(): Promise<void> {
    this.#unlisten();
    this.#stop.abort(new DOMException("closing", "AbortError"));
    for (const line of this.#lines) line.cancelTimer();
    await Promise.all(this.#lines.map(({ running }) => running));
  }

  #settle(
    consumer: string,
    seq: number,
    actor: string,
    act: "put back into the queue" | "discarded",
  ): Promise<Result<DeadLetter, LetterRefusal>> {
    const key = deadLetterKey(consumer, seq);
    return this.kv.transact<DeadLetter, LetterRefusal>([key], ([seen]) => {
      if (seen!.value === null) return refuse({ kind: "unknown", consumer, seq });
      const letter = DeadLetter.parse(seen!.value);
      const entry: OutboxEntry = {
        v: 1,
        event: letter.event,
        attempts: 0,
        nextAtMs: 0,
        lastError: letter.error,
      };
      return accept({
        value: letter,
        remove: [key],
        set: act === "discarded" ? [] : [[outboxKey(consumer, seq), OutboxEntry.parse(entry)]],
        events: [{
          type: `${OUTBOX_EVENTS}settled`,
          subject: consumer,
          actor,
          text: `event ${seq} (${letter.event.type}) ${act}`,
          data: { consumer, seq, act },
        }],
      });
    });
  }

  #wake(): void {
    for (const line of this.#lines) this.#run(line);
  }

  #run(line: Line): void {
    if (this.#stop.signal.aborted) return;
    line.again = true;
    line.running ??= this.#turns(line).finally(() => line.running = null);
  }

  async #turns(line: Line): Promise<void> {
    line.cancelTimer();
    let comeBackMs: number | null = null;
    try {
      while (line.again) {
        line.again = false;
        line.cursor = await relay(this.kv, this.events, line.consumer, line.cursor);
        comeBackMs = await line.queue.drain(this.#stop.signal);
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.log.error("the outbox cannot go on, it tries again", {
        consumer: line.consumer.name,
        error,
      });
      comeBackMs = RETRY_MS;
    }
    if (comeBackMs === null || this.#stop.signal.aborted) return;
    const delayMs = Math.min(TIMER_MS_MAX, Math.max(0, comeBackMs));
    line.cancelTimer = this.clock.timer(delayMs, () => this.#run(line));
  }
}
