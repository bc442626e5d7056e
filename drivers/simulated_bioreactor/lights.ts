import { z } from "zod";
import type { DriverAnswer, DriverReading } from "../driver.ts";
import { good, HEARTBEAT_MS, readback, SimulatedActuator, tidy } from "./actuator.ts";
import { quantity } from "./capability.ts";
import { Link } from "./link.ts";
import type { VesselInputs } from "./vessel.ts";
import type { Part, World } from "./world.ts";

/** Infrared LED of the OD path: a standing power, and pulses of the OD sampler above it. */
export class LampPart implements Part {
  readonly deviceId = "led";
  #power = 0;
  #pulses: readonly { power: number }[] = [];
  #litS = 0;

  constructor(private readonly world: World) {}

  get power(): number {
    return this.#power;
  }
  /** Seconds it has shone, for wear. */
  get litS(): number {
    return this.#litS;
  }
  /** Light at this moment, 0..1. */
  get level(): number {
    const last = this.#pulses.at(-1);
    return (last === undefined ? this.#power : last.power) / 100;
  }

  drive(power: number): void {
    this.#power = power;
  }
  /** Also ends a pulse under way: its reading then finds no light. */
  rest(): void {
    this.#power = 0;
    this.#pulses = [];
  }
  /** Shines at `power` % until the returned function is called; a lamp that does not answer stays as it is. */
  pulse(power: number): () => void {
    const { faults } = this.world;
    const atS = this.world.nowS();
    const deaf = (["no_answer", "disconnect", "stuck", "crc"] as const)
      .some((kind) => faults.at(this.deviceId, kind, atS) !== null);
    if (deaf) return () => {};
    const mine = { power };
    this.#pulses = [...this.#pulses, mine];
    return () => {
      this.#pulses = this.#pulses.filter((one) => one !== mine);
    };
  }

  step(dtS: number, atS: number): void {
    if (this.world.faults.at(this.deviceId, "disconnect", atS) !== null) this.rest();
    if (this.level > 0) this.#litS += dtS;
  }
  act(): void {}
}

export class Lamp extends SimulatedActuator {
  constructor(world: World, private readonly part: LampPart, onTimeMaxS: number | null) {
    super(new Link(world, "led", { answerMs: 3, timeoutMs: 200 }, "timeout"), {
      deviceId: "led",
      label: "LED",
      component: "led",
      bus: "sim-pwm-led",
      description:
        "Infrared LED behind the optical density; the sampler pulses it for each reading",
      channels: [
        readback("power", "Power", "%", { min: 0, max: 100, decimals: 0, periodMs: 2000 }),
      ],
      operations: [{
        op: "set",
        label: "Set power",
        schema: z.strictObject({
          power: quantity("Power", { min: 0, max: 100, unit: "%", text: "0 is off", initial: 0 }),
        }),
      }],
      safeState: { power: 0 },
      heartbeatMs: HEARTBEAT_MS,
      ...(onTimeMaxS === null ? {} : { onTimeMaxMs: Math.round(onTimeMaxS * 1000) }),
    });
  }
  protected drive(_op: string, args: Record<string, unknown>): void {
    this.part.drive(args.power as number);
  }
  protected rest(): void {
    this.part.rest();
  }
  protected readings(): DriverReading[] {
    return [good("power", this.part.power)];
  }
  protected report(): DriverAnswer {
    const { power, litS } = this.part;
    return {
      setpoint: { power },
      readback: { power, lit_s: Math.round(litS) },
      safe: power === 0,
    };
  }
}

export const RingConfig = z.strictObject({
  pixels: z.number().int().min(1).max(160).default(32),
  /** The supply's share for the ring, mA: colours are dimmed together to stay under it. */
  currentMaxMa: z.number().positive().default(2000),
});
export type RingConfig = z.infer<typeof RingConfig>;

type Colour = readonly [number, number, number];
const BLACK: Colour = [0, 0, 0];

/** WS2812 ring: a frame of one colour a pixel, dimmed as a whole to the supply, blanked while OD is read. */
export class RingPart implements Part {
  readonly deviceId = "ring-light";
  #frame: readonly Colour[];
  #blanks = 0;

  constructor(private readonly world: World, private readonly config: RingConfig) {
    this.#frame = this.#filled(BLACK);
  }

