/** A WebSocket whose messages are awaited one by one. */
export class SocketClient implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #queue: Record<string, unknown>[] = [];
  #wake: () => void = () => {};
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      this.#queue.push(JSON.parse(data));
      this.#wake();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        resolve({ code, reason });
        this.#wake();
      };
    });
  }

  static async open(url: string): Promise<SocketClient> {
    const socket = new WebSocket(url.replace(/^http/, "ws"));
    const client = new SocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
    });
    return client;
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** The next message, whenever it comes. */
  // deno-lint-ignore no-explicit-any
  async next(): Promise<any> {
    while (this.#queue.length === 0) {
      if (this.#socket.readyState > WebSocket.OPEN) throw new Error("the socket is closed");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#queue.shift();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close();
    await this.closed;
  }
}
