import type { Clock } from "../clock.ts";
import type { Topic } from "./model.ts";
import { sseEvent } from "./sse.ts";

/** What a viewer wants to hear of; viewers with equal filters share the encoded bytes. */
export interface Filter {
  readonly topics: ReadonlySet<Topic>;
  /** Devices whose readings and state are wanted; `null`: all. */
  readonly devices: ReadonlySet<string> | null;
}

/** A dropped viewer gets this long to read the rest before its connection is cut. */
const FAREWELL_MS = 10_000;

/** One open connection. Nobody waits for it: what it does not read in time ends it. */
export class Viewer {
  readonly stream: ReadableStream<Uint8Array>;
  /** Events up to this number are not sent to it again. */
  afterSeq = 0;
  /** Missed events are on their way; live ones wait in the log. */
  replaying = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;
  #wake: (() => void) | null = null;
  #cancelFarewell: (() => void) | null = null;

  constructor(
    readonly filter: Filter,
    /** Actor string of whoever opened it. */
    readonly actor: string,
    private readonly clock: Clock,
    /** Bytes that may wait for it. */
    private readonly bufferBytes: number,
    private readonly onGone: (viewer: Viewer) => void,
  ) {
    // Not a byte stream: those take a chunk's buffer away, and ours are shared.
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#wakeUp(),
      cancel: () => {
        this.#cancelFarewell?.();
        this.#leave();
      },
    }, { highWaterMark: bufferBytes, size: (chunk) => chunk.byteLength });
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * Sends shared bytes, or drops the viewer if its buffer is full of what it has not read. One message
   * may reach beyond the buffer, so that a large `hello` never shuts anyone out.
   */
  send(bytes: Uint8Array): "sent" | "dropped" | "gone" {
    if (!this.#open) return "gone";
    if (this.#controller.desiredSize! <= 0) {
      this.end("dropped", { reason: "slow" });
      return "dropped";
    }
    this.#controller.enqueue(bytes);
    return "sent";
  }

  /** Resolves once half the buffer is free again, or the viewer is gone. */
  async room(): Promise<void> {
    while (this.#open && this.#controller.desiredSize! < this.bufferBytes / 2) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Says why, and ends the stream: an EventSource comes back by itself and is told what it missed. */
  end(name: "dropped" | "bye", data: Record<string, unknown>): void {
    if (!this.#open) return;
    this.#controller.enqueue(sseEvent(name, JSON.stringify(data)));
    this.#controller.close();
    this.#leave();
    // A viewer that reads nothing at all would keep its buffer for as long as TCP lets it.
    this.#cancelFarewell = this.clock.timer(FAREWELL_MS, () => {
      // Deno prints this on stderr: a sentence, since a stack would tell nothing.
      this.#controller.error("stream: a viewer that reads nothing was cut off");
    });
  }

  #leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wakeUp();
    this.onGone(this);
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
