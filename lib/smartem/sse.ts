/** One event of a stream. */
export interface SseMessage {
  readonly event: string;
  readonly data: Record<string, unknown>;
  /** What a client names when it comes back. */
  readonly id?: string;
}

const BUFFER_BYTES = 512 * 1024;
const encoder = new TextEncoder();

/**
 * One event stream to one client. What it does not take in time is not gathered without end: the stream is
 * closed, and the client comes back.
 */
export class SseStream {
  readonly response: Response;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #ended = false;

  /** `onEnd` is called once, whoever ended it. */
  constructor(private readonly onEnd: () => void) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#over(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }));
    this.response = new Response(body, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        // Else nginx gathers small chunks before it passes them on.
        "x-accel-buffering": "no",
      },
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  send({ event, data, id }: SseMessage): void {
    if (this.#ended) return;
    const named = id === undefined ? "" : `id: ${id}\n`;
    const text = `${named}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#controller.enqueue(encoder.encode(text));
    if ((this.#controller.desiredSize ?? 0) < 0) this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#over();
    this.#controller.close();
  }

  #over(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.onEnd();
  }
}