  get frame(): readonly Colour[] {
    return this.#frame;
  }
  /** 20 mA a fully lit colour. */
  get currentMa(): number {
    return this.#demandMa() * this.dimming;
  }
  /** 1, or less where the frame asks for more than the supply gives. */
  get dimming(): number {
    const demandMa = this.#demandMa();
    return demandMa > this.config.currentMaxMa ? this.config.currentMaxMa / demandMa : 1;
  }
  /** Mean brightness at this moment, 0..1. */
  get level(): number {
    if (this.#blanks > 0) return 0;
    const sum = this.#frame.flat().reduce((a, b) => a + b, 0);
    return (sum / (255 * 3 * this.#frame.length)) * this.dimming;
  }
  get mean(): Colour {
    const at = (i: 0 | 1 | 2) =>
      Math.round(this.#frame.reduce((sum, c) => sum + c[i], 0) / this.#frame.length);
    return [at(0), at(1), at(2)];
  }
  get uniform(): boolean {
    const [first] = this.#frame;
    return this.#frame.every((c) => c.every((value, i) => value === first![i]));
  }

  fill(colour: Colour): void {
    this.#frame = this.#filled(colour);
  }
  paint(pixel: number, colour: Colour): void {
    this.#frame = this.#frame.map((old, i) => i === pixel ? colour : old);
  }
  show(frame: readonly Colour[]): void {
    this.#frame = frame;
  }
  rest(): void {
    this.#frame = this.#filled(BLACK);
  }
  /** Dark until the returned function is called, the frame kept; a ring that does not answer stays lit. */
  blank(): () => void {
    const { faults } = this.world;
    const atS = this.world.nowS();
    const deaf = (["no_answer", "stuck", "crc"] as const)
      .some((kind) => faults.at(this.deviceId, kind, atS) !== null);
    if (deaf) return () => {};
    this.#blanks++;
    let ended = false;
    return () => {
      if (!ended) this.#blanks--;
      ended = true;
    };
  }

  step(_dtS: number, atS: number): void {
    if (this.world.faults.at(this.deviceId, "disconnect", atS) !== null) this.rest();
  }
  act(inputs: { -readonly [K in keyof VesselInputs]: number }): void {
    inputs.light += this.level;
  }

  #filled(colour: Colour): Colour[] {
    return Array.from({ length: this.config.pixels }, () => colour);
  }
  #demandMa(): number {
    return (this.#frame.flat().reduce((a, b) => a + b, 0) * 20) / 255;
  }
}

const byte = (title: string) =>
  z.number().int().min(0).max(255).meta({ title, description: "0 dark to 255 full", default: 0 });

export class RingLight extends SimulatedActuator {
  constructor(world: World, private readonly part: RingPart, config: RingConfig) {
    const last = config.pixels - 1;
    super(new Link(world, "ring-light", { answerMs: 12, timeoutMs: 300 }, "timeout"), {
      deviceId: "ring-light",
      label: "Ring light",
      component: "ring_light",
      bus: "sim-spi",
      description: `${config.pixels} WS2812 pixels around the vessel; no read-back exists`,
      channels: ["red", "green", "blue"].map((id) =>
        readback(id, id[0]!.toUpperCase() + id.slice(1), "", {
          min: 0,
          max: 255,
          decimals: 0,
          periodMs: 2000,
        })
      ),
      operations: [{
        op: "set",
        label: "Set colour",
        schema: z.strictObject({
          red: byte("Red"),
          green: byte("Green"),
          blue: byte("Blue"),
          pixel: z.number().int().min(0).max(last).optional().meta({
            title: "Pixel",
            description: `0 to ${last}; empty: all`,
          }),
        }),
      }, {
        op: "frame",
        label: "Set every pixel",
        schema: z.strictObject({
          pixels: z.array(z.tuple([byte("Red"), byte("Green"), byte("Blue")]))
            .length(config.pixels).meta({
              title: "Pixels",
              description: `${config.pixels} colours [red, green, blue], 0 to 255`,
            }),
        }),
      }],
      safeState: { red: 0, green: 0, blue: 0 },
      heartbeatMs: HEARTBEAT_MS,
      facts: { pixel_count: config.pixels, color_range: [0, 255] },
    });
  }
  protected drive(op: string, args: Record<string, unknown>): void {
    if (op === "frame") return this.part.show(args.pixels as Colour[]);
    const { red, green, blue, pixel } = args as {
      red: number;
      green: number;
      blue: number;
      pixel?: number;
    };
    if (pixel === undefined) this.part.fill([red, green, blue]);
    else this.part.paint(pixel, [red, green, blue]);
  }
  protected rest(): void {
    this.part.rest();
  }
  protected readings(): DriverReading[] {
    const [red, green, blue] = this.part.mean;
    const dimmed = this.part.dimming < 1;
    return [good("red", red), good("green", green), good("blue", blue)].map((one) =>
      dimmed ? { ...one, quality: "suspect", code: "current_cap" } : one
    );
  }
  /** The setpoint is the mean colour: that of every pixel when the frame is uniform. */
  protected report(): DriverAnswer {
    const [red, green, blue] = this.part.mean;
    const { frame, uniform, currentMa, dimming } = this.part;
    return {
      setpoint: { red, green, blue, ...(uniform ? {} : { uniform: false }) },
      readback: {
        red,
        green,
        blue,
        applied: "assumed",
        pixels: frame.map((c) => `#${c.map((v) => v.toString(16).padStart(2, "0")).join("")}`),
        current_ma: Math.round(currentMa),
        dimming: tidy(dimming),
      },
      safe: frame.every((c) => c.every((value) => value === 0)),
    };
  }
}
