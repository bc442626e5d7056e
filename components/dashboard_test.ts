import assert from "node:assert/strict";
import type { DeviceView } from "../lib/devices/model.ts";
import { dashboardChannels, switchesFor, withColours } from "./dashboard.ts";
import type { PlotChannel } from "./plot/shape.ts";

function channel(deviceId: string, channel: string, colour: number): PlotChannel {
  return { deviceId, channel, label: deviceId, unit: "", decimals: 1, periodMs: 1000, colour };
}
const CHANNELS = [
  channel("od", "90", 1),
  channel("temperature", "t", 2),
  channel("co2", "ppm", 3),
  channel("stirrer", "duty", 4),
];
const VIEWS = [
  ["od", "optical_density"],
  ["temperature", "temp_sensor"],
  ["co2", "co2_sensor"],
  ["stirrer", "stirrer"],
].map(([deviceId, component]) => ({ capability: { deviceId, component } })) as DeviceView[];
const ON = { co2_sensor: true, temperature: true, photodiodes: true, peltier_current: true };

Deno.test("the overview draws what was chosen, and its first quantities where nothing was", () => {
  const of = (settings: Parameters<typeof dashboardChannels>[2]) =>
    dashboardChannels(CHANNELS, VIEWS, settings);
  assert.deepEqual(of({ display_components: ON }), ["od.90", "temperature.t", "co2.ppm"]);
  const channels = ["stirrer.duty", "co2.ppm", "gone.x"];
  assert.deepEqual(of({ display_components: ON, channels }), ["stirrer.duty", "co2.ppm"]);
  const off = { ...ON, co2_sensor: false };
  assert.deepEqual(of({ display_components: off, channels }), ["stirrer.duty"]);
  assert.deepEqual(of({ display_components: off }), ["od.90", "temperature.t", "stirrer.duty"]);
});

Deno.test("chosen channels turn the original's switches, and a chosen colour holds everywhere", () => {
  assert.deepEqual(switchesFor(["od.90", "stirrer.duty"], VIEWS), {
    co2_sensor: false,
    temperature: false,
    photodiodes: true,
    peltier_current: false,
  });
  assert.deepEqual(
    withColours(CHANNELS, { "co2.ppm": 7 }).map(({ colour }) => colour),
    [1, 2, 7, 4],
  );
});
