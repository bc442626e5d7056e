import type { ChannelFacts } from "./capability.ts";
import { Link } from "./link.ts";
import { gaussian } from "./noise.ts";
import { type Probe, SimulatedSensor } from "./sensor.ts";
import { ambientC } from "./vessel.ts";
import type { World } from "./world.ts";

function measured(
  id: string,
  label: string,
  unit: string,
  rest: { min: number; max: number; decimals: number; periodMs: number },
): ChannelFacts {
  return { id, label, unit, role: "measured", type: "number", ...rest };
}

/** Rounds to the chip's resolution, so that a reading has no digits the part does not have. */
function step(value: number, resolution: number): number {
  return Number((Math.round(value / resolution) * resolution).toFixed(6));
}

/** Noise on a value, then the chip's resolution. */
function sampled(
  world: World,
  key: string,
  atS: number,
  value: number,
  { sigma, resolution }: { sigma: number; resolution: number },
): number {
  return step(value + sigma * gaussian(world.seed, key, atS), resolution);
}

/** DS18B20s on one wire: in the vessel, and on the peltier's heat sink. */
export function temperatureSensor(world: World): SimulatedSensor {
  const probe = (id: string, label: string, of: () => number): Probe => ({
    channel: measured(id, label, "°C", { min: 2, max: 60, decimals: 2, periodMs: 2000 }),
    measure: (atS) => ({
      value: sampled(world, `temperature/${id}`, atS, of(), { sigma: 0.015, resolution: 0.0625 }),
    }),
    driftPerH: 1.5,
    stepMaxPerS: 2,
  });
  return new SimulatedSensor(
    new Link(world, "temperature", { answerMs: 750, timeoutMs: 1600 }, "timeout"),
    {
      deviceId: "temperature",
      label: "Temperature",
      component: "temp_sensor",
      bus: "sim-w1",
      description: "Two DS18B20 on 1-wire: in the culture, and on the heat sink of the peltier",
      facts: { count: 2 },
    },
    [
      probe("temperature", "Vessel", () => world.vessel.probeC),
      probe("heat_sink", "Heat sink", () => world.vessel.sinkProbeC),
    ],
  );
}

export function ambientSensor(world: World): SimulatedSensor {
  return new SimulatedSensor(
    new Link(world, "ambient", { answerMs: 2, timeoutMs: 100 }, "no_ack"),
    {
      deviceId: "ambient",
      label: "Ambient temperature",
      component: "ambient_temp",
      bus: "sim-i2c",
      description: "PCT2075 at 0x37: air in the room",
    },
    [{
      channel: measured("temperature", "Room", "°C", {
        min: -40,
        max: 60,
        decimals: 2,
        periodMs: 5000,
      }),
      measure: (atS) => ({
        value: sampled(world, "ambient", atS, ambientC(world.parameters, atS), {
          sigma: 0.03,
          resolution: 0.125,
        }),
      }),
      driftPerH: 1,
    }],
  );
}

export function co2Sensor(world: World): SimulatedSensor {
  return new SimulatedSensor(
    new Link(world, "co2", { answerMs: 900, timeoutMs: 1900 }, "no_ack"),
    {
      deviceId: "co2",
      label: "CO₂",
      component: "co2_sensor",
      bus: "sim-i2c-co2",
      description: "Atlas Scientific EZO-CO2 at 0x69: gas above the culture",
      warmUpS: 10,
    },
    [{
      channel: measured("co2", "CO₂", "ppm", { min: 0, max: 10_000, decimals: 0, periodMs: 5000 }),
      measure(atS) {
        const ppm = world.vessel.co2ProbePpm;
        const value = sampled(world, "co2", atS, ppm, { sigma: 2 + ppm * 0.002, resolution: 1 });
        if (value > 10_000) return { value: Math.min(value, 10_500), code: "over_range" };
        return { value: Math.max(0, value) };
      },
      driftPerH: 300,
    }],
  );
}

export function o2Sensor(world: World): SimulatedSensor {
  return new SimulatedSensor(
    new Link(world, "o2", { answerMs: 900, timeoutMs: 1900 }, "no_ack"),
    {
      deviceId: "o2",
      label: "O₂",
      component: "o2_sensor",
      bus: "sim-i2c-o2",
      description: "Atlas Scientific EZO-O2 at 0x6C: gas above the culture",
      warmUpS: 10,
    },
    [{
      channel: measured("o2", "O₂", "%", { min: 0, max: 42, decimals: 2, periodMs: 5000 }),
      measure(atS) {
        const value = sampled(world, "o2", atS, world.vessel.o2ProbePercent, {
          sigma: 0.02,
          resolution: 0.01,
        });
        if (value > 42) return { value: 42, code: "over_range" };
        return { value: Math.max(0, value) };
      },
      driftPerH: 1,
    }],
  );
}
