/**
 * The live stream over real HTTP on loopback: readings at 10 Hz to 10, 100 and 500 viewers. The server is
 * a process of its own and so are the viewers, which read raw TCP, so that `server CPU` is the server's alone.
 *
 * deno run -A bench/stream_bench.ts
 */
import process from "node:process";
import { systemClock } from "../lib/clock.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import type { DeviceView, Reading } from "../lib/devices/model.ts";
import type { EventDelivery } from "../lib/events.ts";
import { silentLog } from "../lib/log.ts";
import { LiveStream, streamApi } from "../lib/telemetry/mod.ts";
import { OpenAPIHono } from "@hono/zod-openapi";
import { tellFigures } from "./figures.ts";

const VIEWERS = [10, 100, 500];
const WARM_UP_MS = 2000;
const MEASURE_MS = 8000;
const HZ = 10;
const DEVICES = 6;
const CHANNELS = 2;
/** Of one core, at the largest number of viewers. */
const TARGET_CPU_PERCENT = 50;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Sample {
  cpuMs: number;
  rssMb: number;
  lagMsMax: number;
  deliveries: number;
  dropped: number;
}

/** Asks a child for one line. */
class Child {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #asks: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";

  constructor(...args: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.filename!, ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#asks = this.#process.stdin.getWriter();
  }

  async line<T>(): Promise<T> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("The child process ended");
      this.#rest += value;
    }
    const at = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, at);
    this.#rest = this.#rest.slice(at + 1);
    return JSON.parse(line) as T;
  }

  async ask<T>(): Promise<T> {
    await this.#asks.write(new Uint8Array([10]));
    return await this.line<T>();
  }

  async end(): Promise<void> {
    await this.#asks.close();
    await this.#process.status;
  }
}

async function main(): Promise<void> {
  console.log(
    `Live stream: ${
      DEVICES * CHANNELS
    } readings in a batch, ${HZ} batches a second, loopback HTTP/1.1`,
  );
  const rows = [];
  for (const viewers of VIEWERS) {
    const server = new Child("serve");
    const { port } = await server.line<{ port: number }>();
    const idle = await server.ask<Sample>();
    const crowd = new Child("watch", String(port), String(viewers));
    await crowd.line();
    await pause(WARM_UP_MS);
    const [a, heardA] = [await server.ask<Sample>(), await crowd.ask<{ events: number }>()];
    await pause(MEASURE_MS);
    const [b, heardB] = [await server.ask<Sample>(), await crowd.ask<{ events: number }>()];
    const seconds = MEASURE_MS / 1000;
    rows.push({
      viewers,
      "sent/s": Math.round((b.deliveries - a.deliveries) / seconds),
      "received/s": Math.round((heardB.events - heardA.events) / seconds),
      "server CPU %": Math.round((b.cpuMs - a.cpuMs) / MEASURE_MS * 1000) / 10,
      "lag max ms": Math.round(b.lagMsMax),
      "RSS MB": Math.round(b.rssMb),
      "RSS before MB": Math.round(idle.rssMb),
      dropped: b.dropped,
    });
    await crowd.end();
    await server.end();
  }
  console.table(rows);
  tellFigures(rows.map((row) => ({
    what: `SSE, ${row.viewers} viewers at ${HZ} Hz`,
    measured: `${row["received/s"].toLocaleString("en-US")} deliveries/s, ` +
      `${row["server CPU %"]} % of a core, ${row["RSS MB"]} MB` +
      (row.dropped === 0 ? "" : `, ${row.dropped} viewers dropped`),
    ...(row.viewers === VIEWERS.at(-1)
      ? {
        target: `< ${TARGET_CPU_PERCENT} %`,
        holds: row["server CPU %"] < TARGET_CPU_PERCENT &&
          row["received/s"] >= 0.95 * row.viewers * HZ,
      }
      : {}),
  })));
}

