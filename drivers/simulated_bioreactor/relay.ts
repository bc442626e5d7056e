import { z } from "zod";
import type { DriverAnswer, DriverReading } from "../driver.ts";
import { good, HEARTBEAT_MS, readback, refusal, SimulatedActuator, tidy } from "./actuator.ts";
import { quantity } from "./capability.ts";
import { Link } from "./link.ts";
import type { VesselInputs } from "./vessel.ts";
import type { Part, World } from "./world.ts";

/** What the valves of the usual four relays are connected to. */
const USUAL_GAS: Readonly<Record<string, "co2" | "air" | "nitrogen">> = {
  relay_1: "co2",
  relay_2: "air",
  relay_3: "nitrogen",
};

/** A name alone stands for a relay without guards. */
export const RelayConfig = z.preprocess(
  (given) => typeof given === "string" ? { name: given } : given,
  z.strictObject({
    /** As scripts call it: `relay_1`. */
    name: z.string().regex(/^[a-z][a-z0-9_-]*$/),
    /** Which gas its valve lets into the vessel while closed. */
    gas: z.enum(["none", "co2", "air", "nitrogen"]).optional(),
    /** It opens by itself after this long, s of the simulated clock; null: it may stay closed. */
    closedMaxS: z.number().positive().nullable().default(null),
    /** Between two closings, s of the simulated clock. */
    intervalMinS: z.number().min(0).default(0),
    /** Closing is refused above this CO2 reading, ppm, and without one. */
    co2MaxPpm: z.number().positive().nullable().default(null),
  }).transform((relay) => ({ ...relay, gas: relay.gas ?? USUAL_GAS[relay.name] ?? "none" })),
);
export type RelayConfig = z.infer<typeof RelayConfig>;

/** `relay_1` is the device `relay-1`; any other name follows `relay-` as it is. */
export function relayDeviceId(name: string): string {
  return `relay-${name.replace(/^relay[_-]/, "")}`;
}

/** A contact: closed is energised, open is rest. */
export class RelayPart implements Part {
  readonly deviceId: string;
  #closed = false;
  #openAtS: number | null = null;
  #lastClosedAtS = -Infinity;
  #closedS = 0;
  #cycles = 0;
  #cause: string | null = null;

  constructor(private readonly world: World, readonly config: RelayConfig) {
    this.deviceId = relayDeviceId(config.name);
  }

