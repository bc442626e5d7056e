import { z } from "zod";
import type { DriverAnswer, DriverReading } from "../driver.ts";
import { good, readback, SimulatedActuator, tidy } from "./actuator.ts";
import { quantity } from "./capability.ts";
import { Link } from "./link.ts";
import { gaussian } from "./noise.ts";
import type { VesselInputs } from "./vessel.ts";
import type { Part, World } from "./world.ts";

/** Below this duty the motor does not turn, %; at full duty it makes `RPM_MAX`. */
const THRESHOLD_PCT = 8;
const RPM_MAX = 2000;
/** Duty rises by at most this, % per s, or the bar loses the magnet. */
const RAMP_PCT_PER_S = 10;
const KICK_PCT = 60;
const KICK_S = 0.3;

/** Motor with a tacho; kicked when it starts from rest below the kick's duty. */
export class StirrerPart implements Part {
  readonly deviceId = "stirrer";
  #target = 0;
  #applied = 0;
  #rpm = 0;
  #kickS = 0;
  #stalledS = 0;

  constructor(private readonly world: World) {}

  get target(): number {
    return this.#target;
  }
  get applied(): number {
    return this.#applied;
  }
  get rpm(): number {
    return this.#rpm;
  }
  /** It is driven and has not turned for three seconds. */
  get stalled(): boolean {
    return this.#stalledS >= 3;
  }

  drive(duty: number): void {
    if (duty > 0 && this.#rpm < 1 && duty < KICK_PCT) this.#kickS = KICK_S;
    this.#target = duty;
    // It starts from its threshold, not from nothing: a ramp below it would only hum.
    if (duty > 0) this.#applied = Math.max(this.#applied, Math.min(duty, 30));
    if (duty < this.#applied) this.#applied = duty;
  }
  rest(): void {
    this.#target = 0;
    this.#applied = 0;
    this.#kickS = 0;
  }

  step(dtS: number, atS: number): void {
    const { faults } = this.world;
    if (faults.at(this.deviceId, "disconnect", atS) !== null) this.rest();
    const blocked = faults.at(this.deviceId, "stuck", atS) !== null;
    this.#applied = Math.min(this.#target, this.#applied + RAMP_PCT_PER_S * dtS);
    this.#kickS = Math.max(0, this.#kickS - dtS);
    const duty = this.#kickS > 0 ? KICK_PCT : this.#applied;
    const wanted = blocked || duty < THRESHOLD_PCT ? 0 : (RPM_MAX * duty) / 100;
    this.#rpm += (wanted - this.#rpm) * (1 - Math.exp(-dtS / 0.6));
    if (blocked) this.#rpm = 0;
    const driven = this.#applied >= THRESHOLD_PCT && this.#rpm < 1;
    this.#stalledS = driven ? this.#stalledS + dtS : 0;
  }

  act(inputs: { -readonly [K in keyof VesselInputs]: number }): void {
    inputs.stirRpm += this.#rpm;
  }
}

export class Stirrer extends SimulatedActuator {
  readonly #world: World;
  constructor(world: World, private readonly part: StirrerPart) {
    super(new Link(world, "stirrer", { answerMs: 5, timeoutMs: 200 }, "timeout"), {
      deviceId: "stirrer",
      label: "Stirrer",
      component: "stirrer",
      bus: "sim-pwm-stirrer",
      description:
        `Motor with magnetic bar, PWM and tacho: turns from ${THRESHOLD_PCT} %, ${RPM_MAX} rpm at 100 %`,
      channels: [
        readback("duty", "Duty", "%", { min: 0, max: 100, decimals: 0 }),
        {
          id: "rpm",
          label: "Speed",
          unit: "rpm",
          role: "measured",
          type: "number",
          min: 0,
          max: 2200,
          decimals: 0,
          periodMs: 1000,
        },
      ],
      operations: [{
        op: "set",
        label: "Set duty",
        schema: z.strictObject({
          duty: quantity("Duty", {
            min: 0,
            max: 100,
            unit: "%",
            text: "0 stops the bar",
            initial: 30,
          }),
        }),
      }],
      safeState: { duty: 0 },
      // Cells settle when nothing stirs: it goes on for a minute after the runtime is gone.
      heartbeatMs: 60_000,
    });
    this.#world = world;
  }

  protected drive(_op: string, args: Record<string, unknown>): void {
    this.part.drive(args.duty as number);
  }
  protected rest(): void {
    this.part.rest();
  }
  protected readings(): DriverReading[] {
    const { applied, rpm, stalled } = this.part;
    const { seed, atS } = this.#world;
    const noisy = rpm < 1 ? 0 : rpm * (1 + 0.004 * gaussian(seed, "rpm", atS));
    const speed = good("rpm", Math.round(noisy));
    return [
      good("duty", tidy(applied)),
      stalled ? { ...speed, quality: "suspect", code: "stall" } : speed,
    ];
  }
  protected report(): DriverAnswer {
    const { target, applied, rpm } = this.part;
    return {
      setpoint: { duty: target },
      readback: { duty: tidy(applied), rpm: Math.round(rpm) },
      safe: target === 0,
    };
  }
}
