import type { LampPart, RingPart } from "./lights.ts";
import { Link } from "./link.ts";
import { gaussian } from "./noise.ts";
import { type Angle, ANGLES, convert, photodiodeNoiseV, photodiodeV } from "./optics.ts";
import { type Probe, SimulatedSensor } from "./sensor.ts";
import type { World } from "./world.ts";

/** LED on to first conversion, real ms. */
const SETTLE_MS = 150;

/**
 * Photodiodes read as the original's `measure_od` does: ring dark, LED on, settle, sample every channel,
 * LED back, ring back. So a reading means the same whatever the lights are set to, and a lamp that stays
 * dark gives `no_light`, not a low number.
 */
class PulsedSensor extends SimulatedSensor {
  #light = { led: 0, ring: 0 };

  constructor(
    link: Link,
    facts: ConstructorParameters<typeof SimulatedSensor>[1],
    private readonly pulse: { lamp: LampPart; ring: RingPart; ledPct: number },
    angles: readonly { id: string; label: string; angle: Angle }[],
  ) {
    const { world } = link;
    super(
      link,
      facts,
      angles.map(({ id, label, angle }): Probe => ({
        channel: {
          id,
          label,
          unit: "V",
          role: "measured",
          type: "number",
          min: -0.01,
          max: 4.096,
          decimals: 4,
          periodMs: 2000,
        },
        measure: (atS) => this.#volts(world, `${facts.deviceId}/${id}`, angle, atS),
        driftPerH: 0.2,
      })),
    );
  }

  protected override async convert(signal: AbortSignal): Promise<void> {
    const { lamp, ring, ledPct } = this.pulse;
    const lightRing = ring.blank();
    const darkenLamp = lamp.pulse(ledPct);
    try {
      await this.link.world.clock.wait(SETTLE_MS, signal);
      await super.convert(signal);
      this.#light = { led: lamp.level, ring: ring.level };
    } finally {
      darkenLamp();
      lightRing();
    }
  }

  #volts(
    world: World,
    key: string,
    angle: Angle,
    atS: number,
  ): { value: number; code?: string } | { value: null; code: string } {
    const { led, ring } = this.#light;
    if (led < 0.01) return { value: null, code: "no_light" };
    const { vessel, inputs, seed } = world;
    const volts = photodiodeV(angle, { beamOd: vessel.beamOd, led, ring, lampC: vessel.blockC });
    const gas = inputs.co2MlPerS + inputs.airMlPerS + inputs.nitrogenMlPerS;
    const sigma = photodiodeNoiseV(volts, inputs.stirRpm, gas);
    const read = convert(volts + sigma * gaussian(seed, key, atS));
    const value = Number(read.volts.toFixed(6));
    if (read.saturated) return { value, code: "saturated" };
    if (ring > 0) return { value, code: "ring_light_on" };
    return { value };
  }
}

export function opticalDensity(
  world: World,
  pulse: { lamp: LampPart; ring: RingPart; ledPct: number },
): SimulatedSensor {
  return new PulsedSensor(
    new Link(world, "optical-density", { answerMs: 60, timeoutMs: 400 }, "no_ack"),
    {
      deviceId: "optical-density",
      label: "Optical density",
      component: "optical_density",
      bus: "sim-i2c",
      description: `ADS1115 at 0x48 with photodiodes at 135° and 90° and on the LED itself; ` +
        `the LED is pulsed at ${pulse.ledPct} % for each reading`,
      facts: { channels: ["135", "Ref", "90"], led_pct: pulse.ledPct },
    },
    pulse,
    [
      { id: "od_135", label: "OD 135°", angle: ANGLES["135"] },
      { id: "od_ref", label: "OD reference", angle: ANGLES.ref },
      { id: "od_90", label: "OD 90°", angle: ANGLES["90"] },
    ],
  );
}

export function eyespy(
  world: World,
  pulse: { lamp: LampPart; ring: RingPart; ledPct: number },
): SimulatedSensor {
  return new PulsedSensor(
    new Link(world, "eyespy", { answerMs: 20, timeoutMs: 400 }, "no_ack"),
    {
      deviceId: "eyespy",
      label: "Eyespy",
      component: "eyespy_adc",
      bus: "sim-i2c",
      description: "ADS1114 photodiode boards at 0x49 and 0x4A beside the vessel",
      facts: { channels: ["eyespy1", "eyespy2"], resolution: "16-bit" },
    },
    pulse,
    [
      { id: "eyespy1", label: "Eyespy 1", angle: ANGLES.eyespy1 },
      { id: "eyespy2", label: "Eyespy 2", angle: ANGLES.eyespy2 },
    ],
  );
}
