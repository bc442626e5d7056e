import { z } from "zod";
import type { DriverAnswer, DriverReading } from "../driver.ts";
import { good, HEARTBEAT_MS, readback, SimulatedActuator, tidy } from "./actuator.ts";
import { misfit, quantity } from "./capability.ts";
import { Link } from "./link.ts";
import { gaussian } from "./noise.ts";
import { SimulatedSensor } from "./sensor.ts";
import { peltierCurrentA, type VesselInputs } from "./vessel.ts";
import type { Part, World } from "./world.ts";

export const PeltierConfig = z.strictObject({
  /** Largest power in each direction, %. */
  heatMaxPct: z.number().min(0).max(100).default(70),
  coolMaxPct: z.number().min(0).max(100).default(100),
  /** Power rises by at most this, % per s; it falls at once. */
  slewPctPerS: z.number().positive().default(20),
  /** Between two changes of direction, s. */
  reversalS: z.number().min(0).default(2),
});
export type PeltierConfig = z.infer<typeof PeltierConfig>;

/** A thermostat on the block opens the supply above this, °C. */
const THERMOSTAT_C = 68;

/** H-bridge: one magnitude, one direction. Signed percent: + heats, - cools. */
export class PeltierPart implements Part {
  readonly deviceId = "peltier";
  #target = 0;
  #applied = 0;
  #sign = 0;
  #reversedAtS = -Infinity;
  #cut: string | null = null;

  constructor(private readonly world: World, private readonly config: PeltierConfig) {}

  get target(): number {
    return this.#target;
  }
  get applied(): number {
    return this.#applied;
  }
  /** Why the part itself took the power away, until the next command. */
  get cut(): string | null {
    return this.#cut;
  }

  drive(power: number): void {
    this.#cut = null;
    this.#target = power;
    this.#clamp();
  }

  rest(): void {
    this.#target = 0;
    this.#applied = 0;
  }

