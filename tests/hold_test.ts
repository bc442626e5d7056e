import assert from "node:assert/strict";
import { runInstrument } from "./running_instrument.ts";
import type { DeviceView } from "../lib/devices/mod.ts";
import type { Experiment } from "../lib/experiments/mod.ts";

const isProgram = (path: string) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};
const ignore = !isProgram("/usr/bin/python3") || !isProgram("/usr/bin/bwrap");
const why = ignore ? " (needs python3 and bwrap)" : "";

const SCRIPT = `"""Drives past the client too."""
import json, os, time, urllib.error, urllib.request
from bioreactor_client import Bioreactor

def raw(duty):
    request = urllib.request.Request(
        os.environ["BIOREACTOR_NODE_API_URL"] + "/api/v1/devices/stirrer/commands",
        json.dumps({"op": "set", "args": {"duty": duty}}).encode(),
        {"authorization": "Bearer " + os.environ["EXPERIMENT_TOKEN"],
         "content-type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=10).read()
        return "taken"
    except urllib.error.HTTPError as error:
        return "%d %s" % (error.code, json.load(error)["code"])

with Bioreactor() as bio:
    bio.change_pump("inflow", 0.01)
    for turn in range(600):
        print("raw", raw(40), flush=True)
        print("asked to pause:", bio.pause_requested(), flush=True)
        if turn == 5:
            print("driving by the client", flush=True)
            bio.change_peltier(5, True)
            print("driven by the client", flush=True)
        time.sleep(0.2)
`;

Deno.test({
  name:
    `held, a script's commands are refused or wait, its pump stands, its stirrer turns; released, it drives on${why}`,
  ignore,
  async fn() {
    await using instrument = await runInstrument();
    const { ask } = instrument;
    const post = async (path: string, body: unknown = {}) => {
      const reply = await ask(`/api/v1${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return { status: reply.status, body: await reply.json() };
    };
    const device = async (id: string): Promise<DeviceView> =>
      await (await ask(`/api/v1/devices/${id}`)).json();
    const { body: submitted } = await post("/experiments", { script: SCRIPT });
    const path = `/experiments/${submitted.id}`;
    const record = async (): Promise<Experiment> => await (await ask(`/api/v1${path}`)).json();
    const says = async (text: string, from = 0) => {
      for (let i = 0; i < 2000; i++) {
        const log = await (await ask(`/api/v1${path}/log`)).text();
        if (log.indexOf(text, from) >= 0) return log.length;
        await new Promise((done) => setTimeout(done, 10));
      }
      assert.fail(`it never said "${text}": ${await (await ask(`/api/v1${path}/log`)).text()}`);
    };
    assert.equal((await post(`${path}/hold`)).status, 409, "it does not run yet");
    await says("raw taken");
    assert.equal((await device("pump-inflow")).state.safe, false);

    const held = await post(`${path}/hold`, { reason: "a sample is taken" });
    assert.equal(held.status, 202);
    assert.equal(held.body.state, "holding");
    assert.equal((await (await ask("/api/v1/status")).json()).state, "holding");
    // The pump cannot be set while it is on its way; then it stands still.
    await says("raw 409 experiment_holding");
    await says("asked to pause: True");
    assert.notEqual((await record()).holdAcknowledgedAtMs, null);
    await says("driving by the client");
    assert.equal((await device("pump-inflow")).state.safe, true);
    const stirrer = (await device("stirrer")).state;
    assert.equal(stirrer.setpoint?.duty, 40);
    assert.equal((await device("peltier")).state.safe, true);
    const others = await post("/devices/stirrer/commands", { op: "set", args: { duty: 1 } });
    assert.equal(others.body.code, "device_held");

    const at = await says("asked to pause: True");
    const released = await post(`${path}/release`);
    assert.equal(released.body.state, "running");
    assert.equal(released.body.heldAtMs, null);
    await says("driven by the client", at);
    await says("asked to pause: False", at);
    await says("raw taken", at);
    assert.equal((await post(`${path}/release`)).status, 409);
    assert.equal((await post(`${path}/pause`)).body.state, "holding");
    assert.equal((await post(`${path}/resume`)).body.state, "running");
    await post(`${path}/cancel`);
    await instrument.instrument.experiments.whenEnded(submitted.id, 20_000);
    assert.equal((await record()).state, "cancelled");
  },
});
