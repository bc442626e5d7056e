/** One kept-alive HTTP/1.1 connection that adds next to nothing to what is measured. */
export class Line implements Disposable {
  #rest = "";
  readonly #buffer = new Uint8Array(65_536);
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("latin1");

  private constructor(private readonly conn: Deno.TcpConn, private readonly host: string) {}

  static async open(url: string): Promise<Line> {
    const { hostname, port, host } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    conn.setNoDelay(true);
    return new Line(conn, host);
  }

  async get(path: string): Promise<{ status: number; body: string }> {
    return await this.#call(`GET ${path} HTTP/1.1\r\nhost: ${this.host}\r\n\r\n`);
  }

  async post(path: string, body = ""): Promise<{ status: number; body: string }> {
    return await this.#call(
      `POST ${path} HTTP/1.1\r\nhost: ${this.host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
  }

  /** Asks to become a WebSocket, and never reads again. */
  async stall(): Promise<void> {
    await this.#write(
      `GET /ws HTTP/1.1\r\nhost: ${this.host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await this.conn.read(new Uint8Array(16));
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }

  async #write(text: string): Promise<void> {
    const bytes = this.#encoder.encode(text);
    for (let sent = 0; sent < bytes.length;) sent += await this.conn.write(bytes.subarray(sent));
  }

  async #call(request: string): Promise<{ status: number; body: string }> {
    await this.#write(request);
    let text = this.#rest;
    let head = -1;
    let end = Infinity;
    for (;;) {
      if (head < 0 && (head = text.indexOf("\r\n\r\n")) >= 0) {
        const length = /content-length: (\d+)/i.exec(text.slice(0, head));
        if (length === null) throw new Error(`No length: ${text.slice(0, head)}`);
        end = head + 4 + Number(length[1]);
      }
      if (text.length >= end) break;
      const read = await this.conn.read(this.#buffer);
      if (read === null) throw new Error("The connection ended");
      text += this.#decoder.decode(this.#buffer.subarray(0, read));
    }
    this.#rest = text.slice(end);
    return { status: Number(text.slice(9, 12)), body: text.slice(head + 4, end) };
  }
}

/** The original's two calls. */
export class Asker implements Disposable {
  constructor(private readonly line: Line, readonly user: string) {}

  static async open(url: string, user: string): Promise<Asker> {
    return new Asker(await Line.open(url), user);
  }

  /** The key, or `null` when it was denied. */
  async acquire(device: string, type = "MANUAL_OPERATOR"): Promise<string | null> {
    const ask = { device_name: device, lock_type: type, user_id: this.user, timeout: 300 };
    const { status, body } = await this.line.post("/api/lock/request", JSON.stringify(ask));
    if (status !== 200) throw new Error(`${status}: ${body}`);
    return JSON.parse(body).lock_key;
  }

  /** Whether the key was still good. */
  async release(device: string, key: string): Promise<boolean> {
    const query = `device_name=${device}&lock_key=${key}&user_id=${this.user}`;
    return (await this.line.post(`/api/lock/release?${query}`)).status === 200;
  }

  [Symbol.dispose](): void {
    this.line[Symbol.dispose]();
  }
}

/** Lets `clients` do `act` again and again for `ms`; gives how often a second, and how long each took. */
export async function load(
  clients: readonly Asker[],
  ms: number,
  act: (client: Asker, index: number) => Promise<number>,
): Promise<{ perS: number; tookMs: number[] }> {
  const tookMs: number[] = [];
  const startMs = performance.now();
  await Promise.all(clients.map(async (client, i) => {
    while (performance.now() - startMs < ms) tookMs.push(await act(client, i));
  }));
  return { perS: tookMs.length / (performance.now() - startMs) * 1000, tookMs };
}
