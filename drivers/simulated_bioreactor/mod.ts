import { z } from "zod";
import type { Driver, DriverClock } from "../driver.ts";
import { misfit, parsed } from "./capability.ts";
import { type Fault, FaultAsk } from "./faults.ts";
import { Lamp, LampPart, RingConfig, RingLight, RingPart } from "./lights.ts";
import { eyespy, opticalDensity } from "./optical_density.ts";
import { Peltier, PeltierConfig, peltierCurrentSensor, PeltierPart } from "./peltier.ts";
import { Pump, PumpConfig, PumpPart, VolumeLedger } from "./pump.ts";
import { Relay, RelayConfig, relayDeviceId, RelayPart } from "./relay.ts";
import { ambientSensor, co2Sensor, o2Sensor, temperatureSensor } from "./sensors.ts";
import { Stirrer, StirrerPart } from "./stirrer.ts";
import { VesselParameters } from "./vessel.ts";
import { World } from "./world.ts";

export { type Fault, FaultAsk, FaultKind } from "./faults.ts";
export { type VesselState } from "./vessel.ts";
export { World } from "./world.ts";

/** Simulated seconds that pass in one real second. */
export const TimeScale = z.number().min(1).max(1000);

/** Everything the simulated bioreactor can be told at start; every field has a default. */
export const SimulatedBioreactorConfig = z.strictObject({
  /** Two simulations with one seed and the same commands give the same values. */
  seed: z.number().int().min(0).default(1),
  timeScale: TimeScale.default(1),
  vessel: VesselParameters.prefault({}),
  peltier: PeltierConfig.prefault({}),
  ringLight: RingConfig.prefault({}),
  /** Power of the LED while the optical density is sampled, %. */
  odLedPct: z.number().min(1).max(100).default(15),
  /** The LED goes off after this long without a new command, s; null: it may stay on. */
  ledOnMaxS: z.number().positive().nullable().default(null),
  pumps: z.array(PumpConfig).max(8).prefault(["inflow", "outflow"]),
  relays: z.array(RelayConfig).max(16).prefault(["relay_1", "relay_2", "relay_3", "relay_4"]),
  /** Fault script, times from the start. */
  faults: z.array(FaultAsk).max(256).default([]),
}).superRefine((config, ctx) => {
  const names = (path: string, ids: string[]) => {
    const twice = ids.find((id, i) => ids.indexOf(id) !== i);
    if (twice === undefined) return;
    ctx.addIssue({ code: "custom", path: [path], message: `"${twice}" stands there twice` });
  };
  names("pumps", config.pumps.map(({ name }) => name));
  names("relays", config.relays.map(({ name }) => relayDeviceId(name)));
});
export type SimulatedBioreactorConfig = z.infer<typeof SimulatedBioreactorConfig>;

/** Asks beyond those of every agent. All times are seconds of the simulated clock. */
export interface SimulatorAsks {
  /** @throws {RangeError} unknown device, unfit arguments, or too many faults waiting */
  fault(ask: Record<string, unknown>): Fault;
  faults(): { faults: (Fault & { active: boolean })[] };
  /** Without `id`: all. @throws {RangeError} no fault with that id */
  clearFaults(ask: Record<string, unknown>): { cleared: number };
  /** Without `scale`: only says it. @throws {RangeError} */
  timeScale(ask: Record<string, unknown>): { scale: number; simulatedS: number };
}

export interface SimulatedBioreactor {
  readonly drivers: readonly Driver[];
  readonly world: World;
  readonly asks: SimulatorAsks;
}

/**
 * One vessel with every component of the bioreactor, as drivers. Pure but for the clock: no timer, no file,
 * no network.
 */
export function simulatedBioreactor(
  config: SimulatedBioreactorConfig,
  clock: DriverClock,
): SimulatedBioreactor {
  const { seed, timeScale } = config;
  const world = new World(config.vessel, { seed, timeScale, clock });
  const peltier = new PeltierPart(world, config.peltier);
  const stirrer = new StirrerPart(world);
  const lamp = new LampPart(world);
  const ring = new RingPart(world, config.ringLight);
  const relays = config.relays.map((one) => new RelayPart(world, one));
  const ledger = new VolumeLedger(config.vessel.volumeMl, config.vessel.volumeMaxMl);
  const pumps = config.pumps.map((one) => new PumpPart(world, one, ledger));
  // Outflow before inflow: in one step room is made before it is used.
  const byOutflow = [...pumps].sort((a, b) =>
    Number(a.config.role === "inflow") - Number(b.config.role === "inflow")
  );
  for (const part of [peltier, stirrer, lamp, ring, ...relays, ...byOutflow]) world.addPart(part);

  const pulse = { lamp, ring, ledPct: config.odLedPct };
  const drivers: Driver[] = [
    temperatureSensor(world),
    ambientSensor(world),
    co2Sensor(world),
    o2Sensor(world),
    opticalDensity(world, pulse),
    eyespy(world, pulse),
    peltierCurrentSensor(world, peltier),
    new Peltier(world, peltier, config.peltier),
    new Stirrer(world, stirrer),
    new Lamp(world, lamp, config.ledOnMaxS),
    new RingLight(world, ring, config.ringLight),
    ...relays.map((part) => new Relay(world, part)),
    ...pumps.map((part) => new Pump(world, part)),
  ];
  const asks = simulatorAsks(world, drivers);
  for (const fault of config.faults) asks.fault(fault);
  return { drivers, world, asks };
}

function simulatorAsks(world: World, drivers: readonly Driver[]): SimulatorAsks {
  const channels = new Map(drivers.map(({ capability }) => [
    capability.deviceId,
    (capability.channels as { id: string }[]).map(({ id }) => id),
  ]));
  return {
    fault(ask) {
      const fault = parsed(FaultAsk, ask, "add the fault");
      if (fault.deviceId !== "*") {
        const known = channels.get(fault.deviceId);
        const no = (path: string, message: string) => misfit("add the fault", [{ path, message }]);
        if (known === undefined) throw no("deviceId", `there is no device "${fault.deviceId}"`);
        if (fault.channel !== undefined && !known.includes(fault.channel)) {
          throw no("channel", `"${fault.deviceId}" has no channel "${fault.channel}"`);
        }
      }
      world.settle();
      return world.faults.add(fault, world.nowS());
    },
    faults() {
      world.catchUp();
      return { faults: world.faults.list(world.nowS()) };
    },
    clearFaults(ask) {
      const { id } = parsed(
        z.strictObject({ id: z.number().int().positive().optional() }),
        ask,
        "clear the fault",
      );
      world.settle();
      const cleared = world.faults.clear(id);
      if (id !== undefined && cleared === 0) {
        throw misfit("clear the fault", [{ path: "id", message: `there is none with id ${id}` }]);
      }
      return { cleared };
    },
    timeScale(ask) {
      const { scale } = parsed(
        z.strictObject({ scale: TimeScale.optional() }),
        ask,
        "set the time scale",
      );
      if (scale !== undefined) world.setTimeScale(scale);
      return { scale: world.timeScale, simulatedS: world.nowS() };
    },
  };
}
