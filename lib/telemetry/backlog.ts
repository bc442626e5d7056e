import type { ChannelEntry, Row } from "./file.ts";
import type { Sample } from "./dictionary.ts";

/** A stretch of time some of whose samples could not be kept. */
export interface Hole {
  readonly fromMs: number;
  readonly toMs: number;
  readonly samples: number;
}

/** Samples on their way to the file. Bounded: when it is full the oldest are given up, and counted. */
export class Backlog {
  #samples: Sample[] = [];
  #hole: Hole | null = null;
  #lost = 0;

  constructor(private readonly most: number) {}

  get size(): number {
    return this.#samples.length;
  }
  /** Samples given up since the start. */
  get lost(): number {
    return this.#lost;
  }
  /** What was given up and is not noted in the file yet. */
  get hole(): Hole | null {
    return this.#hole;
  }

  add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length <= this.most) return;
    // A sixteenth at once, for moving the rest costs time.
    this.#giveUp(this.#samples.splice(0, 1 + Math.floor(this.most / 16)));
  }

  #giveUp(samples: readonly Sample[]): void {
    let { fromMs, toMs, samples: count } = this.#hole ??
      { fromMs: Infinity, toMs: -Infinity, samples: 0 };
    for (const { atMs } of samples) {
      fromMs = Math.min(fromMs, atMs);
      toMs = Math.max(toMs, atMs);
    }
    this.#hole = { fromMs, toMs, samples: count += samples.length };
    this.#lost += samples.length;
  }

  /** The oldest to arrive. */
  head(most: number): Sample[] {
    return this.#samples.slice(0, most);
  }

  /** After `head(count)` is on disk. */
  drop(count: number): void {
    this.#samples.splice(0, count);
  }

  holeNoted(): void {
    this.#hole = null;
  }

  /** A channel's, in order of arrival. */
  of(entry: ChannelEntry, fromMs: number, toMs: number): Row[] {
    return this.#samples.filter((s) => s.entry === entry && s.atMs >= fromMs && s.atMs < toMs);
  }
}
