import type { Clock } from "../../clock.ts";
import type { Kv } from "../../kv.ts";
import { accept } from "../../result.ts";
import { Breaker, type BreakerLimits } from "./breaker.ts";
import { deadLetterKey, outboxKey } from "./keys.ts";
import { type Consumer, type DeadLetter, OutboxEntry, Undeliverable } from "./model.ts";
import { OUTBOX_EVENTS } from "./relay.ts";

export interface DeliveryLimits {
  /** Tries before an event is a dead letter. */
  readonly attemptsMax: number;
  /** Wait after the first failure; doubled with each. */
  readonly backOffMs: number;
  readonly backOffMsMax: number;
  readonly timeoutMs: number;
  readonly breaker: BreakerLimits;
}

/** How many entries at the head of a queue are looked at for one that is due. */
const LOOK_AHEAD = 100;
const ERROR_TEXT_MAX = 500;

/** One consumer's deliveries: one at a time, oldest first; one that fails lets others pass while it waits. */
export class DeliveryQueue {
  readonly breaker: Breaker;
  lastError: string | null = null;

  constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    readonly consumer: Consumer,
    private readonly limits: DeliveryLimits,
    /** 0 to 1, spreads retries. */
    private readonly random: () => number,
  ) {
    this.breaker = new Breaker(clock, limits.breaker);
  }

  /** Delivers all that is due; gives after how many milliseconds to come back, `null` for not before a new event. */
  async drain(signal: AbortSignal): Promise<number | null> {
    for (;;) {
      signal.throwIfAborted();
      const waitMs = this.breaker.waitMs();
      if (waitMs > 0) return waitMs;
      const { due, nextAtMs } = await this.#head();
      if (due === null) return nextAtMs === null ? null : nextAtMs - this.clock.nowMs();
      await this.#deliver(due, signal);
    }
  }

  async #head(): Promise<{ due: OutboxEntry | null; nextAtMs: number | null }> {
    const nowMs = this.clock.nowMs();
    let nextAtMs: number | null = null;
    const head = this.kv.list({ prefix: outboxKey(this.consumer.name) }, { limit: LOOK_AHEAD });
    for await (const { value } of head) {
      const entry = OutboxEntry.parse(value);
      // A wall clock that was set back must not hold an entry longer than its back-off.
      const next = Math.min(entry.nextAtMs, nowMs + this.limits.backOffMsMax);
      if (next <= nowMs) return { due: entry, nextAtMs: next };
      nextAtMs = Math.min(nextAtMs ?? Infinity, next);
    }
    return { due: null, nextAtMs };
  }

  async #deliver(entry: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { event } = entry;
    const key = outboxKey(this.consumer.name, event.seq);
    const timeout = new AbortController();
    const cancel = this.clock.timer(
      this.limits.timeoutMs,
      () =>
        timeout.abort(new DOMException(`no answer in ${this.limits.timeoutMs} ms`, "TimeoutError")),
    );
    try {
      const either = AbortSignal.any([signal, timeout.signal]);
      // Raced: a consumer that does not listen to its signal must not hold up the others, or the end.
      await Promise.race([this.consumer.deliver(event, either), aborted(either)]);
    } catch (error) {
      signal.throwIfAborted();
      await this.#failed(entry, error);
      return;
    } finally {
      cancel();
    }
    this.breaker.succeeded();
    this.lastError = null;
    await this.kv.transact([], () => accept({ value: null, remove: [key] }));
  }

  async #failed(entry: OutboxEntry, cause: unknown): Promise<void> {
    const { name } = this.consumer;
    const { event } = entry;
    const error = (cause instanceof Error ? cause.message : String(cause)).slice(0, ERROR_TEXT_MAX);
    const attempts = entry.attempts + 1;
    this.lastError = error;
    const nowMs = this.clock.nowMs();
    // It answered, so it is not down.
    if (cause instanceof Undeliverable) this.breaker.succeeded();
    else this.breaker.failed();
    if (!(cause instanceof Undeliverable) && attempts < this.limits.attemptsMax) {
      const backOffMs = Math.min(
        this.limits.backOffMsMax,
        this.limits.backOffMs * 2 ** (attempts - 1) * (0.75 + this.random() / 2),
      );
      const next = { ...entry, attempts, nextAtMs: Math.ceil(nowMs + backOffMs), lastError: error };
      await this.kv.transact(
        [],
        () => accept({ value: null, set: [[outboxKey(name, event.seq), OutboxEntry.parse(next)]] }),
      );
      return;
    }
    const letter: DeadLetter = { v: 1, consumer: name, event, attempts, error, diedAtMs: nowMs };
    await this.kv.transact([], () =>
      accept({
        value: null,
        set: [[deadLetterKey(name, event.seq), letter]],
        remove: [outboxKey(name, event.seq)],
        events: [{
          type: `${OUTBOX_EVENTS}dead`,
          subject: name,
          actor: "system",
          text: `event ${event.seq} (${event.type}) given up after ${attempts} tries: ${error}`,
          data: { consumer: name, seq: event.seq, eventType: event.type, attempts, error },
        }],
      }));
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
