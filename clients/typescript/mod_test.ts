import assert from "node:assert/strict";
import {
  ApiAway,
  balancedFlow,
  Bioreactor,
  BioreactorClient,
  CommandFailed,
  DeviceHeld,
  measureAllData,
  measureAndWriteSensorData,
  OutOfRange,
  pidController,
  ringLightCycle,
  SensorFault,
  StopIncomplete,
  UnknownComponent,
} from "./mod.ts";
import { type Fixture, serveInstrument } from "./node_fixture.ts";

async function on(
  act: (bio: Bioreactor, node: Fixture) => Promise<void>,
  options: { patienceMs?: number; timeoutMs?: number; token?: string } = {},
): Promise<void> {
  await using node = serveInstrument();
  const bio = await Bioreactor.connect({ url: node.url, ...options });
  try {
    await act(bio, node);
  } finally {
    node.fail.clear();
    await bio.finish();
  }
}

/** What `act` writes to stderr. */
async function said(act: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const real = console.error;
  console.error = (...words: unknown[]) => void lines.push(words.join(" "));
  try {
    await act();
  } finally {
    console.error = real;
  }
  return lines;
}

Deno.test("every change reaches the instrument as it was asked", () =>
  on(async (bio, { state }) => {
    await bio.changeLed(true);
    assert.equal(state.led, 100);
    await bio.changeLed(15);
    assert.equal(state.led, 15);
    await bio.changePeltier(30, true);
    assert.deepEqual(state.peltier, { duty_cycle: 30, direction: "heat" });
    await bio.changePeltier(20, false);
    assert.deepEqual(state.peltier, { duty_cycle: 20, direction: "cool" });
    await bio.changePump("inflow", 0.5);
    assert.equal(state.pumps.inflow, 0.5);
    await bio.changeStirrer(35);
    assert.equal(state.stirrer, 35);
    await bio.changeRingLight(1, 2, 3);
    assert.deepEqual(state.ring, [1, 2, 3]);
    await bio.changeRingLight([4, 5, 6]);
    assert.deepEqual(state.ring, [4, 5, 6]);
    await bio.changeRingLight(7, 7, 7, 2);
    await bio.changeRingLight([8, 8, 8], 3);
    assert.deepEqual(state.pixels, { 2: [7, 7, 7], 3: [8, 8, 8] });
  }));

Deno.test("a refused value, an unknown pump and a held device have their own errors", () =>
  on(async (bio, { fail }) => {
    await assert.rejects(bio.changeStirrer(120), (error: OutOfRange) => {
      assert.ok(error instanceof OutOfRange);
      assert.deepEqual([error.code, error.status, error.component], [
        "out_of_range",
        422,
        "stirrer",
      ]);
      return true;
    });
    await assert.rejects(bio.changePump("tube_9_in", 1), UnknownComponent);
    fail.set("/api/v3/stirrer/control", {
      status: 409,
      body: { detail: "held by experiment 41", code: "device_held" },
    });
    await assert.rejects(bio.changeStirrer(1), DeviceHeld);
    fail.set("/api/v3/stirrer/control", { status: 200, body: { status: "error", message: "no" } });
    await assert.rejects(bio.changeStirrer(1), CommandFailed);
  }));

Deno.test("every command carries the token and a key of its own", () =>
  on(async (bio, { posts }) => {
    await bio.changeStirrer(1);
    await bio.changeStirrer(1);
    const [first, second] = posts;
    assert.equal(first?.headers.get("authorization"), "Bearer hf_secret");
    assert.notEqual(
      first?.headers.get("idempotency-key"),
      second?.headers.get("idempotency-key"),
    );
  }, { token: "hf_secret" }));

Deno.test("relays move and doses end by themselves", () =>
  on(async (bio, { state }) => {
    assert.equal(await bio.changeRelay("relay_1", "closed"), "closed");
    assert.equal(state.relays.relay_1, true);
    assert.equal(await bio.getRelayState("relay_1"), "closed");
    assert.equal(await bio.changeRelay("relay_1", "toggle"), "open");
    await bio.relayDose("relay_2", 0.02);
    assert.equal(state.relays.relay_2, false);
    assert.equal(await bio.dose("inflow", 0.02, 1), 0.02);
    await assert.rejects(bio.changeRelay("relay_9", "open"), /relay_1, relay_2/);
    // deno-lint-ignore no-explicit-any
    await assert.rejects(bio.changeRelay("relay_1", "ajar" as any), OutOfRange);
  }));

