import assert from "node:assert/strict";
import type { Capability, DeviceState, DeviceView, Reading } from "../lib/devices/model.ts";
import {
  firstChannels,
  isStale,
  overviewRows,
  plotChannels,
  shownSetpoint,
  shownValue,
} from "./shown.ts";

const channel = (id: string, label: string, more = {}) => ({
  id,
  label,
  unit: "V",
  role: "measured" as const,
  type: "number" as const,
  decimals: 2,
  periodMs: 1000,
  ...more,
});

function view(
  deviceId: string,
  label: string,
  component: string,
  channels: Capability["channels"],
): DeviceView {
  const capability: Capability = {
    deviceId,
    label,
    component,
    kind: "sensor",
    bus: "b",
    simulated: true,
    description: "",
    channels,
    operations: [],
    facts: {},
  };
  const state: DeviceState = {
    deviceId,
    status: "ready",
    setpoint: null,
    readback: null,
    safe: true,
    actor: "system",
    atMs: 0,
    lastError: null,
  };
  return { capability, state, readings: [], holder: null };
}

const VIEWS = [
  view("relay-1", "Relay 1", "relays", [channel("closed", "Closed", { type: "boolean" })]),
  view("temperature", "Temperature", "temp_sensor", [
    channel("vessel", "Vessel"),
    channel("heat_sink", "Heat sink"),
  ]),
  view("co2", "CO₂", "co2_sensor", [channel("co2", "CO₂")]),
  view("od", "Optical density", "optical_density", [
    channel("od_135", "OD 135°"),
    channel("od_90", "OD 90°"),
  ]),
];

Deno.test("charts draw numbers, the most watched first, and no name says a word twice", () => {
  const channels = plotChannels(VIEWS);
  assert.deepEqual(channels.map(({ label }) => label), [
    "OD 135°",
    "Temperature",
    "CO₂",
    "OD 90°",
    "Temperature, heat sink",
  ]);
  assert.deepEqual(firstChannels(channels), ["od.od_135", "temperature.vessel", "co2.co2"]);
  assert.deepEqual(channels.map(({ colour }) => colour), [1, 2, 3, 2, 3]);
});

Deno.test("the overview has a row a device, and says which quantity where there are several", () => {
  const rows = overviewRows(VIEWS.map((v) => v.capability), 3);
  assert.deepEqual(rows.map(({ deviceId, quantity }) => [deviceId, quantity]), [
    ["od", "OD 135°"],
    ["temperature", "Vessel"],
    ["co2", ""],
  ]);
});

Deno.test("a value older than three periods is a dash", () => {
  const sensed = VIEWS[1]!.capability.channels[0]!;
  const reading: Reading = {
    deviceId: "temperature",
    channel: "vessel",
    value: 37.036,
    unit: "°C",
    atMs: 10_000,
    quality: "good",
  };
  assert.equal(shownValue(reading, sensed, 13_000), "37.04");
  assert.equal(shownValue(reading, sensed, 13_001), "—");
  assert.ok(isStale(null, sensed, 0));
  assert.ok(isStale({ ...reading, quality: "stale" }, sensed, 10_000));
});

Deno.test("a setpoint is shown in its channel's words, and only what was asked", () => {
  const duty = channel("duty", "Duty", { decimals: 0 });
  const state = { ...VIEWS[0]!.state, setpoint: { duty: 30, pixels: [1] } };
  assert.equal(shownSetpoint(state, duty), "30");
  assert.equal(shownSetpoint(state, channel("pixels", "Pixels")), "");
  assert.equal(shownSetpoint({ ...state, setpoint: null }, duty), "");
});
