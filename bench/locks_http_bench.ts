/**
 * Locks over HTTP as programs ask for them, through the calls of the device coordination service, and beside
 * that service in the same run where it is at hand:
 *
 * deno run -A bench/locks_http_bench.ts
 * COORDINATION_ORIGINAL=/folder/above/coordination COORDINATION_PYTHON=python3 deno run -A bench/locks_http_bench.ts
 *
 * Its grants are counted as it answers them, though of equals that contend nearly all are taken away again.
 */
import { type Figure, quantile, tellFigures } from "./figures.ts";
import { Asker, Line, load } from "./locks_load.ts";
import { type LockServer, originalMissing, startOriginal, startOurs } from "./locks_servers.ts";
import { pause } from "./whole_runtime.ts";

const RUN_MS = 2000;
const ROUNDS = 3;
const STANDING = 1000;
const SUBSCRIBER_REQUESTS = 60;
/** Beyond what the buffers of a socket that nobody reads hold. */
const STALLED_GRANTS = 4000;
const STUCK_MS = 5000;

interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly original: number | null;
  /** At least, or at most, so many times the original's figure. */
  readonly times?: { atLeast: number } | { atMost: number };
  /** The number to hold where no original is at hand. */
  readonly hold?: { atLeast: number } | { atMost: number };
}

const missing = await originalMissing();
if (missing !== null) console.log(`Without the original beside it: ${missing}\n`);
const rows: Row[] = [];
await startOurs().then((server) => server.end()); // once unmeasured: what has changed is transpiled

const plain = await measured((server) => throughput(server), false);
const socket = await measured((server) => fanOut(server), true);
for (const found of [plain, socket]) {
  for (const [what, ours] of Object.entries(found.ours)) {
    const original = found.original?.[what]?.value ?? null;
    rows.push({ what, unit: ours.unit, ours: ours.value, original, ...targets()[what] });
  }
}
console.table(rows.map(({ what, unit, ours, original }) => ({
  what,
  Holdfast: `${digits(ours)} ${unit}`,
  original: original === null ? "" : `${digits(original)} ${unit}`,
  ratio: original === null ? "" : (ours / original).toFixed(2),
})));
console.log(
  "Original: as published for the rows without a socket, JSON encoder patched for those with " +
    "subscribers; access log on, Redis without snapshots. Medians of " +
    `${ROUNDS} rounds of ${RUN_MS / 1000} s, the load generator on the same machine`,
);
tellFigures(rows.map(figureOf));

type Found = Record<string, { value: number; unit: string }>;

function targets(): Record<string, Pick<Row, "times" | "hold">> {
  return {
    "cycles a second, 1 client": { times: { atLeast: 1.5 }, hold: { atLeast: 1500 } },
    "cycles a second, 16 clients": { times: { atLeast: 4 }, hold: { atLeast: 3000 } },
    "cycles a second, 64 clients": { times: { atLeast: 5 }, hold: { atLeast: 3000 } },
    "acquire p50, 16 clients": { hold: { atMost: 3 } },
    "acquire p99, 16 clients": { hold: { atMost: 10 } },
    "32 equals: decisions a second": { hold: { atLeast: 1500 } },
    "32 equals: grants taken away again": { hold: { atMost: 0 } },
    "GET one, 16 connections": { hold: { atLeast: 10_000 } },
    [`GET all of ${STANDING}, 16 connections`]: { hold: { atLeast: 1500 } },
    "start to ready": { hold: { atMost: 300 } },
    "memory after load": { hold: { atMost: 100 } },
    "acquire p50, 0 subscribers": { hold: { atMost: 0.7 } },
    "acquire p50, 100 subscribers": { hold: { atMost: 1 } },
    "acquire p50, 300 subscribers": { hold: { atMost: 1.5 } },
    "last of 100 told, p50": { hold: { atMost: 3 } },
    "last of 300 told, p50": { hold: { atMost: 8 } },
    "grants beside one stalled subscriber": { hold: { atLeast: STALLED_GRANTS } },
  };
}

/** Rounds of ours and the original in turn, so that what else the machine does meets both. */
async function measured(
  measure: (server: LockServer) => Promise<Found>,
  patched: boolean,
): Promise<{ ours: Found; original: Found | null }> {
  const ours: Found[] = [];
  const original: Found[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await on(await startOurs()));
    if (missing === null) original.push(await on(await startOriginal(patched)));
  }
  return { ours: medians(ours), original: original.length === 0 ? null : medians(original) };

  async function on(server: LockServer): Promise<Found> {
    try {
      const found = await measure(server);
      const values = Object.entries(found).map(([what, { value, unit }]) =>
        `${what}: ${digits(value)} ${unit}`.trim()
      );
      console.log(`${server.name}: ${values.join("; ")}\n`);
      return found;
    } finally {
      await server.end();
    }
  }
}

function medians(rounds: readonly Found[]): Found {
  return Object.fromEntries(
    Object.entries(rounds[0]!).map(([what, { unit }]) => [
      what,
      { unit, value: quantile(rounds.map((round) => round[what]!.value), 0.5) },
    ]),
  );
}

