import { DeviceError, type Driver, type DriverAnswer, type DriverReading } from "../driver.ts";
import type { ChannelFacts } from "./capability.ts";
import type { Link } from "./link.ts";

/** One channel of a sensor: what is there to measure, and what its chip makes of it. */
export interface Probe {
  readonly channel: ChannelFacts;
  /** Value with noise and resolution at `atS`, or a code that says why there is none. */
  measure(atS: number): { value: number; code?: string } | { value: null; code: string };
  /** Units per hour when a drift is asked for without a magnitude. */
  readonly driftPerH: number;
  /** Largest believable change per second, if the chip's meaning has one. */
  readonly stepMaxPerS?: number;
}

export interface SensorFacts {
  readonly deviceId: string;
  readonly label: string;
  readonly component: string;
  readonly bus: string;
  readonly description: string;
  readonly facts?: Record<string, unknown>;
  /** Simulated seconds after power-up without a meaningful value. */
  readonly warmUpS?: number;
}

/** A sensor on a simulated link. A fault never looks like a plausible number: the value is `null` or flagged. */
export class SimulatedSensor implements Driver {
  readonly capability: Record<string, unknown> & { deviceId: string };
  #last = new Map<string, { value: number; atS: number }>();
  #frozen = new Map<string, number>();
  /** When power came back; a warm-up runs from there. */
  #poweredAtS = -Infinity;
  #unpowered = false;

  constructor(
    protected readonly link: Link,
    private readonly facts: SensorFacts,
    private readonly probes: readonly Probe[],
  ) {
    this.capability = {
      deviceId: facts.deviceId,
      label: facts.label,
      component: facts.component,
      kind: "sensor",
      bus: facts.bus,
      simulated: true,
      description: facts.description,
      channels: probes.map(({ channel }) => channel),
      operations: [],
      facts: facts.facts ?? {},
    };
  }

  pace(): number {
    return this.link.world.timeScale;
  }

  /** Probes and throws the first conversion away: it can be the one before power-up. */
  async start(): Promise<void> {
    await this.link.exchange();
  }

  async read(signal: AbortSignal): Promise<DriverReading[]> {
    const { world } = this.link;
    const askedAtS = world.nowS();
    this.#notePower(askedAtS);
    try {
      await this.convert(signal);
    } catch (error) {
      const code = error instanceof DeviceError ? error.code : "timeout";
      return this.probes.map(({ channel }) => bad(channel.id, code));
    }
    world.catchUp();
    return this.probes.map((probe) => this.#readOne(probe, world.atS));
  }

  /** What it takes to have fresh values in the chip. */
  protected convert(signal: AbortSignal): Promise<void> {
    return this.link.exchange(signal);
  }

  #readOne(probe: Probe, atS: number): DriverReading {
    const { id, min, max } = probe.channel;
    const { faults } = this.link.world;
    const { deviceId, warmUpS } = this.facts;
    if (faults.on(deviceId, "disconnect", atS, id) !== null) return bad(id, "disconnected");
    if (faults.on(deviceId, "no_answer", atS, id) !== null) return bad(id, this.link.silence);
    if (faults.on(deviceId, "crc", atS, id) !== null) return bad(id, "crc");
    if (warmUpS !== undefined && atS - this.#poweredAtS < warmUpS) return bad(id, "warming_up");

    const found = probe.measure(atS);
    if (found.value === null) return bad(id, found.code);
    if (faults.at(deviceId, "stuck", atS, id) !== null) {
      const value = this.#frozen.get(id) ?? this.#last.get(id)?.value ?? found.value;
      this.#frozen.set(id, value);
      return { channel: id, value, quality: "suspect", code: "stuck" };
    }
    this.#frozen.delete(id);
    const drift = faults.at(deviceId, "drift", atS, id);
    if (drift !== null) {
      const perH = drift.magnitude ?? probe.driftPerH;
      const value = found.value + perH * ((atS - drift.startS) / 3600);
      return { channel: id, value, quality: "suspect", code: "drift" };
    }

    const { value, code } = found;
    const before = this.#last.get(id);
    this.#last.set(id, { value, atS });
    if (code !== undefined) return { channel: id, value, quality: "suspect", code };
    if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
      return { channel: id, value, quality: "suspect", code: "out_of_range" };
    }
    if (probe.stepMaxPerS !== undefined && before !== undefined && atS > before.atS) {
      const allowed = probe.stepMaxPerS * Math.max(1, atS - before.atS);
      if (Math.abs(value - before.value) > allowed) {
        return { channel: id, value, quality: "suspect", code: "step" };
      }
    }
    return { channel: id, value, quality: "good" };
  }

  #notePower(atS: number): void {
    const out = this.link.world.faults.at(this.facts.deviceId, "disconnect", atS) !== null;
    if (this.#unpowered && !out) this.#poweredAtS = atS;
    this.#unpowered = out;
  }

  command(op: string): Promise<DriverAnswer> {
    return Promise.reject(
      new RangeError(`Cannot ${op} "${this.facts.deviceId}": it is a sensor and takes no commands`),
    );
  }
  safe(): Promise<DriverAnswer> {
    return Promise.resolve(this.state());
  }
  state(): DriverAnswer {
    return { setpoint: {}, readback: {}, safe: true };
  }
}

export function bad(channel: string, code: string): DriverReading {
  return { channel, value: null, quality: "bad", code };
}
