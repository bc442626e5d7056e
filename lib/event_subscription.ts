import type { EventDelivery } from "./events.ts";

/** What a subscription asks of the log behind it. */
interface Source<E extends { readonly seq: number }> {
  /** The newest event's number. */
  seq(): number;
  /** Stored events after `afterSeq`, oldest first. */
  read(afterSeq: number, limit: number): Promise<E[]>;
  ended(subscription: Subscription<E>): void;
}

const REPLAY_BATCH = 200;
const DONE = { done: true, value: undefined } as const;

/**
 * One subscriber's place in the log. It reads from the store until it has caught up, at its own pace and
 * holding one batch, and only then takes what is pushed. `seq` moves and `push` is called in one step of
 * the event loop, so "caught up" cannot miss an event.
 */
export class Subscription<E extends { readonly seq: number }>
  implements AsyncIterableIterator<EventDelivery<E>>, Disposable {
  readonly #source: Source<E>;
  readonly #capacity: number;
  /** Waiting to be taken. While replaying a batch of the store, when live at most `capacity`. */
  #queue: E[] = [];
  /** Newest event that was queued or told as dropped. */
  #lastSeq: number;
  #live: boolean;
  /** First event lost and not yet told. */
  #droppedFrom: number | null = null;
  #ended = false;
  #wake: () => void = () => {};
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: Source<E>, { afterSeq, capacity }: { afterSeq?: number; capacity: number }) {
    this.#source = source;
    this.#capacity = capacity;
    const newest = source.seq();
    this.#lastSeq = Math.min(afterSeq ?? newest, newest);
    this.#live = this.#lastSeq === newest;
    if (afterSeq !== undefined && afterSeq > newest) this.#droppedFrom = 1;
  }

  push(events: readonly E[]): void {
    if (!this.#live || this.#ended) return;
    for (const event of events) {
      if (this.#queue.length >= this.#capacity) {
        this.#droppedFrom ??= this.#queue[0]!.seq;
        this.#queue = [];
      }
      this.#queue.push(event);
      this.#lastSeq = event.seq;
    }
    this.#wake();
  }

  next(): Promise<IteratorResult<EventDelivery<E>>> {
    const result = this.#turn.then(() => this.#take());
    this.#turn = result.catch(() => {});
    return result;
  }

  return(): Promise<IteratorResult<EventDelivery<E>>> {
    this[Symbol.dispose]();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue = [];
    this.#source.ended(this);
    this.#wake();
  }

  async #take(): Promise<IteratorResult<EventDelivery<E>>> {
    for (;;) {
      if (this.#ended) return DONE;
      if (this.#droppedFrom !== null) {
        const fromSeq = this.#droppedFrom;
        this.#droppedFrom = null;
        return { done: false, value: { kind: "dropped", fromSeq } };
      }
      const event = this.#queue.shift();
      if (event !== undefined) return { done: false, value: { kind: "event", event } };
      if (!this.#live && this.#lastSeq >= this.#source.seq()) this.#live = true;
      if (this.#live) await new Promise<void>((resolve) => this.#wake = resolve);
      else await this.#replay();
    }
  }

  async #replay(): Promise<void> {
    let events: E[];
    try {
      events = await this.#source.read(this.#lastSeq, REPLAY_BATCH);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    if (this.#ended) return;
    // Trimmed meanwhile, or long ago.
    if (events[0]?.seq !== this.#lastSeq + 1) this.#droppedFrom = this.#lastSeq + 1;
    this.#queue = events;
    this.#lastSeq = events.at(-1)?.seq ?? this.#source.seq();
  }
}
