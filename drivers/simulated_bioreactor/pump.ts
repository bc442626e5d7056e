import { z } from "zod";
import type { DriverAnswer, DriverReading } from "../driver.ts";
import { good, HEARTBEAT_MS, readback, refusal, SimulatedActuator, tidy } from "./actuator.ts";
import { type OperationFacts, quantity } from "./capability.ts";
import { Link } from "./link.ts";
import type { VesselInputs } from "./vessel.ts";
import type { Part, World } from "./world.ts";

/** A name alone will do: `outflow` and `tube_1_out` empty the vessel, anything else fills it. */
export const PumpConfig = z.preprocess(
  (given) => typeof given === "string" ? { name: given } : given,
  z.strictObject({
    /** As scripts call it: `inflow`, `tube_1_in`. */
    name: z.string().regex(/^[a-z][a-z0-9_-]*$/),
    role: z.enum(["inflow", "outflow"]).optional(),
    /** Calibrated maximum, ml/s. */
    flowMaxMlPerS: z.number().positive().max(50).default(2.5),
  }).transform((pump) => ({
    ...pump,
    role: pump.role ?? (/(^|[_-])(out|waste)/.test(pump.name) ? "outflow" : "inflow"),
  })),
);
export type PumpConfig = z.infer<typeof PumpConfig>;

/** A stepper's own command timeout: without word from its driver it stops, s. */
const COMMAND_TIMEOUT_S = 1;

/** What the pumps together believe to be in the vessel: the start volume and every measured ml since. */
export class VolumeLedger {
  constructor(public volumeMl: number, readonly volumeMaxMl: number) {}
  get roomMl(): number {
    return Math.max(0, this.volumeMaxMl - this.volumeMl);
  }
}

/** A stepper pump that counts its steps: volume is measured, also of a dose cut short. */
export class PumpPart implements Part {
  readonly deviceId: string;
  #flow = 0;
  #doseLeftMl: number | null = null;
  #doseMl = 0;
  #lastDoseMl: number | null = null;
  #totalMl = 0;
  #runS = 0;
  #movedMlPerS = 0;
  #deafS = 0;
  #cause: string | null = null;

  constructor(
    private readonly world: World,
    readonly config: PumpConfig,
    readonly ledger: VolumeLedger,
  ) {
    this.deviceId = `pump-${config.name}`;
  }

