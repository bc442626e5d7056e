/** One message as it was sent. */
export interface Sent {
  readonly id: number;
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** The newest messages, as many as fit and are young enough, to be read again from any of them. */
export class Ring {
  #messages: Sent[] = [];
  /** Where the oldest one kept stands; what is before it goes when there is much of it. */
  #start = 0;
  #bytes = 0;

  constructor(private readonly bytesMax: number, private readonly ageMaxMs: number) {}

  /** Ids must grow. */
  add(message: Sent): void {
    this.#messages.push(message);
    this.#bytes += message.bytes.length;
    for (let oldest; (oldest = this.#messages[this.#start]) !== undefined; this.#start++) {
      const isYoung = oldest.atMs >= message.atMs - this.ageMaxMs;
      if (this.#bytes <= this.bytesMax && isYoung) break;
      this.#bytes -= oldest.bytes.length;
    }
    if (this.#start > 1024 && this.#start > this.#messages.length / 2) {
      this.#messages.splice(0, this.#start);
      this.#start = 0;
    }
  }

  /** Whether everything after `id` is still here. */
  covers(id: number): boolean {
    const oldest = this.#messages[this.#start];
    return oldest !== undefined && id >= oldest.id - 1 && id <= this.#messages.at(-1)!.id;
  }

  /** At most `count` messages after `id`, oldest first. */
  after(id: number, count: number): Sent[] {
    let low = this.#start;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#messages[middle]!.id <= id) low = middle + 1;
      else high = middle;
    }
    return this.#messages.slice(low, low + count);
  }

  clear(): void {
    this.#messages = [];
    this.#start = this.#bytes = 0;
  }
}
