import type { DriverClock } from "../driver.ts";
import { Faults } from "./faults.ts";
import {
  IDLE,
  initialVessel,
  stepVessel,
  type VesselInputs,
  type VesselParameters,
  type VesselState,
} from "./vessel.ts";

/** Integration step of the simulated clock, s. */
export const STEP_S = 0.25;
/** Longest stretch made up at once after the process slept, s: beyond it the simulated clock slips. */
const CATCH_UP_S_MAX = 100_000;

/** The electrical side of one actuator: it goes on by itself between commands. */
export interface Part {
  readonly deviceId: string;
  /** Moves from `atS - dtS` to `atS`. */
  step(dtS: number, atS: number): void;
  /** Adds what it does to the vessel. */
  act(inputs: { -readonly [K in keyof VesselInputs]: number }): void;
}

/**
 * The simulated bench: one vessel, its actuators' parts, the fault script and the virtual clock. It has
 * no timer: whoever looks brings it up to date, in whole steps, so that looking changes nothing.
 */
export class World {
  readonly parameters: VesselParameters;
  readonly seed: number;
  readonly faults: Faults;
  readonly clock: DriverClock;
  #vessel: VesselState;
  #inputs: VesselInputs = IDLE;
  #parts: Part[] = [];
  #atS = 0;
  #timeScale: number;
  /** Virtual time at the last change of scale, and the monotonic time of that moment. */
  #anchorS = 0;
  #anchorMs: number;

  constructor(
    parameters: VesselParameters,
    { seed, timeScale, clock }: { seed: number; timeScale: number; clock: DriverClock },
  ) {
    this.parameters = parameters;
    this.seed = seed;
    this.clock = clock;
    this.faults = new Faults(seed);
    this.#timeScale = timeScale;
    this.#anchorMs = clock.monotonicMs();
    this.#vessel = initialVessel(parameters);
  }

  addPart(part: Part): void {
    this.#parts = [...this.#parts, part];
  }

  /** The vessel as it stands at `atS`. */
  get vessel(): VesselState {
    return this.#vessel;
  }
  get inputs(): VesselInputs {
    return this.#inputs;
  }
  /** How far the integration has come, s of the simulated clock. */
  get atS(): number {
    return this.#atS;
  }
  get timeScale(): number {
    return this.#timeScale;
  }

  /** Simulated seconds since the start, at this very moment. */
  nowS(): number {
    return this.#anchorS + ((this.clock.monotonicMs() - this.#anchorMs) * this.#timeScale) / 1000;
  }

  /** @throws {RangeError} outside 1 to 1000. */
  setTimeScale(timeScale: number): void {
    if (!(timeScale >= 1 && timeScale <= 1000)) {
      throw new RangeError(`Cannot set the time scale: ${timeScale} is not within 1 and 1000`);
    }
    this.settle();
    this.#anchorS = this.nowS();
    this.#anchorMs = this.clock.monotonicMs();
    this.#timeScale = timeScale;
  }

  /** Integrates all whole steps up to now: before a reading. */
  catchUp(): void {
    const nowS = this.#reach();
    while (this.#atS + STEP_S <= nowS) this.#step(STEP_S);
  }

  /** Integrates up to this very moment: before an output changes, so that it acts from now on. */
  settle(): void {
    this.catchUp();
    const restS = this.nowS() - this.#atS;
    if (restS > 1e-9) this.#step(restS);
  }

  #reach(): number {
    const nowS = this.nowS();
    const excessS = nowS - this.#atS - CATCH_UP_S_MAX;
    if (excessS <= 0) return nowS;
    this.#anchorS -= excessS;
    return nowS - excessS;
  }

  #step(dtS: number): void {
    const atS = this.#atS + dtS;
    const inputs = { ...IDLE };
    for (const part of this.#parts) {
      part.step(dtS, atS);
      part.act(inputs);
    }
    this.#inputs = inputs;
    this.#vessel = stepVessel(this.#vessel, inputs, this.parameters, dtS, atS);
    this.#atS = atS;
  }
}
