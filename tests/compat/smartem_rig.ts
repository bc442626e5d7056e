import assert from "node:assert/strict";
import { runInstrument, type RunningInstrument } from "../running_instrument.ts";

/** One exchange with the SmartEM API. */
export interface Exchange {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- tests read what comes as it comes
  readonly body: any;
  readonly headers: Headers;
}

export interface SmartemRig extends AsyncDisposable {
  readonly instrument: RunningInstrument;
  readonly url: string;
  ask(method: string, path: string, body?: unknown): Promise<Exchange>;
  /** As `ask`, and the status must be that one. */
  must(status: number, method: string, path: string, body?: unknown): Promise<Exchange["body"]>;
}

/** A whole Holdfast, asked as an original agent asks its backend. */
export async function smartemRig(env: Record<string, string> = {}): Promise<SmartemRig> {
  const instrument = await runInstrument({ HOLDFAST_SIMULATION_ENABLED: "false", ...env });
  const url = `${instrument.url}/smartem`;
  async function ask(method: string, path: string, body?: unknown): Promise<Exchange> {
    const reply = await fetch(url + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    return {
      status: reply.status,
      headers: reply.headers,
      body: text === "" ? null : JSON.parse(text),
    };
  }
  return {
    instrument,
    url,
    ask,
    async must(status, method, path, body) {
      const found = await ask(method, path, body);
      assert.equal(
        found.status,
        status,
        `${method} ${path}: ${found.status} ${JSON.stringify(found.body)}`,
      );
      return found.body;
    },
    [Symbol.asyncDispose]: () => instrument[Symbol.asyncDispose](),
  };
}

/** Events of a stream as they come; `close` ends it. */
export class EventReader {
  readonly #abort = new AbortController();
  #buffer = "";
  #waiting: { event: string; data: Record<string, unknown>; id: string | null }[] = [];
  #reader!: ReadableStreamDefaultReader<string>;

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const own = new EventReader();
    const reply = await fetch(url, { headers, signal: own.#abort.signal });
    assert.equal(reply.status, 200);
    assert.match(reply.headers.get("content-type")!, /^text\/event-stream/);
    own.#reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
    return own;
  }

  /** The next event of that name; `null` when the stream ends before. */
  async next(event: string): Promise<{ data: Record<string, unknown>; id: string | null } | null> {
    for (;;) {
      const at = this.#waiting.findIndex((one) => one.event === event);
      if (at !== -1) return this.#waiting.splice(at, 1)[0]!;
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#buffer += value;
      const blocks = this.#buffer.split("\n\n");
      this.#buffer = blocks.pop()!;
      for (const block of blocks) {
        const field = (name: string) =>
          block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        this.#waiting.push({
          event: field("event") ?? "message",
          data: JSON.parse(field("data") ?? "{}"),
          id: field("id") ?? null,
        });
      }
    }
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reader.cancel().catch(() => {});
  }
}
