/**
 * The queue with 10, 1 000 and 10 000 experiments waiting: submit, reorder and list by 16 callers at once,
 * beside the design of the original hub, which writes its whole queue into one JSON file at each change;
 * and from the submission to the script's first line.
 *
 * Ours is durable and checked when it answers, the peer's file is not even synced. A submission's check of
 * the script, which the peer does not make, is left out of the first figures and part of the last.
 *
 * deno run -A bench/queue_bench.ts
 */
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { publicView } from "../lib/experiments/mod.ts";
import { Limits } from "../lib/experiments/model.ts";
import { ExperimentStore } from "../lib/experiments/store.ts";
import { openRig } from "../lib/experiments/test_rig.ts";
import { newId } from "../lib/ids.ts";
import { Kv } from "../lib/kv.ts";
import { type Figure, quantile, tellFigures } from "./figures.ts";
import { JsonFileHub } from "./json_file_hub.ts";

const WAITING = [10, 1000, 10_000];
const CALLERS = 16;
/** Entries in one answer of ours; the peer knows no pages and lists all. */
const PAGE = 200;
const MEASURE_MS = 1200;
/** A queue of ten must not become one of thousands by being measured. */
const SUBMITS_MAX = 400;
const STARTS = 5;
/** Of submissions and moves with the most waiting. */
const TARGET_RATIO = 20;
/** Of a first page over the peer's whole list, with the most waiting. */
const TARGET_LIST_RATIO = 4;
/** Of a submission's p50 with the most waiting over that with the fewest. */
const TARGET_GROWTH = 2;
const SCRIPT = `print("started", flush=True)\n# ${"x".repeat(1500)}\n`;

interface Measure {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}
interface Queue {
  submit(): Promise<string> | string;
  reorder(id: string, place: number): Promise<unknown> | void;
  list(): string;
}

const figures: Figure[] = [];
const dir = await Deno.makeTempDir({ prefix: "holdfast-bench-queue-" });
try {
  const submits: Measure[] = [];
  for (const waiting of WAITING) {
    const ours = await measureOurs(waiting);
    const hub = await measureHub(waiting);
    console.log(`\n${waiting} waiting, ${CALLERS} callers`);
    console.table({ ...rowsOf("ours", ours), ...rowsOf("one JSON file", hub) });
    submits.push(ours.submit);
    for (const act of ["submit", "reorder", "list"] as const) {
      const ratio = ours[act].perSecond / hub[act].perSecond;
      const last = waiting === WAITING.at(-1);
      const target = act === "list" ? TARGET_LIST_RATIO : TARGET_RATIO;
      const p99 = ours[act].p99Ms.toFixed(1);
      const peer = `${ratio.toFixed(1)}x one JSON file`;
      figures.push({
        what: `queue, ${waiting} waiting: ${act}${act === "list" ? `, a page of ${PAGE}` : ""}`,
        measured: `${Math.round(ours[act].perSecond)}/s, p99 ${p99} ms, ${peer}`,
        ...(last ? { target: `>= ${target}x`, holds: ratio >= target } : {}),
      });
    }
  }
  const growth = submits.at(-1)!.p50Ms / submits[0]!.p50Ms;
  figures.push({
    what: `queue: p50 of submit, ${WAITING.at(-1)} over ${WAITING[0]} waiting`,
    measured: `${growth.toFixed(2)}x`,
    target: `<= ${TARGET_GROWTH}x`,
    holds: growth <= TARGET_GROWTH,
  });
  await measureStarts();
} finally {
  await Deno.remove(dir, { recursive: true });
}
for (const { what, measured } of figures) console.log(`${what}: ${measured}`);
tellFigures(figures);

async function measureOurs(waiting: number): Promise<Record<keyof Queue, Measure>> {
  const kv = await Kv.open(join(dir, `ours-${waiting}`), systemClock);
  try {
    const store = await ExperimentStore.open(kv, systemClock);
    const experiments = { position: (id: string) => store.live.position(id) };
    await Promise.all(Array.from({ length: waiting }, () => add(store)));
    return await measured({
      submit: () => add(store),
      reorder: (id, place) => store.move(id, place, "user:anna"),
      list: () => {
        const page = store.live.waitingPage(null, PAGE);
        return JSON.stringify(page.experiments.map((one) => publicView(experiments, one)));
      },
    });
  } finally {
    kv.close();
  }
}

