import { z } from "zod";
import { uniform } from "./noise.ts";

/**
 * What can go wrong on demand. Every kind shows: a reading under a fault is `null` or flagged, a command
 * under one is an error.
 *
 * - `no_answer`: the device is deaf; asks run into their time-out, outputs stay as they are
 * - `disconnect`: the plug is out; outputs fall to rest, and after it the device starts anew
 * - `crc`: answers arrive damaged
 * - `stuck`: the last value for ever, and commands that change nothing
 * - `drift`: values walk off by `magnitude` units an hour; read-backs of actuators stay true
 * - `slow`: answers come `magnitude` milliseconds later
 */
export const FaultKind = z.enum(["no_answer", "disconnect", "crc", "stuck", "drift", "slow"]);
export type FaultKind = z.infer<typeof FaultKind>;

export const FaultAsk = z.strictObject({
  deviceId: z.string().meta({ title: "Device", description: "id of the device, or * for all" }),
  kind: FaultKind.meta({ title: "Fault" }),
  channel: z.string().optional().meta({
    title: "Channel",
    description: "only this channel of a sensor; without it the whole device",
  }),
  startInS: z.number().min(0).max(31_536_000).default(0).meta({
    title: "Starts in",
    description: "s of the simulated clock from now",
  }),
  durationS: z.number().positive().max(31_536_000).nullable().default(null).meta({
    title: "Lasts",
    description: "s of the simulated clock; null until cleared",
  }),
  magnitude: z.number().optional().meta({
    title: "Magnitude",
    description: "drift: units per hour; slow: ms; else unused",
  }),
  probability: z.number().gt(0).max(1).default(1).meta({
    title: "Probability",
    description: "chance that one exchange with the device is hit, 0 to 1",
  }),
});
export type FaultAsk = z.infer<typeof FaultAsk>;

export interface Fault extends Required<Pick<FaultAsk, "deviceId" | "kind" | "probability">> {
  readonly id: number;
  readonly channel: string | null;
  /** Simulated seconds since the start of the simulation. */
  readonly startS: number;
  readonly endS: number | null;
  readonly magnitude: number | null;
}

const FAULTS_MAX = 256;

/** The fault script of one simulation. Ended faults are forgotten. */
export class Faults {
  #faults: Fault[] = [];
  #nextId = 1;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** @throws {RangeError} when too many wait already. */
  add(ask: FaultAsk, nowS: number): Fault {
    this.#forget(nowS);
    if (this.#faults.length >= FAULTS_MAX) {
      throw new RangeError(`Cannot add a fault: ${FAULTS_MAX} are scheduled already`);
    }
    const startS = nowS + ask.startInS;
    const fault: Fault = {
      id: this.#nextId++,
      deviceId: ask.deviceId,
      kind: ask.kind,
      channel: ask.channel ?? null,
      startS,
      endS: ask.durationS === null ? null : startS + ask.durationS,
      magnitude: ask.magnitude ?? null,
      probability: ask.probability,
    };
    this.#faults = [...this.#faults, fault];
    return fault;
  }

  list(nowS: number): (Fault & { active: boolean })[] {
    this.#forget(nowS);
    return this.#faults.map((f) => ({ ...f, active: f.startS <= nowS }));
  }

  /** Ends one fault, or all; answers how many. */
  clear(id?: number): number {
    const before = this.#faults.length;
    this.#faults = id === undefined ? [] : this.#faults.filter((f) => f.id !== id);
    return before - this.#faults.length;
  }

  /**
   * The fault of this kind that lies on a whole device at `atS`, or `null`; with `channel` also one on that
   * channel alone. Whether an intermittent one strikes follows from seed and time.
   */
  at(deviceId: string, kind: FaultKind, atS: number, channel?: string): Fault | null {
    return this.#find(
      (f) =>
        f.kind === kind && (f.deviceId === deviceId || f.deviceId === "*") &&
        (f.channel === null || f.channel === channel),
      deviceId,
      atS,
    );
  }

  /** As `at`, only faults on this channel alone. */
  on(deviceId: string, kind: FaultKind, atS: number, channel: string): Fault | null {
    return this.#find(
      (f) => f.kind === kind && f.deviceId === deviceId && f.channel === channel,
      deviceId,
      atS,
    );
  }

  #find(fits: (fault: Fault) => boolean, deviceId: string, atS: number): Fault | null {
    for (const f of this.#faults) {
      if (!fits(f) || atS < f.startS || (f.endS !== null && atS >= f.endS)) continue;
      if (f.probability === 1) return f;
      const key = `fault/${f.id}/${deviceId}`;
      if (uniform(this.#seed, key, atS) < f.probability) return f;
    }
    return null;
  }

  #forget(nowS: number): void {
    this.#faults = this.#faults.filter((f) => f.endS === null || f.endS > nowS);
  }
}