async function throughput(server: LockServer): Promise<Found> {
  const found: Found = { "start to ready": { value: server.startMs, unit: "ms" } };
  for (const count of [1, 16, 64]) {
    const askers = await open(server, count);
    const { perS, tookMs } = await load(askers, RUN_MS, async (asker, i) => {
      const askedMs = performance.now();
      const key = await asker.acquire(`own${i}`);
      const tookMs = performance.now() - askedMs;
      if (key === null || !await asker.release(`own${i}`, key)) throw new Error("not granted");
      return tookMs;
    });
    const clients = count === 1 ? "1 client" : `${count} clients`;
    found[`cycles a second, ${clients}`] = { value: perS, unit: "/s" };
    if (count === 16) {
      for (const q of [50, 99]) {
        found[`acquire p${q}, 16 clients`] = { value: quantile(tookMs, q / 100), unit: "ms" };
      }
    }
    close(askers);
  }
  const equals = await open(server, 32);
  let lost = 0;
  const { perS } = await load(equals, RUN_MS, async (asker) => {
    const key = await asker.acquire("contended");
    if (key !== null && !await asker.release("contended", key)) lost++;
    return 0;
  });
  found["32 equals: decisions a second"] = { value: perS, unit: "/s" };
  found["32 equals: grants taken away again"] = { value: lost, unit: "" };
  for (let i = 0; i < STANDING; i++) await equals[0]!.acquire(`standing${i}`);
  close(equals);
  const reads = {
    "GET one": "/api/locks/device/standing7",
    [`GET all of ${STANDING}`]: "/api/locks/status",
  };
  for (const [what, path] of Object.entries(reads)) {
    const lines = await Promise.all(Array.from({ length: 16 }, () => Line.open(server.url)));
    let count = 0;
    const startMs = performance.now();
    await Promise.all(lines.map(async (line) => {
      for (; performance.now() - startMs < RUN_MS; count++) await line.get(path);
    }));
    const value = count / (performance.now() - startMs) * 1000;
    found[`${what}, 16 connections`] = { value, unit: "/s" };
    for (const line of lines) line[Symbol.dispose]();
  }
  found["memory after load"] = { value: server.memoryMb(), unit: "MB" };
  return found;
}

async function fanOut(server: LockServer): Promise<Found> {
  const found: Found = {};
  using asker = await Asker.open(server.url, "anna");
  for (const count of [0, 100, 300]) {
    const sockets = await Promise.all(Array.from({ length: count }, () => subscriber(server.url)));
    const tookMs: number[] = [];
    const toldMs: number[] = [];
    for (let i = 0; i < SUBSCRIBER_REQUESTS; i++) {
      const device = `told${i}`;
      const all = Promise.all(sockets.map((socket) => socket.told(device)));
      const askedMs = performance.now();
      const key = await asker.acquire(device);
      tookMs.push(performance.now() - askedMs);
      await all;
      toldMs.push(performance.now() - askedMs);
      await asker.release(device, key!);
      await pause(5);
    }
    found[`acquire p50, ${count} subscribers`] = { value: quantile(tookMs, 0.5), unit: "ms" };
    if (count > 0) {
      found[`last of ${count} told, p50`] = { value: quantile(toldMs, 0.5), unit: "ms" };
    }
    for (const socket of sockets) socket.close();
  }
  using stalled = await Line.open(server.url);
  await stalled.stall();
  let grants = 0;
  const stuck = pause(STUCK_MS).then(() => "stuck" as const);
  let last = stuck;
  while (grants < STALLED_GRANTS) {
    const cycle = (async () => {
      const key = await asker.acquire(`${"beside".repeat(15)}${grants}`);
      await asker.release(`${"beside".repeat(15)}${grants}`, key!);
    })();
    // The connection is closed under it where it stays stuck.
    cycle.catch(() => {});
    if (grants % 200 === 0) last = pause(STUCK_MS).then(() => "stuck" as const);
    if (await Promise.race([cycle, last]) === "stuck") break;
    grants++;
  }
  found["grants beside one stalled subscriber"] = { value: grants, unit: "" };
  return found;
}

interface Subscriber {
  told(device: string): Promise<void>;
  close(): void;
}

async function subscriber(url: string): Promise<Subscriber> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
  const waiting = new Map<string, () => void>();
  await new Promise<void>((resolve, reject) => {
    socket.onerror = () => reject(new Error("a subscriber was turned away"));
    socket.onmessage = ({ data }) => {
      const { type, action, device_name } = JSON.parse(data);
      if (type === "initial_status") resolve();
      if (action === "acquired") waiting.get(device_name)?.();
    };
  });
  return {
    told: (device) => new Promise((resolve) => waiting.set(device, resolve)),
    close: () => socket.close(),
  };
}

function open({ url }: LockServer, count: number): Promise<Asker[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => Asker.open(url, `user${i}`)));
}

function close(askers: readonly Asker[]): void {
  for (const asker of askers) asker[Symbol.dispose]();
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function figureOf({ what, unit, ours, original, times, hold }: Row): Figure {
  const beside = original === null ? "" : `; original ${digits(original)} ${unit}`;
  const figure = { what: `locks: ${what}`, measured: `${digits(ours)} ${unit}${beside}`.trim() };
  const [limit, found] = original !== null && times !== undefined
    ? [times, ours / original]
    : [hold, ours];
  if (limit === undefined) return figure;
  const by = limit === times ? "x the original" : ` ${unit}`;
  return "atLeast" in limit
    ? { ...figure, target: `>= ${limit.atLeast}${by}`, holds: found >= limit.atLeast }
    : { ...figure, target: `<= ${limit.atMost}${by}`, holds: found <= limit.atMost };
}
