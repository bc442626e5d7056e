import type { Clock } from "./clock.ts";

/** Closes a socket that reads slower than there is to say; the reader comes back and is told what it missed. */
export const CLOSE_SLOW = 4008;
/** Bytes handed to the socket that it has not sent yet. */
const BUFFER_BYTES = 256 * 1024;
/** Between two looks at a socket that is behind. */
const LOOK_MS = 20;

/** The part of a WebSocket that is written to. */
export interface WritableSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/**
 * What waits for one subscriber. Nobody waits for it: past a full buffer at most `capacity` messages are
 * kept, and one more closes the socket with `CLOSE_SLOW`.
 */
export class SocketQueue {
  #waiting: string[] = [];
  #cancel: (() => void) | null = null;
  #gone = false;
  #whenDrained = () => {};

  constructor(
    private readonly socket: WritableSocket,
    private readonly clock: Clock,
    private readonly capacity: number,
    private readonly onGone: () => void,
  ) {}

  /** Sends now, or keeps for later. Nothing happens once the socket is gone. */
  push(text: string): void {
    if (this.#gone) return;
    if (this.#waiting.length >= this.capacity) return this.close(CLOSE_SLOW, "too slow");
    this.#waiting.push(text);
    this.#drain();
  }

  /** Whether something waits that the socket would not take yet. */
  get behind(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves once nothing waits or the socket is gone; one that needs longer than `withinMs` is closed as too slow. */
  async drained(withinMs: number): Promise<void> {
    if (!this.behind) return;
    const cancel = this.clock.timer(withinMs, () => this.close(CLOSE_SLOW, "too slow"));
    await new Promise<void>((resolve) => this.#whenDrained = resolve);
    cancel();
  }

  close(code: number, reason: string): void {
    if (this.#gone) return;
    if (this.socket.readyState <= WebSocket.OPEN) this.socket.close(code, reason);
    this.forget();
  }

  /** The socket closed by itself. */
  forget(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#waiting = [];
    this.#whenDrained();
    this.#cancel?.();
    this.onGone();
  }

  #drain(): void {
    // Not open yet: what is said before is sent when it is.
    while (this.socket.readyState === WebSocket.OPEN && this.socket.bufferedAmount < BUFFER_BYTES) {
      const text = this.#waiting.shift();
      if (text === undefined) return this.#whenDrained();
      this.socket.send(text);
    }
    if (this.#waiting.length === 0 || this.#cancel !== null) return;
    this.#cancel = this.clock.timer(LOOK_MS, () => {
      this.#cancel = null;
      if (!this.#gone) this.#drain();
    });
  }
}