  get closed(): boolean {
    return this.#closed;
  }
  /** Seconds closed since start: catches doses shorter than the sampling. */
  get closedS(): number {
    return this.#closedS;
  }
  get cycles(): number {
    return this.#cycles;
  }
  get cause(): string | null {
    return this.#cause;
  }
  /** Seconds until it opens by itself, or `null`. */
  get opensInS(): number | null {
    return this.#openAtS === null ? null : Math.max(0, this.#openAtS - this.world.atS);
  }
  /** Seconds until it may close again. */
  get waitS(): number {
    return Math.max(0, this.#lastClosedAtS + this.config.intervalMinS - this.world.atS);
  }

  close(forS: number | null): void {
    const { closedMaxS } = this.config;
    const atS = this.world.atS;
    const limits = [forS, closedMaxS].filter((one) => one !== null);
    this.#cause = null;
    if (!this.#closed) {
      this.#closed = true;
      this.#cycles++;
      this.#lastClosedAtS = atS;
      this.#openAtS = limits.length === 0 ? null : atS + Math.min(...limits);
    } else if (forS !== null) {
      const until = atS + forS;
      const guard = closedMaxS === null ? Infinity : this.#lastClosedAtS + closedMaxS;
      this.#openAtS = Math.min(until, guard);
    }
  }
  rest(): void {
    this.#closed = false;
    this.#openAtS = null;
    this.#cause = null;
  }

  step(dtS: number, atS: number): void {
    const { faults } = this.world;
    if (faults.at(this.deviceId, "disconnect", atS) !== null && this.#closed) {
      this.rest();
      this.#cause = "disconnected";
    }
    if (!this.#closed) return;
    const stuck = faults.at(this.deviceId, "stuck", atS) !== null;
    const openAtS = this.#openAtS;
    if (!stuck && openAtS !== null && atS >= openAtS) {
      this.#closedS += Math.max(0, openAtS - (atS - dtS));
      const { closedMaxS } = this.config;
      const byGuard = closedMaxS !== null && openAtS - this.#lastClosedAtS >= closedMaxS - 1e-9;
      this.rest();
      this.#cause = byGuard ? "guard_duration" : "pulse_over";
      return;
    }
    this.#closedS += dtS;
  }

  act(inputs: { -readonly [K in keyof VesselInputs]: number }): void {
    if (!this.#closed) return;
    const { gasMlPerS } = this.world.parameters;
    if (this.config.gas === "co2") inputs.co2MlPerS += gasMlPerS;
    if (this.config.gas === "air") inputs.airMlPerS += gasMlPerS;
    if (this.config.gas === "nitrogen") inputs.nitrogenMlPerS += gasMlPerS;
  }
}

const GAS_TEXT = {
  none: "nothing connected",
  co2: "CO₂ into the vessel while closed",
  air: "air into the vessel while closed",
  nitrogen: "nitrogen into the vessel while closed",
};

export class Relay extends SimulatedActuator {
  constructor(world: World, private readonly part: RelayPart) {
    const { name, gas, closedMaxS, intervalMinS, co2MaxPpm } = part.config;
    super(new Link(world, part.deviceId, { answerMs: 2, timeoutMs: 200 }, "timeout"), {
      deviceId: part.deviceId,
      label: name.startsWith("relay_") ? `Relay ${name.slice(6)}` : `Relay ${name}`,
      component: "relays",
      bus: "sim-gpio",
      description: `GPIO relay "${name}": ${GAS_TEXT[gas]}`,
      channels: [
        {
          id: "closed",
          label: "Closed",
          unit: "",
          role: "readback",
          type: "boolean",
          decimals: 0,
          periodMs: 1000,
        },
        readback("closed_s", "Closed in total", "s", { min: 0 }),
      ],
      operations: [{
        op: "set",
        label: "Open or close",
        schema: z.strictObject({
          closed: z.boolean().meta({
            title: "Closed",
            description: "closed is energised, open is rest",
            default: false,
          }),
        }),
      }, {
        op: "pulse",
        label: "Close for a time",
        schema: z.strictObject({
          seconds: quantity("Seconds", {
            min: 0.05,
            max: closedMaxS ?? 86_400,
            unit: "s",
            text: "then it opens by itself",
            initial: Math.min(1, closedMaxS ?? 1),
          }),
        }),
      }],
      safeState: { closed: false },
      heartbeatMs: HEARTBEAT_MS,
      ...(closedMaxS === null ? {} : { onTimeMaxMs: Math.max(1, Math.round(closedMaxS * 1000)) }),
      ...(co2MaxPpm === null
        ? {}
        : { guards: [{ deviceId: "co2", channel: "co2", max: co2MaxPpm }] }),
      facts: {
        relay_name: name,
        gas,
        closed_max_s: closedMaxS,
        interval_min_s: intervalMinS,
        co2_max_ppm: co2MaxPpm,
      },
    });
  }
  protected drive(op: string, args: Record<string, unknown>): void {
    if (op === "set" && args.closed === false) return this.part.rest();
    const { waitS, closed } = this.part;
    if (!closed && waitS > 0) {
      throw refusal(
        "guard_interval",
        this.deviceId,
        `it may close again in ${waitS.toFixed(1)} s`,
      );
    }
    this.part.close(op === "pulse" ? args.seconds as number : null);
  }
  protected rest(): void {
    this.part.rest();
  }
  protected readings(): DriverReading[] {
    return [good("closed", this.part.closed), good("closed_s", tidy(this.part.closedS))];
  }
  protected report(): DriverAnswer {
    const { closed, closedS, cycles, cause, opensInS, waitS } = this.part;
    return {
      setpoint: { closed },
      readback: {
        closed,
        closed_s: tidy(closedS),
        cycles,
        ...(opensInS === null ? {} : { opens_in_s: tidy(opensInS) }),
        ...(waitS > 0 ? { wait_s: tidy(waitS) } : {}),
        ...(cause === null ? {} : { cause }),
      },
      safe: !closed,
    };
  }
}