  step(dtS: number, atS: number): void {
    const { faults, vessel } = this.world;
    if (faults.at(this.deviceId, "disconnect", atS) !== null) return this.#off("disconnected");
    if (vessel.blockC > THERMOSTAT_C && this.#applied > 0) return this.#off("cut_over_temp");
    if (faults.at(this.deviceId, "stuck", atS) !== null) return;
    const sign = Math.sign(this.#target);
    if (sign !== 0 && sign !== this.#sign) {
      if (this.#sign !== 0 && atS - this.#reversedAtS < this.config.reversalS) return;
      this.#sign = sign;
      this.#reversedAtS = atS;
    }
    const riseMax = this.config.slewPctPerS * dtS;
    const magnitude = Math.min(Math.abs(this.#target), Math.abs(this.#applied) + riseMax);
    this.#applied = sign * magnitude;
  }

  act(inputs: { -readonly [K in keyof VesselInputs]: number }): void {
    inputs.peltier += this.#applied / 100;
  }

  /** Falls at once; a change of direction first goes to nothing. */
  #clamp(): void {
    const same = Math.sign(this.#target) === Math.sign(this.#applied);
    const magnitude = same ? Math.min(Math.abs(this.#applied), Math.abs(this.#target)) : 0;
    this.#applied = magnitude === 0 ? 0 : Math.sign(this.#target) * magnitude;
  }

  #off(why: string): void {
    if (this.#target !== 0 || this.#applied !== 0) this.#cut = why;
    this.rest();
  }
}

/** One signed power, or magnitude and direction as the originals say it. */
export class Peltier extends SimulatedActuator {
  constructor(
    world: World,
    private readonly part: PeltierPart,
    private readonly config: PeltierConfig,
  ) {
    const { heatMaxPct, coolMaxPct } = config;
    super(new Link(world, "peltier", { answerMs: 5, timeoutMs: 200 }, "timeout"), {
      deviceId: "peltier",
      label: "Peltier",
      component: "peltier_driver",
      bus: "sim-pwm-peltier",
      description:
        `H-bridge with PWM: heats to ${heatMaxPct} %, cools to ${coolMaxPct} %; power rises by ` +
        `${config.slewPctPerS} % a second, reversals at least ${config.reversalS} s apart`,
      channels: [
        readback("power", "Power", "%", { min: -coolMaxPct, max: heatMaxPct, decimals: 0 }),
      ],
      operations: [{
        op: "set",
        label: "Set power",
        schema: z.strictObject({
          power: quantity("Power", {
            min: -coolMaxPct,
            max: heatMaxPct,
            unit: "%",
            text: "positive heats, negative cools",
            initial: 0,
          }),
        }),
      }, {
        op: "drive",
        label: "Set duty and direction",
        schema: z.strictObject({
          duty: quantity("Duty", { min: 0, max: 100, unit: "%", text: "share of full power" }),
          direction: z.enum(["heat", "cool", "forward", "reverse"]).meta({
            title: "Direction",
            description: "forward heats, reverse cools",
          }),
        }),
      }],
      safeState: { power: 0 },
      heartbeatMs: HEARTBEAT_MS,
      guards: [{ deviceId: "temperature", channel: "temperature", min: 2, max: 60 }],
      facts: {
        directions: ["heat", "cool", "forward", "reverse"],
        heat_max_pct: heatMaxPct,
        cool_max_pct: coolMaxPct,
      },
    });
  }

  protected drive(op: string, args: Record<string, unknown>): void {
    if (op === "set") return this.part.drive(args.power as number);
    const heat = args.direction === "heat" || args.direction === "forward";
    const duty = args.duty as number;
    const max = heat ? this.config.heatMaxPct : this.config.coolMaxPct;
    if (duty > max) {
      const message = `must be at most ${max} to ${args.direction}`;
      throw misfit('drive "peltier"', [{ path: "duty", message }]);
    }
    this.part.drive(duty === 0 ? 0 : heat ? duty : -duty);
  }
  protected rest(): void {
    this.part.rest();
  }
  protected readings(): DriverReading[] {
    return [good("power", tidy(this.part.applied))];
  }
  protected report(): DriverAnswer {
    const { target, applied, cut } = this.part;
    return {
      setpoint: { power: target },
      readback: { power: tidy(applied), ...(cut === null ? {} : { cause: cut }) },
      safe: target === 0 && applied === 0,
    };
  }
}

/** INA228 in the supply line: unsigned. Sees a bridge that is told to drive and does not. */
export function peltierCurrentSensor(world: World, part: PeltierPart): SimulatedSensor {
  return new SimulatedSensor(
    new Link(world, "peltier-current", { answerMs: 4, timeoutMs: 100 }, "no_ack"),
    {
      deviceId: "peltier-current",
      label: "Heater current",
      component: "peltier_current",
      bus: "sim-i2c",
      description: "INA228 at 0x40 with a 15 mΩ shunt: supply current of the peltier",
    },
    [{
      channel: {
        id: "current",
        label: "Current",
        unit: "A",
        role: "measured",
        type: "number",
        min: 0,
        max: 10.9,
        decimals: 3,
        periodMs: 1000,
      },
      measure(atS) {
        const dead = world.faults.at("peltier", "no_answer", atS) !== null ||
          world.faults.at("peltier", "disconnect", atS) !== null;
        const drawn = dead ? 0 : peltierCurrentA(part.applied / 100);
        const noisy = drawn * (1 + 0.004 * gaussian(world.seed, "current/gain", atS)) +
          0.004 * Math.abs(gaussian(world.seed, "current", atS));
        const value = tidy(Math.round(Math.max(0, noisy) * 1000) / 1000);
        const expected = peltierCurrentA(part.target / 100);
        if (Math.abs(part.applied) > 20 && value < 0.1 * expected) {
          return { value, code: "open_load" };
        }
        return { value };
      },
      driftPerH: 0.5,
    }],
  );
}
