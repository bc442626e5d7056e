import assert from "node:assert/strict";
import { ManualClock } from "./clock.ts";
import { EventLog } from "./events.ts";
import { eventsApi } from "./events_api.ts";
import { problemResponse } from "./http.ts";
import { Kv } from "./kv.ts";

async function withApi(
  work: (get: (query: string) => Promise<Page>, log: EventLog, clock: ManualClock) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  using log = new EventLog(kv, clock, { countMax: 4, ageMaxMs: 1e12 });
  for (
    const [type, subject] of [
      ["device.setpoint", "stirrer"],
      ["experiment.state", "E1"],
      ["device.setpoint", "led"],
      ["device.fault", "stirrer"],
      ["instrument.stopped", "instrument"],
    ]
  ) {
    await kv.transact([], () => ({
      ok: true,
      value: {
        value: null,
        events: [{ type: type!, subject: subject!, actor: "system", text: "" }],
      },
    }));
  }
  const api = eventsApi(log);
  api.onError((error, c) => problemResponse(error, c));
  try {
    await work(
      async (query) => {
        const reply = await api.request(`/events${query}`);
        return { status: reply.status, ...await reply.json() };
      },
      log,
      clock,
    );
  } finally {
    kv.close();
  }
}

interface Page {
  status: number;
  events: { seq: number }[];
  firstSeq: number;
  lastSeq: number;
  next: number | null;
  detail: string;
}

const seqs = (page: Page) => page.events.map(({ seq }) => seq);

Deno.test("events come newest first, or oldest first after a number, page by page", () =>
  withApi(async (get) => {
    const all = await get("");
    assert.deepEqual(seqs(all), [5, 4, 3, 2, 1]);
    assert.deepEqual([all.firstSeq, all.lastSeq, all.next], [1, 5, null]);

    const first = await get("?limit=2");
    assert.deepEqual([seqs(first), first.next], [[5, 4], 4]);
    const second = await get(`?limit=2&before=${first.next}`);
    assert.deepEqual([seqs(second), second.next], [[3, 2], 2]);
    const third = await get(`?limit=2&before=${second.next}`);
    assert.deepEqual([seqs(third), third.next], [[1], null]);

    const up = await get("?limit=2&after=1");
    assert.deepEqual([seqs(up), up.next], [[2, 3], 3]);
    assert.deepEqual(seqs(await get("?after=5")), []);
    assert.deepEqual(seqs(await get("?order=asc&limit=2")), [1, 2]);
    assert.deepEqual(seqs(await get("?order=desc&after=2")), [5, 4, 3]);
    assert.deepEqual(seqs(await get("?order=asc&before=3")), [1, 2]);
    assert.deepEqual(seqs(await get("?after=1&before=4")), [2, 3]);
  }));

Deno.test("events are filtered by type, by the beginning of a type, and by subject", () =>
  withApi(async (get) => {
    assert.deepEqual(seqs(await get("?type=device.")), [4, 3, 1]);
    assert.deepEqual(seqs(await get("?type=device.setpoint,instrument")), [5, 3, 1]);
    assert.deepEqual(seqs(await get("?subject=stirrer")), [4, 1]);
    assert.deepEqual(seqs(await get("?subject=stirrer&type=device.fault")), [4]);
    assert.deepEqual(seqs(await get("?subject=nobody")), []);
  }));

Deno.test("the oldest event that is kept is told", () =>
  withApi(async (get, log) => {
    await log.trim();
    const page = await get("?after=0");
    assert.deepEqual([seqs(page), page.firstSeq], [[2, 3, 4, 5], 2]);
  }));

Deno.test("a query of the event log that makes no sense is refused, naming what is wrong", () =>
  withApi(async (get) => {
    for (
      const [query, wrong] of [
        ["?limit=0", "limit"],
        ["?limit=1001", "limit"],
        ["?limit=ten", "limit"],
        ["?after=-1", "after"],
        ["?before=1.5", "before"],
        ["?order=up", "order"],
        ["?type=,", "type"],
        ["?type=Device%20set", "type"],
        ["?subject=", "subject"],
        ["?since=5", "since"],
      ] as const
    ) {
      const { status, detail } = await get(query);
      assert.equal(status, 422, query);
      assert.ok(detail.includes(wrong), `${query}: ${detail}`);
    }
  }));
