/**
 * The lock service in this process on a file-backed store: acquire and release a second with a device for
 * each caller, decisions a second on one contended device with every answer checked, time of one grant beside
 * many watchers and a stalled one, and reading a long list.
 *
 * deno run -A bench/locks_bench.ts
 */
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { Kv } from "../lib/kv.ts";
import { type Asker, LOCK_SCOPES, LockAsk, Locks } from "../lib/locks/mod.ts";
import { type Figure, quantile, tellFigures } from "./figures.ts";

const WARM_UP_MS = 300;
const MEASURE_MS = 1500;
/** Cycles a second over HTTP that the original reaches, times the factor to beat it by. */
const CYCLES = [
  { callers: 1, target: 1500 },
  { callers: 16, target: 5900 },
  { callers: 64, target: 6900 },
];
const EQUALS = 32;
const EQUAL_DECISIONS = 1500;
const LISTED = 1000;

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const dir = await Deno.makeTempDir();
const kv = await Kv.open(join(dir, "kv.sqlite"), systemClock);
const startMs = performance.now();
const locks = await Locks.open(kv, systemClock);
const openedMs = performance.now() - startMs;
try {
  const figures: Figure[] = [];
  for (const { callers, target } of CYCLES) figures.push(await cycles(callers, target));
  figures.push(await contended());
  for (const watchers of [0, 100, 300]) figures.push(await watched(watchers));
  figures.push(await stalled());
  figures.push(await listed());
  figures.push({ what: "locks: open an empty store", measured: `${openedMs.toFixed(1)} ms` });
  for (const { what, measured } of figures) console.log(`${what}: ${measured}`);
  tellFigures(figures);
} finally {
  locks.close();
  await kv.close();
  await Deno.remove(dir, { recursive: true });
}

function person(name: string): Asker {
  return { actor: `user:${name}`, label: name, client: null, asserted: false, may: LOCK_SCOPES };
}

async function acquire(asker: Asker, deviceId: string): Promise<string | null> {
  const ask = LockAsk.parse({ deviceIds: [deviceId], type: "MANUAL_OPERATOR" });
  const answer = await locks.request(ask, asker);
  return answer.ok && answer.value.kind === "granted" ? answer.value.grant.lock.id : null;
}

async function cycle(asker: Asker, deviceId: string): Promise<number> {
  const startMs = performance.now();
  const id = await acquire(asker, deviceId);
  const grantedMs = performance.now() - startMs;
  if (id === null) throw new Error(`"${deviceId}" was not granted to its only asker`);
  if (!(await locks.release(id, { asker })).ok) throw new Error("A release was refused");
  return grantedMs;
}

/** Runs `turn` on every caller for a while; what it gives are milliseconds. */
async function measure(
  callers: number,
  turn: (caller: number) => Promise<number>,
): Promise<Measured> {
  const beginMs = performance.now() + WARM_UP_MS;
  const endMs = beginMs + MEASURE_MS;
  const times: number[] = [];
  await Promise.all(Array.from({ length: callers }, async (_, caller) => {
    while (performance.now() < endMs) {
      const tookMs = await turn(caller);
      if (performance.now() > beginMs) times.push(tookMs);
    }
  }));
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / MEASURE_MS * 1000,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
}

async function cycles(callers: number, target: number): Promise<Figure> {
  const askers = Array.from({ length: callers }, (_, i) => person(`${callers}-${i}`));
  const { perSecond, p50Ms, p99Ms } = await measure(
    callers,
    (i) => cycle(askers[i]!, `own-${callers}-${i}`),
  );
  return {
    what: `locks in process: acquire + release, ${callers} callers`,
    measured: `${Math.round(perSecond)}/s, acquire p50 ${p50Ms.toFixed(2)} p99 ${
      p99Ms.toFixed(2)
    } ms`,
    target: `>= ${target}/s`,
    holds: perSecond >= target,
  };
}

/** Everybody wants one device; each grant is checked to be the only one. */
async function contended(): Promise<Figure> {
  const askers = Array.from({ length: EQUALS }, (_, i) => person(`equal-${i}`));
  let holder: number | null = null;
  let violations = 0;
  let grants = 0;
  const { perSecond } = await measure(EQUALS, async (i) => {
    const startMs = performance.now();
    const id = await acquire(askers[i]!, "one");
    if (id !== null) {
      if (holder !== null) violations++;
      holder = i;
      grants++;
      await Promise.resolve();
      holder = null;
      await locks.release(id, { asker: askers[i]! });
    }
    return performance.now() - startMs;
  });
  return {
    what: `locks in process: ${EQUALS} equals on one device`,
    measured: `${Math.round(perSecond)} decisions/s, ${grants} grants, ${violations} violations`,
    target: `>= ${EQUAL_DECISIONS}/s, 0 violations`,
    holds: perSecond >= EQUAL_DECISIONS && violations === 0,
  };
}

async function watched(watchers: number): Promise<Figure> {
  const stop = Array.from({ length: watchers }, () => {
    const events = locks.subscribe();
    const reading = (async () => {
      for await (const _ of events);
    })();
    return () => (events[Symbol.dispose](), reading);
  });
  const { p50Ms, p99Ms } = await measure(1, () => cycle(person("watched"), "watched"));
  await Promise.all(stop.map((end) => end()));
  return {
    what: `locks in process: acquire beside ${watchers} watchers`,
    measured: `p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms`,
  };
}

async function stalled(): Promise<Figure> {
  using _events = locks.subscribe({ capacity: 256 });
  const { perSecond, p50Ms } = await measure(16, (i) => cycle(person(`s${i}`), `stalled-${i}`));
  return {
    what: "locks in process: 16 callers beside a watcher that stopped reading",
    measured: `${Math.round(perSecond)}/s, acquire p50 ${p50Ms.toFixed(2)} ms`,
  };
}

async function listed(): Promise<Figure> {
  const asker = person("lister");
  const ids = await Promise.all(
    Array.from({ length: LISTED }, (_, i) => acquire(asker, `listed-${i}`)),
  );
  const { p50Ms } = await measure(1, () => {
    const startMs = performance.now();
    if (locks.list().value.length !== LISTED) throw new Error("The list is not whole");
    const tookMs = performance.now() - startMs;
    return new Promise((resolve) => setTimeout(() => resolve(tookMs), 0));
  });
  await Promise.all(ids.map((id) => locks.release(id!, { asker })));
  return {
    what: `locks in process: list ${LISTED} locks`,
    measured: `${p50Ms.toFixed(3)} ms`,
  };
}