Deno.test("short methods return bare values, and a fault is never a number", () =>
  on(async (bio, { state }) => {
    assert.equal(await bio.getCo2(), 633);
    assert.equal(await bio.getO2(), 20.9);
    assert.equal(await bio.getTemperature(), 25.4);
    assert.deepEqual(await bio.getOdVoltages(), [0.12, null, 0.18]);
    assert.deepEqual(await bio.getEyespyVoltages(), []);
    assert.deepEqual(await bio.getPhotodiodes(), [0.12, null, 0.18]);
    assert.deepEqual(await bio.getVialTemp(), [25.4, null, null, null]);
    assert.deepEqual(await bio.getIoTemp(), [null, null]);
    assert.equal(await bio.getPeltierCurr(), 1.5);
    assert.deepEqual(await bio.getStirrerState(), { dutyCycle: 0, active: false });
    assert.deepEqual(await bio.getPeltierState(), {
      dutyCycle: 0,
      direction: "forward",
      active: false,
    });
    assert.deepEqual(await bio.getRingLightState(), { red: 0, green: 0, blue: 0, active: false });
    state.co2 = null;
    await assert.rejects(bio.getCo2(), (error: SensorFault) => {
      assert.ok(error instanceof SensorFault);
      assert.equal(error.lastGood?.value, 633);
      return true;
    });
    state.temperature = null;
    assert.equal(await bio.getTemperature(), null);
    state.components = state.components.filter((name) => name !== "optical_density");
    assert.deepEqual(await bio.getOdVoltages(), []);
  }));

Deno.test("getAll gives value, unit, age and quality of every channel", () =>
  on(async (bio) => {
    const all = await bio.getAll(5);
    const one = all["temperature.temperature"]!;
    assert.deepEqual([one.value, one.unit, one.quality, one.code], [25.4, "°C", "good", null]);
    assert.ok(one.ageS >= 0.4 && one.ageS < 5);
    const old = all["temperature.heat_sink"]!;
    assert.deepEqual([old.value, old.quality], [null, "stale"]);
    const bad = all["temperature.lid"]!;
    assert.deepEqual([bad.value, bad.quality, bad.code], [null, "bad", "crc"]);
  }));

Deno.test("the plain client returns the replies", async () => {
  await using node = serveInstrument();
  const client = new BioreactorClient({ url: node.url });
  assert.equal((await client.getStatus()).status, "operational");
  assert.equal((await client.getSensors()).co2_ppm, 633);
  assert.equal((await client.getCo2()).co2_ppm, 633);
  assert.equal((await client.getCurrent()).peltier_current, 1.5);
  await client.controlLed(true);
  await client.controlRingLight([1, 2, 3]);
  await client.controlPeltier(10, "cool");
  await client.controlPump("outflow", 0.2);
  await client.controlStirrer(12);
  const { led, ring, peltier, pumps, stirrer } = node.state;
  assert.deepEqual([led, ring, stirrer, pumps.outflow], [100, [1, 2, 3], 12, 0.2]);
  assert.deepEqual(peltier, { duty_cycle: 10, direction: "cool" });
});

Deno.test("an instrument that is down is said to be, and an address that is none is refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  listener.close();
  await assert.rejects(Bioreactor.connect({ url, patienceMs: 0 }), (error: ApiAway) => {
    assert.ok(error instanceof ApiAway);
    assert.equal(error.code, "api_away");
    assert.ok(error.message.includes(url));
    return true;
  });
  assert.throws(() => new BioreactorClient({ url: "ftp://x" }), TypeError);
});

