import assert from "node:assert/strict";
import type { DeviceView } from "../lib/devices/mod.ts";
import type { HoldfastEvent } from "../lib/events.ts";
import { runInstrument, type RunningInstrument } from "./running_instrument.ts";

const isProgram = (path: string) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};
const ignore = !isProgram("/usr/bin/python3") || !isProgram("/usr/bin/bwrap");
const why = ignore ? " (needs python3 and bwrap)" : "";

interface Asked {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

function faceOf({ ask }: RunningInstrument) {
  const get = async (path: string) => await (await ask(`/api/v1${path}`)).json();
  return {
    get,
    async post(path: string, body: unknown = {}, headers: HeadersInit = {}): Promise<Asked> {
      const reply = await ask(`/api/v1${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      return { status: reply.status, body: await reply.json() };
    },
    device: (id: string): Promise<DeviceView> => get(`/devices/${id}`),
    /** What happened to the pump and to the experiment, in order, from `types`. */
    async events(types: RegExp): Promise<HoldfastEvent[]> {
      const { events } = await get("/events?after=0&limit=1000");
      return events.filter(({ type }: HoldfastEvent) => types.test(type));
    },
  };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 3000; turn++) {
    if (await holds()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.fail(`It did not happen: ${what}`);
}

const BY_HAND = {
  devices: ["pump-inflow"],
  type: "MANUAL_OPERATOR",
  lease_ms: 3000,
  reason: "a program that will fall silent",
};
const flowing = { op: "set", args: { flow: 0.01 } };

for (
  const [how, end] of [
    ["falls silent", null],
    ["is displaced by force", { type: "MANUAL_OPERATOR", preempt: "force", reason: "a leak" }],
    ["makes way for maintenance", { type: "MAINTENANCE", reason: "service" }],
  ] as const
) {
  Deno.test(`a pump stops within its heartbeat when the program that drives it ${how}`, async () => {
    await using instrument = await runInstrument();
    const { post, device, events } = faceOf(instrument);
    const taken = await post("/locks", BY_HAND, { "x-lock-client": "feeder" });
    assert.equal(taken.status, 201, JSON.stringify(taken.body));
    const set = await post("/devices/pump-inflow/commands", flowing, {
      "x-lock-key": taken.body.key,
    });
    assert.equal(set.status, 200, JSON.stringify(set.body));
    const runs = await device("pump-inflow");
    assert.equal(runs.state.safe, false);

    if (end !== null) {
      const other = await post("/locks", { devices: ["pump-inflow"], ...end }, {
        "x-lock-client": "service",
      });
      assert.equal(other.status, 201, JSON.stringify(other.body));
    }
    await until("the pump stands", async () => (await device("pump-inflow")).state.safe);
    const stands = await device("pump-inflow");
    assert.deepEqual(stands.state.setpoint, stands.capability.safeState);
    // What the hardware reports, not what it was told.
    assert.deepEqual([runs.state.readback?.flow, stands.state.readback?.flow], [0.01, 0]);

    const [set1, lost, safe] = (await events(/^(device\.(setpoint|safe)|lock\.lost)$/))
      .filter(({ subject, seq }) => subject === "pump-inflow" && seq > 0)
      .filter(({ type, text }) => type !== "device.safe" || /lost its lease/.test(text));
    assert.deepEqual([set1?.type, lost?.type, safe?.type], [
      "device.setpoint",
      "lock.lost",
      "device.safe",
    ]);
    assert.ok(safe!.atMs - lost!.atMs <= stands.capability.heartbeatMs!);
    const late = await post("/devices/pump-inflow/commands", flowing, {
      "x-lock-key": taken.body.key,
    });
    assert.deepEqual([late.status, late.body.code], [410, "lock_lost"]);
  });
}

const SCRIPT = `"""Feeds, and stirs."""
import time
from bioreactor_client import Bioreactor

with Bioreactor() as bio:
    bio.change_pump("inflow", 0.01)
    print("pumping", flush=True)
    while True:
        print("asked to pause:", bio.pause_requested(), flush=True)
        time.sleep(0.2)
`;

Deno.test({
  name: `maintenance over a run that pumps: the run is held and told, then the pump is taken; ` +
    `afterwards it gets it back and goes on${why}`,
  ignore,
  async fn() {
    await using instrument = await runInstrument();
    const { get, post, device, events } = faceOf(instrument);
    const { body: { id } } = await post("/experiments", { script: SCRIPT });
    const path = `/experiments/${id}`;
    const log = async () => await (await instrument.ask(`/api/v1${path}/log`)).text();
    await until("it pumps", async () => (await log()).includes("pumping"));
    const runs = await device("pump-inflow");
    assert.deepEqual([runs.state.safe, runs.state.readback?.flow], [false, 0.01]);
    assert.equal(runs.holder?.actor, `experiment:${id}`);

    const service = { "x-lock-client": "service" };
    const taken = await post(
      "/locks",
      { devices: ["pump-inflow"], type: "MAINTENANCE", reason: "a new tube" },
      service,
    );
    assert.equal(taken.status, 201, JSON.stringify(taken.body));
    // Granted is: it stands already.
    const stands = await device("pump-inflow");
    assert.deepEqual([stands.state.safe, stands.state.readback?.flow], [true, 0]);
    assert.equal((await get(path)).state, "holding");
    const told = (await log()).length;
    await until(
      "its script knows",
      async () => (await log()).slice(told).includes("asked to pause: True"),
    );
    const history =
      (await events(/^(lock\.(preempt_requested|lost|granted)|experiment\.|device\.safe)/))
        .filter(({ subject }) => subject === "pump-inflow" || subject === id)
        .map(({ type, data }) => type === "lock.granted" ? `${type} ${data?.lockType}` : type);
    const asked = history.indexOf("lock.preempt_requested");
    assert.deepEqual(history.slice(asked).filter((type) => type !== "experiment.changed"), [
      "lock.preempt_requested",
      "experiment.state",
      "device.safe",
      "lock.lost",
      "lock.granted MAINTENANCE",
    ]);

    const early = await post(`${path}/release`);
    assert.deepEqual([early.status, early.body.code], [409, "device_held"]);
    const back = await post(`/locks/${taken.body.id}/release`, {}, {
      ...service,
      "x-lock-key": taken.body.key,
    });
    assert.equal(back.status, 200, JSON.stringify(back.body));
    await until(
      "it has the pump back",
      async () => (await device("pump-inflow")).holder?.actor === `experiment:${id}`,
    );
    assert.equal((await device("pump-inflow")).state.safe, true, "nothing moves by itself");
    assert.equal((await post(`${path}/release`)).body.state, "running");
    const at = (await log()).length;
    await until(
      "it goes on",
      async () => (await log()).slice(at).includes("asked to pause: False"),
    );
    await post(`${path}/cancel`);
    await instrument.instrument.experiments.whenEnded(id, 20_000);
  },
});
