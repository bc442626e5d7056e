import assert from "node:assert/strict";
import type { Alarm } from "../alarms/model.ts";
import { ManualClock } from "../clock.ts";
import type { DeviceView, Reading } from "../devices/model.ts";
import { EventLog } from "../events.ts";
import { createApi, problemResponse } from "../http.ts";
import { Kv } from "../kv.ts";
import { silentLog } from "../log.ts";
import { streamApi } from "./api.ts";
import { LiveStream, type StreamAsk, type StreamOptions } from "./stream.ts";
import { reading } from "./testing.ts";

interface Message {
  event: string;
  id: string | undefined;
  data: Record<string, unknown>;
}

/** Reads a stream as an EventSource does. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";
  retryMs: number | null = null;
  lastEventId: string | undefined;

  constructor(response: Response) {
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event; `null` when the stream has ended. */
  async next(): Promise<Message | null> {
    for (;;) {
      const end = this.#rest.indexOf("\n\n");
      if (end === -1) {
        const { done, value } = await this.#reader.read();
        if (done) return null;
        this.#rest += value;
        continue;
      }
      const block = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      const fields = new Map(
        block.split("\n").filter((line) => !line.startsWith(":"))
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(": ") + 2)]),
      );
      if (fields.has("retry")) this.retryMs = Number(fields.get("retry"));
      if (fields.has("id")) this.lastEventId = fields.get("id");
      if (!fields.has("data")) continue;
      return {
        event: fields.get("event")!,
        id: fields.get("id"),
        data: JSON.parse(fields.get("data")!),
      };
    }
  }

  /** The next event, which must be called `name`. */
  async expect(name: string): Promise<Message> {
    const message = await this.next();
    assert.equal(message?.event, name, JSON.stringify(message));
    return message!;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

interface Stage {
  clock: ManualClock;
  kv: Kv;
  events: EventLog;
  stream: LiveStream;
  views: DeviceView[];
  alarms: Alarm[];
  measure(readings: Reading[]): void;
  change(view: DeviceView): void;
  experiment(e: object): void;
  alarm(alarm: Alarm): void;
  /** Appends an event; @returns its number. */
  happen(text: string, type?: string, subject?: string): Promise<number>;
  open(ask?: Partial<StreamAsk>): Reader;
  /** Reads of the log under way at the same moment, at most so far. */
  readsAtOnce(): number;
}

async function withStream(
  work: (s: Stage) => Promise<void>,
  options: Partial<StreamOptions> = {},
  /** Events the log keeps for the stream when it is slow. */
  capacity?: number,
): Promise<void> {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const events = new EventLog(kv, clock, { countMax: 50, ageMaxMs: 1e12 });
  /** What Devices, Alarms and Experiments are to the stream: someone who calls listeners. */
  function source<T>() {
    const listeners = new Set<(value: T) => void>();
    return {
      on(listener: (value: T) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      tell: (value: T) => listeners.forEach((listener) => listener(value)),
      listeners,
    };
  }
  let underWay = 0;
  let readsMost = 0;
  const readings = source<readonly Reading[]>();
  const devices = source<DeviceView>();
  const experiments = source<object>();
  const alarms = source<Alarm>();
  const stage: Omit<Stage, "stream"> & { stream?: LiveStream } = {
    clock,
    kv,
    events,
    views: [view("stirrer"), view("led")],
    alarms: [],
    measure: readings.tell,
    change: devices.tell,
    experiment: experiments.tell,
    alarm: alarms.tell,
    async happen(text, type = "device.setpoint", subject = "stirrer") {
      await kv.transact([], () => ({
        ok: true,
        value: {
          value: null,
          events: [{ type, subject, actor: "system", text }],
        },
      }));
      return kv.seq;
    },
    readsAtOnce: () => readsMost,
    open: (ask = {}) =>
      new Reader(stage.stream!.open({
        topics: [],
        devices: [],
        lastEventId: null,
        actor: "user:anna",
        ...ask,
      })),
  };
  stage.stream = new LiveStream(
    {
      events: {
        firstSeq: () => events.firstSeq(),
        read: (q) => {
          readsMost = Math.max(readsMost, ++underWay);
          return events.read(q).finally(() => underWay--);
        },
        subscribe: (q) => events.subscribe({ ...q, capacity }),
      },
      seq: () => kv.seq,
      devices: () => stage.views,
      alarms: () => stage.alarms,
      onReadings: readings.on,
      onDevice: devices.on,
      onExperiment: experiments.on,
      onAlarm: alarms.on,
    },
    clock,
    silentLog,
    options,
  );
  try {
    await work(stage as Stage);
  } finally {
    stage.stream.close();
    events[Symbol.dispose]();
    kv.close();
    assert.equal(readings.listeners.size + devices.listeners.size, 0);
  }
}

function view(deviceId: string, duty = 0): DeviceView {
  return {
    capability: {
      deviceId,
      label: deviceId,
      component: deviceId,
      kind: "actuator",
      bus: "pwm",
      simulated: true,
      description: "",
      channels: [],
      operations: [],
      facts: {},
    },
    state: {
      deviceId,
      status: "ready",
      setpoint: { duty },
      readback: { duty },
      safe: duty === 0,
      actor: "system",
      atMs: 1,
      lastError: null,
    },
    readings: [of(deviceId, duty)],
    holder: null,
  };
}

function of(deviceId: string, value: number, channel = "duty"): Reading {
  return reading(1, value, { deviceId, channel, unit: "%" });
}

const ALARM: Alarm = {
  v: 1,
  id: "stale:led",
  severity: "warning",
  subject: "led",
  title: "LED is stale",
  text: "",
  raisedAtMs: 1,
  clearedAtMs: null,
  acknowledgedBy: null,
  acknowledgedAtMs: null,
};

Deno.test("a viewer is greeted with everything as it stands", () =>
  withStream(async (s) => {
    await s.happen("one");
    s.alarms.push(ALARM);
    const viewer = s.open();
    const { data, id } = await viewer.expect("hello");
    assert.equal(id, undefined);
    assert.equal(viewer.lastEventId, "1", "it stands at the newest event without having seen one");
    assert.ok(viewer.retryMs! >= 1000 && viewer.retryMs! < 3000);
    assert.deepEqual(data, {
      nowMs: s.clock.nowMs(),
      seq: 1,
      readings: [of("stirrer", 0), of("led", 0)],
      devices: s.views.map(({ capability, state, holder }) => ({
        deviceId: capability.deviceId,
        state,
        holder,
      })),
      alarms: [ALARM],
    });
  }));

Deno.test("everything that moves reaches the viewer, whole; only events have an id", () =>
  withStream(async (s) => {
    const viewer = s.open();
    await viewer.expect("hello");
    s.change(view("stirrer", 30));
    s.experiment({ id: "E1", state: "running" });
    s.alarm(ALARM);
    const device = await viewer.expect("device");
    assert.deepEqual((device.data["state"] as { setpoint: unknown }).setpoint, { duty: 30 });
    assert.equal(device.id, undefined);
    assert.deepEqual((await viewer.expect("experiment")).data, { id: "E1", state: "running" });
    assert.deepEqual((await viewer.expect("alarm")).data, ALARM);
    const seq = await s.happen("thirty percent");
    const event = await viewer.expect("event");
    assert.equal(event.id, String(seq));
    assert.equal(event.data["text"], "thirty percent");
    s.measure([of("stirrer", 30)]);
    await s.clock.advance(0);
    assert.deepEqual((await viewer.expect("readings")).data, { readings: [of("stirrer", 30)] });
  }));

Deno.test("readings go out ten times a second at most, of each channel the newest", () =>
  withStream(async (s) => {
    const viewer = s.open({ topics: ["readings"] });
    await viewer.expect("hello");
    const batches: number[][] = [];
    for (let i = 0; i < 100; i++) {
      s.measure([of("stirrer", i), of("led", 1000 + i)]);
      await s.clock.advance(10);
    }
    await s.clock.advance(100);
    s.stream.close();
    for (let m = await viewer.next(); m!.event !== "bye"; m = await viewer.next()) {
      batches.push((m!.data["readings"] as Reading[]).map(({ value }) => value as number));
    }
    assert.ok(
      batches.length >= 10 && batches.length <= 12,
      `${batches.length} batches in a second`,
    );
    assert.ok(batches.every((batch) => batch.length === 2));
    assert.deepEqual(batches.at(-1), [99, 1099]);
  }));

Deno.test("a viewer hears only of its topics and devices", () =>
  withStream(async (s) => {
    const led = s.open({ topics: ["readings", "devices"], devices: ["led"] });
    const events = s.open({ topics: ["events"] });
    const { data } = await led.expect("hello");
    assert.deepEqual((data["devices"] as { deviceId: string }[]).map((d) => d.deviceId), ["led"]);
    assert.equal(led.lastEventId, undefined, "who wants no events needs no place among them");
    assert.deepEqual((await events.expect("hello")).data["readings"], []);
    s.measure([of("stirrer", 1), of("led", 2)]);
    s.change(view("stirrer", 1));
    s.change(view("led", 2));
    s.alarm(ALARM);
    await s.happen("x");
    await s.clock.advance(100);
    assert.deepEqual((await led.expect("device")).data["deviceId"], "led");
    assert.deepEqual((await led.expect("readings")).data, { readings: [of("led", 2)] });
    assert.equal((await events.expect("event")).data["text"], "x");
    s.stream.close();
    await led.expect("bye");
    await events.expect("bye");
    assert.equal(await led.next(), null);
  }));

Deno.test("viewers with the same filter get the very same bytes", () =>
  withStream(async (s) => {
    const ask: StreamAsk = { topics: [], devices: [], lastEventId: null, actor: "x" };
    const readers = [1, 2].map(() => s.stream.open(ask).body!.getReader());
    const other = s.stream.open({ ...ask, devices: ["led"] }).body!.getReader();
    for (const reader of [...readers, other]) {
      await reader.read();
      await reader.read();
    }
    assert.equal(s.stream.status().filters, 2);
    s.measure([of("led", 1), of("stirrer", 1)]);
    await s.clock.advance(100);
    const [a, b, c] = await Promise.all([...readers, other].map((reader) => reader.read()));
    assert.equal(a!.value, b!.value);
    assert.notEqual(a!.value, c!.value);
  }));

Deno.test("who comes back gets every event missed, once and in order, then goes on live", () =>
  withStream(async (s) => {
    for (let i = 1; i <= 30; i++) await s.happen(`event ${i}`);
    const viewer = s.open({ topics: ["events"], lastEventId: 10 });
    await viewer.expect("hello");
    assert.equal(viewer.lastEventId, undefined, "a break during the replay must not skip the rest");
    // While the replay is under way.
    for (let i = 31; i <= 40; i++) await s.happen(`event ${i}`);
    for (let i = 11; i <= 40; i++) {
      const { id, data } = await viewer.expect("event");
      assert.equal(id, String(i));
      assert.equal(data["text"], `event ${i}`);
    }
    await s.happen("live");
    assert.equal((await viewer.expect("event")).id, "41");
  }));

Deno.test("who is greeted between an event and its delivery does not get it again", () =>
  withStream(async (s) => {
    const opened: Reader[] = [];
    const stop = s.kv.onEvents(() => opened.push(s.open({ topics: ["events"] })));
    await s.happen("one");
    stop();
    const [viewer] = opened;
    assert.equal((await viewer!.expect("hello")).data["seq"], 1);
    await s.happen("two");
    assert.equal((await viewer!.expect("event")).id, "2");
  }));

Deno.test("when the log drops the stream for being slow, viewers still get every event once", () =>
  withStream(
    async (s) => {
      const viewer = s.open({ topics: ["events"] });
      await viewer.expect("hello");
      const many = Array.from({ length: 20 }, (_, i) => ({
        type: "device.setpoint",
        subject: "stirrer",
        actor: "system",
        text: `${i}`,
      }));
      for (let round = 0; round < 2; round++) {
        await s.kv.transact([], () => ({ ok: true, value: { value: null, events: many } }));
      }
      await s.happen("last");
      for (let i = 1; i <= 41; i++) assert.equal((await viewer.expect("event")).id, String(i));
    },
    {},
    3,
  ));

Deno.test("events that were trimmed are a reset, and so is a number from another log", () =>
  withStream(async (s) => {
    for (let i = 1; i <= 80; i++) await s.happen(`event ${i}`);
    await s.events.trim();
    for (
      const [lastEventId, reason] of [[5, "trimmed"], [29, "trimmed"], [900, "ahead"]] as const
    ) {
      const viewer = s.open({ topics: ["events"], lastEventId });
      await viewer.expect("hello");
      const reset = await viewer.expect("reset");
      assert.deepEqual(reset.data, { reason, firstSeq: 31, seq: s.kv.seq });
      assert.equal(reset.id, String(s.kv.seq));
      const seq = await s.happen("after");
      assert.equal((await viewer.expect("event")).id, String(seq));
      await viewer.cancel();
    }
    const kept = s.open({ topics: ["events"], lastEventId: 30 });
    await kept.expect("hello");
    assert.equal((await kept.expect("event")).id, "31");
  }));

Deno.test("who missed more than a stream replays is told to load anew", () =>
  withStream(async (s) => {
    for (let i = 1; i <= 12; i++) await s.happen(`event ${i}`);
    const far = s.open({ lastEventId: 1 });
    await far.expect("hello");
    assert.equal((await far.expect("reset")).data["reason"], "far");
    const near = s.open({ lastEventId: 2 });
    await near.expect("hello");
    assert.equal((await near.expect("event")).id, "3");
  }, { replayMax: 10 }));

Deno.test("a viewer that does not read is dropped, the others lose nothing", () =>
  withStream(async (s) => {
    const slow = s.open({ topics: ["events"] });
    const quick = s.open({ topics: ["events"] });
    await quick.expect("hello");
    for (let i = 1; i <= 40; i++) {
      await s.happen("x".repeat(100));
      assert.equal((await quick.expect("event")).id, String(i));
    }
    assert.deepEqual([s.stream.status().viewers, s.stream.status().dropped], [1, 1]);
    // What it got before it was dropped is in order, and the last word says why.
    await slow.expect("hello");
    let last = 0;
    for (let m = await slow.next(); m !== null; m = await slow.next()) {
      if (m.event === "dropped") {
        assert.deepEqual(m.data, { reason: "slow" });
        assert.equal(await slow.next(), null);
        break;
      }
      assert.equal(Number(m.id), ++last);
    }
    assert.ok(last > 0 && last < 40);
    // It comes back where it stopped.
    const again = s.open({ topics: ["events"], lastEventId: last });
    await again.expect("hello");
    for (let i = last + 1; i <= 40; i++) assert.equal((await again.expect("event")).id, String(i));
  }, { bufferBytes: 2000 }));

Deno.test("the connection of a dropped viewer that never reads is cut, its buffer freed", () =>
  withStream(async (s) => {
    const body = s.stream.open({ topics: ["events"], devices: [], lastEventId: null, actor: "x" })
      .body!;
    for (let i = 0; i < 20; i++) await s.happen("x".repeat(100));
    await s.clock.advance(0);
    assert.equal(s.stream.status().viewers, 0);
    await s.clock.advance(10_000);
    await assert.rejects(body.getReader().read(), (reason) => /cut off/.test(String(reason)));
  }, { bufferBytes: 500 }));

Deno.test("a replay waits for its viewer instead of filling its buffer", () =>
  withStream(async (s) => {
    for (let i = 1; i <= 40; i++) await s.happen("x".repeat(200));
    const viewer = s.open({ topics: ["events"], lastEventId: 0 });
    await viewer.expect("hello");
    for (let i = 1; i <= 40; i++) assert.equal((await viewer.expect("event")).id, String(i));
    assert.equal(s.stream.status().dropped, 0);
  }, { bufferBytes: 2000 }));

Deno.test("viewers that come back together read the log in turns, and each gets all of it", () =>
  withStream(async (s) => {
    for (let i = 1; i <= 40; i++) await s.happen(`event ${i}`);
    const viewers = Array.from(
      { length: 20 },
      () => s.open({ topics: ["events"], lastEventId: 0 }),
    );
    await Promise.all(viewers.map(async (viewer) => {
      await viewer.expect("hello");
      for (let i = 1; i <= 40; i++) assert.equal((await viewer.expect("event")).id, String(i));
    }));
    assert.equal(s.readsAtOnce(), 1);
  }));

Deno.test("a viewer that leaves is forgotten", () =>
  withStream(async (s) => {
    const viewer = s.open();
    await viewer.expect("hello");
    assert.equal(s.stream.status().viewers, 1);
    await viewer.cancel();
    assert.deepEqual(s.stream.status(), { viewers: 0, filters: 0, deliveries: 0, dropped: 0 });
  }));

Deno.test("one viewer too many is refused, and let in when another has left", () =>
  withStream(async (s) => {
    const first = s.open();
    s.open();
    const refused = await get(s.stream, "/stream");
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "10");
    assert.equal((await refused.json()).type, "/problems/too-many-viewers");
    await first.cancel();
    const taken = await get(s.stream, "/stream");
    assert.equal(taken.status, 200);
    await taken.body!.cancel();
  }, { viewersMax: 2 }));

function get(stream: LiveStream, path: string, headers: Record<string, string> = {}) {
  const app = createApi();
  app.onError((error, c) => problemResponse(error, c));
  app.use(async (c, next) => {
    c.set("principal", { kind: "anonymous", role: null });
    await next();
  });
  app.route("/", streamApi(stream));
  return app.request(path, { headers });
}

Deno.test("a heartbeat comes every fifteen seconds", () =>
  withStream(async (s) => {
    const viewer = s.open({ topics: ["alarms"] });
    await viewer.expect("hello");
    const from = s.clock.nowMs();
    await s.clock.advance(45_000);
    for (const n of [1, 2, 3]) {
      assert.deepEqual((await viewer.expect("ping")).data, { nowMs: from + n * 15_000 });
    }
  }));

Deno.test("the greeting is what stands now, though it is shared between newcomers", () =>
  withStream(async (s) => {
    await s.open().expect("hello");
    s.views[0] = view("stirrer", 70);
    s.change(s.views[0]);
    const { data } = await s.open().expect("hello");
    assert.deepEqual((data["readings"] as Reading[])[0], of("stirrer", 70));
    await s.clock.advance(60_000);
    const later = await s.open().expect("hello");
    assert.equal(later.data["nowMs"], s.clock.nowMs(), "it tells the time also when nothing moves");
  }));

Deno.test("a reading that goes stale reaches viewers, though nothing was measured", () =>
  withStream(async (s) => {
    const viewer = s.open({ topics: ["readings"] });
    await viewer.expect("hello");
    const stale: Reading = { ...of("led", 0), value: null, quality: "stale" };
    s.change({ ...view("led"), readings: [of("led", 5, "volts"), stale] });
    await s.clock.advance(100);
    assert.deepEqual((await viewer.expect("readings")).data, { readings: [stale] });
  }));

Deno.test("when a lease is granted or ends, viewers get its device with the new holder", () =>
  withStream(async (s) => {
    const viewer = s.open({ topics: ["devices"] });
    await viewer.expect("hello");
    const holder = { actor: "experiment:E1", label: "experiment 1", sinceMs: 1, expiresAtMs: null };
    s.views[0] = { ...view("stirrer"), holder };
    await s.happen("held by experiment 1", "lock.granted", "stirrer");
    await s.clock.advance(1);
    const { data } = await viewer.expect("device");
    assert.deepEqual([data["deviceId"], data["holder"]], ["stirrer", holder]);
  }));

Deno.test("streams of someone who lost access are ended", () =>
  withStream(async (s) => {
    const anna = s.open({ actor: "user:anna" });
    const bert = s.open({ actor: "user:bert" });
    await anna.expect("hello");
    await bert.expect("hello");
    s.stream.disconnect((actor) => actor === "user:anna");
    assert.deepEqual((await anna.expect("bye")).data, { reason: "access" });
    assert.equal(await anna.next(), null);
    s.alarm(ALARM);
    await bert.expect("alarm");
  }));

Deno.test("the route takes topics, devices and both spellings of the last event", () =>
  withStream(async (s) => {
    for (let i = 1; i <= 3; i++) await s.happen(`event ${i}`);
    const first = async (path: string, headers: Record<string, string> = {}) => {
      const viewer = new Reader(await get(s.stream, path, headers));
      await viewer.expect("hello");
      const message = await viewer.next();
      await viewer.cancel();
      return message!.id;
    };
    assert.equal(await first("/stream?lastEventId=1"), "2");
    assert.equal(await first("/stream?topics=events", { "last-event-id": "2" }), "3");
    assert.equal(await first("/stream?lastEventId=2", { "last-event-id": "1" }), "2");
    for (
      const [query, wrong] of [
        ["?topics=weather", '"weather"'],
        ["?devices=Stirrer", '"Stirrer": not a device id'],
        ["?lastEventId=-1", "lastEventId"],
        ["?topic=readings", "topic"],
      ] as const
    ) {
      const reply = await get(s.stream, `/stream${query}`);
      assert.equal(reply.status, 422, query);
      assert.ok((await reply.json()).detail.includes(wrong), query);
    }
  }));

Deno.test("no event is lost or doubled, whoever comes, goes and dawdles", () =>
  withStream(async (s) => {
    const viewers = Array.from({ length: 8 }, async (_, n) => {
      const seen: number[] = [];
      let viewer = s.open({ topics: ["events"], lastEventId: 0 });
      while (seen.at(-1) !== 45) {
        const message = await viewer.next();
        if (message?.event === "event") {
          seen.push(Number(message.id));
          for (let i = 0; i < n; i++) await Promise.resolve(); // dawdle
          if (seen.length % (7 + n) !== 6) continue;
        } else if (message !== null) continue;
        // Hung up, or was dropped: comes back where it stopped.
        await viewer.cancel();
        viewer = s.open({ topics: ["events"], lastEventId: seen.at(-1) ?? 0 });
      }
      await viewer.cancel();
      return seen;
    });
    while (s.kv.seq < 45) await s.happen("y".repeat(50));
    const all = Array.from({ length: 45 }, (_, i) => i + 1);
    for (const seen of await Promise.all(viewers)) assert.deepEqual(seen, all);
  }, { bufferBytes: 1500 }));