async function add(store: ExperimentStore): Promise<string> {
  const added = await store.add(
    {
      id: newId(systemClock),
      title: "bench",
      owner: "user:anna",
      kind: "python",
      scriptSha256: "00",
      devices: [],
      limits: Limits.parse({}),
      endState: {},
      onInterrupt: "fail",
      idempotencyKey: null,
    },
    { active: Infinity, waiting: Infinity },
    "user:anna",
  );
  if (!added.ok) throw new RangeError(`Cannot submit: ${added.refusal.kind}`);
  return added.value.experiment.id;
}

async function measureHub(waiting: number): Promise<Record<keyof Queue, Measure>> {
  const hub = new JsonFileHub(join(dir, "queue.json"), "python3");
  hub.fill(waiting, SCRIPT);
  return await measured({
    submit: () => hub.submit(SCRIPT),
    reorder: (id, place) => hub.reorder(id, place - 1),
    list: () => hub.list(),
  });
}

async function measured(queue: Queue): Promise<Record<keyof Queue, Measure>> {
  const ids: string[] = [];
  // Nobody writes for it, so callers at once are one after another.
  const list = await rate(() => void queue.list());
  const submit = await rate(async () => void ids.push(await queue.submit()), SUBMITS_MAX);
  const reorder = await rate(async (turn) => {
    await queue.reorder(ids[turn % ids.length]!, 1 + (turn * 7919) % 9);
  });
  return { submit, reorder, list };
}

/** What 16 callers get done; each takes its next turn when its last is over. */
async function rate(
  act: (turn: number) => Promise<void> | void,
  most = Infinity,
): Promise<Measure> {
  const took: number[] = [];
  let turn = 0;
  const startMs = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, async () => {
    while (turn < most && performance.now() - startMs < MEASURE_MS) {
      // Whoever waits for its turn waits, as a request does behind others.
      const askedMs = performance.now();
      await Promise.resolve();
      await act(turn++);
      took.push(performance.now() - askedMs);
    }
  }));
  const passedMs = performance.now() - startMs;
  return {
    perSecond: took.length / passedMs * 1000,
    p50Ms: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
  };
}

/** From the submission to the first line of output, in an empty queue. */
async function measureStarts(): Promise<void> {
  const found = await new Deno.Command("bwrap", { args: ["--version"] }).output().catch(() => null);
  if (found === null) {
    figures.push({
      what: "queue: submission to the script's first line",
      measured: "skipped: bwrap not installed",
    });
    return;
  }
  const ours: number[] = [];
  {
    await using rig = await openRig({ config: { activeLimit: 1000 } });
    for (let i = 0; i < STARTS; i++) {
      const startMs = performance.now();
      const { id } = await rig.submit(SCRIPT);
      await rig.says(id, "started");
      ours.push(performance.now() - startMs);
      await rig.ended(id);
    }
  }
  const hubs: number[] = [];
  const hub = new JsonFileHub(join(dir, "starts.json"), "python3");
  for (let i = 0; i < STARTS; i++) {
    const working = hub.work();
    // Anywhere between two of its looks.
    await new Promise((done) => setTimeout(done, 400 * i + 100));
    const startMs = performance.now();
    hub.submit(SCRIPT);
    await working;
    hubs.push(performance.now() - startMs);
  }
  const [p50, peer] = [quantile(ours, 0.5), quantile(hubs, 0.5)];
  figures.push({
    what: "queue: submission to the script's first line",
    measured: `p50 ${Math.round(p50)} ms; one JSON file, polled: ${Math.round(peer)} ms`,
  });
}

function rowsOf(name: string, of: Record<keyof Queue, Measure>) {
  return Object.fromEntries(
    Object.entries(of).map(([act, { perSecond, p50Ms, p99Ms }]) => [`${name}: ${act}`, {
      "per s": Math.round(perSecond),
      "p50 ms": Number(p50Ms.toFixed(2)),
      "p99 ms": Number(p99Ms.toFixed(2)),
    }]),
  );
}
