import assert from "node:assert/strict";
import { problemResponse } from "../http.ts";
import { telemetryApi } from "./api.ts";
import { instantOf } from "../instant.ts";
import type { Series } from "./model.ts";
import { type Bench, MINUTE, reading, START, withStore } from "./testing.ts";

async function withApi(
  work: (get: (query: string) => Promise<Response>, b: Bench) => Promise<void>,
): Promise<void> {
  await withStore(async (b) => {
    const api = telemetryApi(
      b.telemetry,
      b.clock,
      (deviceId, channel) => deviceId === "led" && channel === "power" ? "%" : null,
    );
    api.onError((error, c) => problemResponse(error, c));
    for (let i = 0; i < 60; i++) {
      b.telemetry.record([
        reading(START + i * 1000, i),
        reading(START + i * 1000, i * 2, { deviceId: "stirrer", channel: "duty", unit: "%" }),
      ]);
    }
    await b.clock.advance(MINUTE);
    await work(async (query) => await api.request(`/telemetry/${query}`), b);
  });
}

const seriesOf = async (reply: Response) => (await reply.json() as { series: Series[] }).series;

Deno.test("the recorded channels are listed", () =>
  withApi(async (get) => {
    const reply = await get("channels");
    assert.equal(reply.status, 200);
    const lastAtMs = START + 59_000;
    assert.deepEqual((await reply.json()).channels, [
      { deviceId: "stirrer", channel: "duty", unit: "%", type: "number", lastAtMs },
      { deviceId: "temp", channel: "temperature", unit: "°C", type: "number", lastAtMs },
    ]);
  }));

Deno.test("series come in the order asked, with at most the buckets asked for", () =>
  withApi(async (get) => {
    const reply = await get(
      `series?channels=temp.temperature,stirrer.duty&from=${START}&to=${START + MINUTE}&buckets=6`,
    );
    assert.equal(reply.status, 200);
    const series = await seriesOf(reply);
    assert.deepEqual(series.map(({ deviceId, unit }) => [deviceId, unit]), [
      ["temp", "°C"],
      ["stirrer", "%"],
    ]);
    assert.deepEqual(series[1]!.buckets.map(({ min, max, count }) => [min, max, count]), [
      [0, 18, 10],
      [20, 38, 10],
      [40, 58, 10],
      [60, 78, 10],
      [80, 98, 10],
      [100, 118, 10],
    ]);
  }));

Deno.test("a range is taken as epoch milliseconds or as RFC 3339, and defaults to the last hour", () =>
  withApi(async (get, b) => {
    const at = async (query: string) => {
      const reply = await get(`series?channels=temp.temperature&buckets=1&${query}`);
      assert.equal(reply.status, 200, await reply.clone().text());
      const [{ fromMs, toMs }] = await seriesOf(reply) as [Series];
      return [fromMs, toMs];
    };
    const expected = [START, START + MINUTE];
    assert.deepEqual(await at(`from=${START}&to=${START + MINUTE}`), expected);
    assert.deepEqual(await at("from=2026-01-25T20:00:00Z&to=2026-01-25T20:01:00.000Z"), expected);
    assert.deepEqual(
      await at("from=2026-01-25T21:00:00%2B01:00&to=2026-01-25T21:01:00+01:00"),
      expected,
    );
    const now = b.clock.nowMs();
    assert.deepEqual(await at(""), [now - 60 * MINUTE, now]);
    assert.deepEqual(await at(`to=${START}`), [START - 60 * MINUTE, START]);
  }));

Deno.test("a channel of a device may be asked for before its first sample", () =>
  withApi(async (get) => {
    const [series] = await seriesOf(await get("series?channels=led.power&buckets=3"));
    assert.equal(series!.unit, "%");
    assert.ok(series!.buckets.every(({ count }) => count === 0));
  }));

Deno.test("an export is a download, named after its range", () =>
  withApi(async (get) => {
    const range = `from=${START}&to=${START + 2000}`;
    const csv = await get(`export?channels=temp.temperature,led.power&${range}`);
    assert.equal(csv.status, 200);
    assert.equal(csv.headers.get("content-type"), "text/csv; charset=utf-8");
    assert.equal(csv.headers.get("holdfast-level"), "raw");
    assert.equal(
      csv.headers.get("content-disposition"),
      'attachment; filename="telemetry-20260125T200000Z-20260125T200002Z.csv"',
    );
    assert.equal(
      await csv.text(),
      "time,temp.temperature [°C],led.power\n2026-01-25T20:00:00.000Z,0,\n2026-01-25T20:00:01.000Z,1,\n",
    );
    const grid = await get(`export?channels=temp.temperature&${range}&every=2000`);
    assert.equal(await grid.text(), "time,temp.temperature [°C]\n2026-01-25T20:00:00.000Z,1\n");
    const json = await get(`export?channels=stirrer.duty&${range}&format=json&quality=true`);
    assert.equal(json.headers.get("content-type"), "application/json");
    assert.deepEqual((await json.json()).rows, [
      ["2026-01-25T20:00:00.000Z", 0, "good"],
      ["2026-01-25T20:00:01.000Z", 2, "good"],
    ]);
  }));