async function serve(): Promise<void> {
  let feed: (readings: readonly Reading[]) => void = () => {};
  const stream = new LiveStream(
    {
      events: {
        firstSeq: () => Promise.resolve(1),
        read: () => Promise.resolve([]),
        subscribe: () => silence(),
      },
      seq: () => 0,
      devices: (): DeviceView[] => [],
      alarms: () => [],
      onReadings: (listener) => {
        feed = listener;
        return () => {};
      },
      onDevice: () => () => {},
      onExperiment: () => () => {},
      onAlarm: () => () => {},
    },
    systemClock,
    silentLog,
  );
  const app = new OpenAPIHono<HoldfastEnv>();
  app.use(async (c, next) => {
    c.set("principal", { kind: "anonymous", role: null });
    await next();
  });
  app.route("/", streamApi(stream));
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: ({ port }) => console.log(JSON.stringify({ port })),
  }, app.fetch);
  let lagMsMax = 0;
  let due = performance.now();
  const beat = setInterval(() => {
    due += 1000 / HZ;
    lagMsMax = Math.max(lagMsMax, performance.now() - due);
    feed(readings());
  }, 1000 / HZ);
  for await (const _ of Deno.stdin.readable) {
    const { user, system } = process.cpuUsage();
    const { deliveries, dropped } = stream.status();
    const sample: Sample = {
      cpuMs: (user + system) / 1000,
      rssMb: Deno.memoryUsage().rss / 1e6,
      lagMsMax,
      deliveries,
      dropped,
    };
    lagMsMax = 0;
    due = performance.now();
    console.log(JSON.stringify(sample));
  }
  clearInterval(beat);
  stream.close();
  await server.shutdown();
}

/** A log in which nothing happens. */
function silence(): AsyncIterableIterator<EventDelivery> & Disposable {
  const end = Promise.withResolvers<IteratorResult<EventDelivery>>();
  return {
    next: () => end.promise,
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.dispose]: () => end.resolve({ done: true, value: undefined }),
  };
}

function readings(): Reading[] {
  const atMs = Date.now();
  return Array.from({ length: DEVICES * CHANNELS }, (_, i) => ({
    deviceId: `device-${i % DEVICES}`,
    channel: `channel_${Math.floor(i / DEVICES)}`,
    value: Math.round(Math.random() * 1e6) / 1e4,
    unit: "°C",
    atMs,
    quality: "good",
  }));
}

/** Opens `count` viewers, says so, then answers each line with the number of batches they have received. */
async function watch(port: number, count: number): Promise<void> {
  let events = 0;
  const mark = new TextEncoder().encode("event: readings");
  const connections = await Promise.all(Array.from({ length: count }, async () => {
    const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
    await connection.write(new TextEncoder().encode(
      `GET /stream HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n\r\n`,
    ));
    return connection;
  }));
  for (const connection of connections) {
    (async () => {
      const buffer = new Uint8Array(16_384);
      for (;;) {
        const length = await connection.read(buffer).catch(() => null);
        if (length === null) return;
        events += occurrences(buffer.subarray(0, length), mark);
      }
    })();
  }
  console.log("{}");
  for await (const _ of Deno.stdin.readable) console.log(JSON.stringify({ events }));
  for (const connection of connections) connection.close();
}

/** A mark cut in two by a read is missed; with batches of a kilobyte that is rare. */
function occurrences(bytes: Uint8Array, mark: Uint8Array): number {
  let found = 0;
  const last = bytes.length - mark.length;
  for (let i = bytes.indexOf(mark[0]!); i !== -1 && i <= last; i = bytes.indexOf(mark[0]!, i + 1)) {
    let k = 1;
    while (k < mark.length && bytes[i + k] === mark[k]) k++;
    if (k === mark.length) found++;
  }
  return found;
}

if (import.meta.main) {
  const [mode, port, count] = Deno.args;
  if (mode === "serve") await serve();
  else if (mode === "watch") await watch(Number(port), Number(count));
  else await main();
}
