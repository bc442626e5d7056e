import assert from "node:assert/strict";
import { Alarms } from "../alarms/mod.ts";
import { systemClock } from "../clock.ts";
import type { DeviceView, Reading } from "../devices/mod.ts";
import { Kv } from "../kv.ts";
import { Listeners } from "../listeners.ts";
import { silentLog } from "../log.ts";
import { LimitAlarms } from "./limit_alarms.ts";
import type { ChannelLimits } from "./model.ts";

const KEY = "vial-temperature.temperature";

async function rig(limits: Record<string, ChannelLimits>) {
  const kv = await Kv.open(":memory:", systemClock);
  const alarms = await Alarms.open(kv, systemClock, silentLog);
  const readings = new Listeners<[Reading[]]>();
  const channels = [{ id: "temperature", label: "Temperature", unit: "°C" }];
  const view = {
    capability: { deviceId: "vial-temperature", label: "Vial temperature", channels },
  };
  let last = Promise.resolve();
  const sources = {
    devices: {
      list: () => [view as unknown as DeviceView],
      onReadings: (listener: (readings: Reading[]) => void) => readings.add(listener),
    },
    alarms: {
      active: () => alarms.active(),
      raise: (alarm: Parameters<Alarms["raise"]>[0]) => last = alarms.raise(alarm),
      clear: (id: string) => last = alarms.clear(id),
    },
    limits: () => limits,
  };
  return {
    alarms,
    sources,
    watch: new LimitAlarms(sources, silentLog),
    /** Takes readings one after the other; alarms that stand then. */
    async read(...values: (number | null)[]): Promise<string[]> {
      for (const value of values) {
        readings.tell([{
          deviceId: "vial-temperature",
          channel: "temperature",
          value,
          unit: "°C",
          atMs: 0,
          quality: value === null ? "bad" : "good",
        }]);
        await last;
      }
      return this.standing();
    },
    settled: () => last,
    standing: () => alarms.active().filter((one) => one.clearedAtMs === null).map((one) => one.id),
    [Symbol.asyncDispose]: () => kv.close(),
  };
}

Deno.test("three readings outside a limit raise its alarm, three inside end it; an outlier does neither", async () => {
  await using it = await rig({ [KEY]: { alarm_below: 30, alarm_above: 38 } });
  const above = `limit-above:${KEY}`;
  assert.deepEqual(await it.read(37, 99, 38, 39, 39), []);
  assert.deepEqual(await it.read(38.1), [above]);
  const [alarm] = it.alarms.active();
  assert.equal(alarm!.title, "Vial temperature is above its limit");
  assert.match(alarm!.text, /above 38 °C/);
  assert.equal(alarm!.subject, "vial-temperature");
  // What has no number neither raises nor ends.
  assert.deepEqual(await it.read(37, 37, 40, null, null, null, 37, 37, null), [above]);
  assert.deepEqual(await it.read(37), []);
  assert.deepEqual(await it.read(29, 29, 29), [`limit-below:${KEY}`]);
});

Deno.test("a limit itself is inside, and a channel without limits has no alarm", async () => {
  await using it = await rig({ [KEY]: { alarm_above: 38 }, "other.channel": { alarm_above: 0 } });
  assert.deepEqual(await it.read(38, 38, 38, 38, -273, -273, -273, -273), []);
});

Deno.test("the alarm of a limit that is taken away is over, also when that was before a restart", async () => {
  const limits: Record<string, ChannelLimits> = { [KEY]: { alarm_above: 38 } };
  await using it = await rig(limits);
  assert.equal((await it.read(40, 40, 40)).length, 1);
  it.watch.reconsider();
  assert.equal(it.standing().length, 1);
  it.watch.close();
  delete limits[KEY];
  assert.deepEqual((await it.read(40, 40, 40)).length, 1, "nobody listens any more");
  const again = new LimitAlarms(it.sources, silentLog);
  await it.settled();
  assert.deepEqual(it.standing(), []);
  again.close();
});