Deno.test("a read outlives a restart and says so once; patience is bounded and used up once", () =>
  on(async (bio, { fail }) => {
    const path = "/api/v3/co2_sensor/state";
    const away = { status: 503, body: { detail: "it is restarting", code: "api_away" } };
    fail.set(path, away);
    setTimeout(() => fail.clear(), 250);
    const lines = await said(async () => assert.equal(await bio.getCo2(), 633));
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /trying again for up to/);
    assert.match(lines[1]!, /answered after/);
    fail.set(path, away);
    assert.equal((await said(() => assert.rejects(bio.getCo2(), ApiAway))).length, 1);
    assert.deepEqual(await said(() => assert.rejects(bio.getCo2(), ApiAway)), []);
    fail.clear();
    assert.equal(await bio.getCo2(), 633);
  }, { patienceMs: 1500 }));

Deno.test("a command that was sent is never sent again, though its connection was closed", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let heard = 0;
  const closing = (async () => {
    for await (const connection of listener) {
      if (await connection.read(new Uint8Array(4096)) !== null) heard++;
      connection.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const client = new BioreactorClient({ url: `http://127.0.0.1:${port}` });
  await assert.rejects(client.controlStirrer(20), (error: ApiAway) => {
    assert.ok(error instanceof ApiAway);
    assert.equal(error.code, "no_answer");
    assert.match(error.message, /may have been carried out/);
    return true;
  });
  listener.close();
  await closing;
  assert.equal(heard, 1);
});

Deno.test("a command that could not be sent waits for the API", () =>
  on(async (bio, { fail, state }) => {
    fail.set("/api/v3/stirrer/control", { status: 503, body: { code: "api_away" } });
    setTimeout(() => fail.clear(), 100);
    await said(() => bio.changeStirrer(21));
    assert.equal(state.stirrer, 21);
  }));

Deno.test("every call has a timeout", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(new ReadableStream({ start() {} })),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  await assert.rejects(
    Bioreactor.connect({ url, timeoutMs: 100, patienceMs: 0 }),
    /does not answer \(timed out\)/,
  );
  await server.shutdown();
});

Deno.test("finish brings everything to rest, and await using does it whatever happens", async () => {
  await using node = serveInstrument();
  await assert.rejects(async () => {
    await using bio = await Bioreactor.connect({ url: node.url });
    await bio.changeLed(true);
    await bio.changePeltier(30, true);
    await bio.changePump("inflow", 1);
    await bio.changeStirrer(40);
    await bio.changeRingLight(9, 9, 9);
    await bio.changeRelay("relay_2", "closed");
    throw new RangeError("the script's own");
  }, RangeError);
  const { led, peltier, pumps, stirrer, ring, relays } = node.state;
  assert.deepEqual([led, peltier.duty_cycle, stirrer, ring], [0, 0, 0, [0, 0, 0]]);
  assert.deepEqual(Object.values(pumps), [0, 0]);
  assert.deepEqual(Object.values(relays), [false, false]);
});

Deno.test("what fails to stop does not keep the rest from it; what is stopped already is at rest", () =>
  on(async (bio, { fail, state }) => {
    await bio.changeStirrer(40);
    fail.set("/api/v3/peltier_driver/control", { status: 500, body: { detail: "bus error" } });
    fail.set("/api/v3/led/control", { status: 409, body: { code: "instrument_stopped" } });
    await assert.rejects(bio.stopAll(), (error: StopIncomplete) => {
      assert.ok(error instanceof StopIncomplete);
      assert.deepEqual(error.failures.map(({ name }) => name), ["peltier_driver"]);
      return true;
    });
    assert.equal(state.stirrer, 0);
  }));

Deno.test("the controller heats below and cools above, within the peltier's limits", () =>
  on(async (bio, { state }) => {
    await pidController(bio, 37, { currentTemp: 35, ki: 0 });
    assert.deepEqual(state.peltier, { duty_cycle: 20, direction: "heat" });
    await pidController(bio, 37, { currentTemp: 38.25, ki: 0 });
    assert.deepEqual(state.peltier, { duty_cycle: 12, direction: "cool" });
    await pidController(bio, 37);
    assert.deepEqual(state.peltier, { duty_cycle: 70, direction: "heat" });
    for (let turn = 0; turn < 100; turn++) await pidController(bio, 37, { currentTemp: 20 });
    await pidController(bio, 37, { currentTemp: 46 });
    assert.deepEqual(state.peltier.direction, "cool", "the integral did not wind up");
  }));

Deno.test("without a temperature nothing is assumed", () =>
  on(async (bio, { state }) => {
    state.temperature = 36;
    await pidController(bio, 37);
    const before = { ...state.peltier };
    state.temperature = null;
    await said(async () => {
      for (let turn = 0; turn < 2; turn++) {
        assert.equal(await pidController(bio, 37), null);
        assert.deepEqual(state.peltier, before);
      }
      await pidController(bio, 37);
      assert.equal(state.peltier.duty_cycle, 0);
      state.temperature = 36;
      for (let turn = 0; turn < 2; turn++) {
        await pidController(bio, 37);
        assert.equal(state.peltier.duty_cycle, 0);
      }
      await pidController(bio, 37);
    });
    assert.ok(state.peltier.duty_cycle > 0);
  }));

Deno.test("a balanced flow starts with the pump that takes out and never leaves one alone", () =>
  on(async (bio, { posts, state }) => {
    await balancedFlow(bio, "inflow", 0.5);
    assert.deepEqual(posts.map(({ body }) => body.pump_name), ["outflow", "inflow"]);
    await balancedFlow(bio, "outflow", 0);
    assert.deepEqual(posts.slice(2).map(({ body }) => body.pump_name), ["inflow", "outflow"]);
    await balancedFlow(bio, "inflow", 0.5);
    await said(() => assert.rejects(balancedFlow(bio, "inflow", 99), OutOfRange));
    assert.deepEqual(Object.values(state.pumps), [0, 0]);
    await assert.rejects(balancedFlow(bio, "feed", 1), TypeError);
  }));

Deno.test("the light cycle follows the elapsed time and is told on a change", () =>
  on(async (bio, { posts, state }) => {
    for (let elapsed = 0; elapsed < 200; elapsed += 10) {
      await ringLightCycle(bio, { color: [5, 6, 7], onTime: 60, offTime: 40, elapsed });
      assert.deepEqual(state.ring, elapsed % 100 < 60 ? [5, 6, 7] : [0, 0, 0]);
    }
    assert.equal(posts.length, 4);
  }));

Deno.test("a measured row has the columns of the guide in order; what is missing is said once", () =>
  on(async (bio, { state }) => {
    assert.deepEqual(Object.keys(await measureAllData(bio, { elapsed: 3 })), [
      "timestamp",
      "co2_ppm",
      "temperature",
      "od_voltages",
      "eyespy_voltages",
      "elapsed",
      "stirrer_duty",
      "peltier_duty",
      "peltier_direction",
      "ring_light_r",
      "ring_light_g",
      "ring_light_b",
    ]);
    state.co2 = null;
    const lines = await said(async () => {
      for (let turn = 0; turn < 3; turn++) {
        assert.equal((await measureAndWriteSensorData(bio)).co2_ppm, null);
      }
      state.co2 = 500;
      await measureAllData(bio, { includeControls: false });
    });
    assert.equal(lines.length, 2);
  }));

Deno.test("waitUntil takes a moment or a condition", () =>
  on(async (bio) => {
    assert.equal(await bio.waitUntil(Date.now() + 20), true);
    let asked = 0;
    assert.equal(await bio.waitUntil(() => ++asked >= 3, { everyS: 0.001 }), true);
    assert.equal(asked, 3);
    assert.equal(await bio.waitUntil(() => false, { timeoutS: 0.01, everyS: 0.001 }), false);
  }));

Deno.test("a command waits while the experiment is held, and tells the runtime that it knows", () =>
  on(async (bio, { fail, state, posts }) => {
    Deno.env.set("EXPERIMENT_ID", "01EXP");
    try {
      const path = "/api/v3/stirrer/control";
      const refusal = {
        status: 409,
        body: { detail: "the experiment is held", code: "experiment_holding" },
      };
      fail.set(path, refusal);
      let asked = 0;
      Object.defineProperty(state, "experiment", {
        get() {
          asked++;
          fail.delete(path);
          return { state: "running" };
        },
      });
      const lines = await said(() => bio.changeStirrer(30));
      assert.match(lines[0]!, /held; waiting for its release/);
      assert.equal(state.stirrer, 30);
      assert.equal(asked, 1);
      assert.equal(posts.filter((post) => post.path === path).length, 2);
    } finally {
      Deno.env.delete("EXPERIMENT_ID");
    }
  }));