  /** What it is told, ml/s. */
  get flow(): number {
    return this.#flow;
  }
  /** What it moved in the last step, ml/s. */
  get moved(): number {
    return this.#movedMlPerS;
  }
  get totalMl(): number {
    return this.#totalMl;
  }
  get runS(): number {
    return this.#runS;
  }
  get cause(): string | null {
    return this.#cause;
  }
  /** The dose under way or the last one: asked, and measured so far. */
  get dose(): { askedMl: number; doneMl: number; running: boolean } | null {
    if (this.#doseLeftMl !== null) {
      return { askedMl: this.#doseMl, doneMl: this.#doseMl - this.#doseLeftMl, running: true };
    }
    if (this.#lastDoseMl === null) return null;
    return { askedMl: this.#doseMl, doneMl: this.#lastDoseMl, running: false };
  }

  run(flow: number): void {
    this.#endDose();
    this.#flow = flow;
    this.#cause = null;
  }
  startDose(volumeMl: number, flow: number): void {
    this.#endDose();
    this.#doseMl = volumeMl;
    this.#doseLeftMl = volumeMl;
    this.#flow = flow;
    this.#cause = null;
  }
  rest(): void {
    this.#endDose();
    this.#flow = 0;
    this.#movedMlPerS = 0;
  }

  step(dtS: number, atS: number): void {
    const { faults } = this.world;
    this.#movedMlPerS = 0;
    const silent = faults.at(this.deviceId, "disconnect", atS) !== null ||
      faults.at(this.deviceId, "no_answer", atS) !== null;
    this.#deafS = silent ? this.#deafS + dtS : 0;
    if (this.#flow === 0) return;
    if (this.#deafS > COMMAND_TIMEOUT_S) return this.#stop("timeout_stop");
    // A blocked rotor moves nothing, whatever it is told.
    if (faults.at(this.deviceId, "stuck", atS) !== null) return;
    let wantedMl = this.#flow * dtS;
    if (this.#doseLeftMl !== null) wantedMl = Math.min(wantedMl, this.#doseLeftMl);
    const inward = this.config.role === "inflow";
    const movedMl = inward ? Math.min(wantedMl, this.ledger.roomMl) : wantedMl;
    this.#totalMl += movedMl;
    this.#runS += movedMl / this.#flow;
    this.#movedMlPerS = movedMl / dtS;
    this.ledger.volumeMl = Math.max(0, this.ledger.volumeMl + (inward ? movedMl : -movedMl));
    if (this.#doseLeftMl !== null) {
      this.#doseLeftMl -= movedMl;
      if (this.#doseLeftMl <= 1e-9) return this.#stop("dose_done");
    }
    if (movedMl < wantedMl) this.#stop("volume_limit");
  }

  act(inputs: { -readonly [K in keyof VesselInputs]: number }): void {
    if (this.config.role === "inflow") inputs.inflowMlPerS += this.#movedMlPerS;
    else inputs.outflowMlPerS += this.#movedMlPerS;
  }

  /** Keeps what moved in the step that ended it. */
  #stop(cause: string): void {
    this.#endDose();
    this.#flow = 0;
    this.#cause = cause;
  }
  #endDose(): void {
    if (this.#doseLeftMl === null) return;
    this.#lastDoseMl = this.#doseMl - this.#doseLeftMl;
    this.#doseLeftMl = null;
  }
}

export class Pump extends SimulatedActuator {
  constructor(world: World, private readonly part: PumpPart) {
    const { name, role, flowMaxMlPerS } = part.config;
    const inward = role === "inflow";
    super(new Link(world, part.deviceId, { answerMs: 6, timeoutMs: 1600 }, "timeout"), {
      deviceId: part.deviceId,
      label: name === role ? (inward ? "Inflow pump" : "Outflow pump") : `Pump ${name}`,
      component: "pumps",
      bus: `sim-usb-${name}`,
      description: `Stepper pump "${name}" (Tic): ` +
        (inward
          ? `feed into the vessel, never above ${part.ledger.volumeMaxMl} ml there`
          : "out of the vessel to waste"),
      channels: [
        readback("flow", "Flow", "ml/s", { min: 0, max: flowMaxMlPerS, decimals: 3 }),
        readback("volume", "Pumped in total", "ml", { min: 0, decimals: 2 }),
        readback("run_s", "Running in total", "s", { min: 0 }),
        ...(inward
          ? [readback("vessel_volume", "Vessel volume (by pumping)", "ml", { min: 0 })]
          : []),
      ],
      operations: operations(flowMaxMlPerS),
      safeState: { flow: 0 },
      heartbeatMs: HEARTBEAT_MS,
      facts: {
        pump_name: name,
        role,
        velocity_units: "mL/s",
        flow_max_ml_per_s: flowMaxMlPerS,
        volume_max_ml: part.ledger.volumeMaxMl,
      },
    });
  }

  protected drive(op: string, args: Record<string, unknown>): void {
    const { flowMaxMlPerS, role } = this.part.config;
    const { ledger } = this.part;
    if (op === "dose") {
      const volume = args.volume as number;
      if (role === "inflow" && volume > ledger.roomMl) {
        throw refusal(
          "volume_limit",
          this.deviceId,
          `${volume} ml would lift the vessel from ${ledger.volumeMl.toFixed(1)} ml above ` +
            `${ledger.volumeMaxMl} ml`,
        );
      }
      return this.part.startDose(volume, (args.flow as number | undefined) ?? flowMaxMlPerS / 2);
    }
    const flow = args.flow as number;
    if (flow > 0 && role === "inflow" && ledger.roomMl <= 0) {
      throw refusal(
        "volume_limit",
        this.deviceId,
        `the vessel holds ${ledger.volumeMl.toFixed(1)} ml of at most ${ledger.volumeMaxMl} ml`,
      );
    }
    this.part.run(flow);
  }
  protected rest(): void {
    this.part.rest();
  }
  protected readings(): DriverReading[] {
    const { flow, totalMl, runS, ledger, config } = this.part;
    return [
      good("flow", tidy(flow)),
      good("volume", tidy(totalMl)),
      good("run_s", tidy(runS)),
      ...(config.role === "inflow" ? [good("vessel_volume", tidy(ledger.volumeMl))] : []),
    ];
  }
  protected report(): DriverAnswer {
    const { flow, totalMl, dose, cause } = this.part;
    return {
      setpoint: { flow },
      readback: {
        flow: tidy(flow),
        volume: tidy(totalMl),
        ...(dose === null ? {} : {
          dose: { asked_ml: dose.askedMl, done_ml: tidy(dose.doneMl), running: dose.running },
        }),
        ...(cause === null ? {} : { cause }),
      },
      safe: flow === 0,
    };
  }
}

function operations(flowMax: number): OperationFacts[] {
  return [{
    op: "set",
    label: "Set flow",
    schema: z.strictObject({
      flow: quantity("Flow", {
        min: 0,
        max: flowMax,
        unit: "ml/s",
        text: "runs until told otherwise; 0 stops and de-energises",
        initial: 0,
      }),
    }),
  }, {
    op: "dose",
    label: "Dose a volume",
    schema: z.strictObject({
      volume: quantity("Volume", {
        min: 0.001,
        max: 1000,
        unit: "ml",
        text: "measured by the motor's steps, also when cut short",
        initial: 1,
      }),
      flow: quantity("Flow", {
        min: 0.0001,
        max: flowMax,
        unit: "ml/s",
        text: `half of ${flowMax} when left out`,
      }).optional(),
    }),
  }];
}