Deno.test("every bad query is a 422 that names what is wrong", () =>
  withApi(async (get) => {
    const many = Array.from({ length: 33 }, (_, i) => `temp.c${i}`).join();
    for (
      const [query, wrong] of [
        ["series", "channels"],
        ["series?channels=", "at least one channel"],
        ["series?channels=temperature", '"temperature" is not a channel'],
        ["series?channels=Temp.x", '"Temp.x" is not a channel'],
        ["series?channels=temp.a.b", '"temp.a.b" is not a channel'],
        ["series?channels=temp.nothing", 'No channel "temp.nothing"'],
        [`series?channels=${many}`, "At most 32 channels"],
        ["series?channels=temp.temperature&buckets=0", "buckets"],
        ["series?channels=temp.temperature&buckets=5001", "buckets"],
        ["series?channels=temp.temperature&buckets=many", "buckets"],
        ["series?channels=temp.temperature&from=yesterday", '"yesterday" is neither'],
        ["series?channels=temp.temperature&from=2026-01-25", '"2026-01-25" is neither'],
        ["series?channels=temp.temperature&from=2026-01-25T20:00:00", "is neither"],
        ["series?channels=temp.temperature&from=2026-13-25T20:00:00Z", "is neither"],
        ["series?channels=temp.temperature&to=-5", "is neither"],
        [`series?channels=temp.temperature&from=${START}&to=${START}`, "ends before it begins"],
        [`series?channels=temp.temperature&from=99999999999999999`, "is neither"],
        ["series?channels=temp.temperature&resolution=5", "resolution"],
        ["export", "channels"],
        ["export?channels=temp.nothing", 'No channel "temp.nothing"'],
        ["export?channels=temp.temperature&format=xlsx", "format"],
        ["export?channels=temp.temperature&level=second", "level"],
        ["export?channels=temp.temperature&quality=1", "quality"],
        ["export?channels=temp.temperature&every=10", "every"],
        ["export?channels=temp.temperature&every=1000&level=hour", "A grid is for raw samples"],
      ] as const
    ) {
      const reply = await get(query);
      assert.equal(reply.status, 422, query);
      assert.equal(reply.headers.get("content-type"), "application/problem+json");
      const { type, detail } = await reply.json();
      assert.equal(type, "/problems/invalid-request");
      assert.ok(detail.includes(wrong), `${query}: ${detail}`);
    }
  }));

Deno.test("channels times buckets has a limit", () =>
  withApi(async (get, { telemetry }) => {
    const channels = Array.from({ length: 20 }, (_, i) => `c_${i}`);
    telemetry.record(channels.map((channel) => reading(START, 1, { channel })));
    const names = channels.map((channel) => `temp.${channel}`).join();
    assert.equal((await get(`series?channels=${names}&buckets=2500`)).status, 200);
    const reply = await get(`series?channels=${names}&buckets=2501`);
    assert.equal(reply.status, 422);
    assert.match((await reply.json()).detail, /buckets.*at most 50000/);
  }));

Deno.test("damaged telemetry is a 503 once, then charts start anew", () =>
  withApi(async (get, b) => {
    b.telemetry.settle();
    const { DatabaseSync } = await import("node:sqlite");
    {
      using db = new DatabaseSync(b.path);
      db.exec("DROP TABLE raw");
    }
    const broken = await get(`series?channels=temp.temperature&from=${START}&to=${START + MINUTE}`);
    assert.equal(broken.status, 503);
    assert.equal((await broken.json()).type, "/problems/store-unavailable");
    const anew = await get(`series?channels=temp.temperature&from=${START}&to=${START + MINUTE}`);
    assert.equal(anew.status, 200);
  }));

Deno.test("instants are read exactly", () => {
  assert.equal(instantOf("0"), 0);
  assert.equal(instantOf("1769371200000"), START);
  assert.equal(instantOf("2026-01-25T20:00:00.5Z"), START + 500);
  assert.equal(instantOf("2026-01-25t20:00:00z"), START);
  assert.equal(instantOf("2026-01-25 20:00:00Z"), START);
  assert.equal(instantOf("2026-01-25T14:30:00-05:30"), START);
  for (const bad of ["", "1e3", "1.5", "-1", "now", "2026-01-25T20:00Z", "2026-02-30T20:00:00Z"]) {
    assert.equal(instantOf(bad), null, bad);
  }
});
