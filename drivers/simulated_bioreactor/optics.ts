/** Photodiode voltages over light and biomass: linear in the light, saturating in the cells. */
export interface Angle {
  /** V at full LED power and no cells: stray light. */
  readonly strayV: number;
  /** V per unit of optical density at full LED power and few cells. */
  readonly gainV: number;
  /** Optical density at which the signal has half its slope: light scattered twice. */
  readonly halfOd: number;
}

/** `135` forward scatter, `ref` the lamp itself, `90` side scatter; two eyespy boards look from beside them. */
export const ANGLES = {
  "135": { strayV: 0.35, gainV: 4.2, halfOd: 6 },
  ref: { strayV: 3.3, gainV: 0, halfOd: 1 },
  "90": { strayV: 0.2, gainV: 2, halfOd: 4 },
  eyespy1: { strayV: 0.3, gainV: 3.1, halfOd: 5 },
  eyespy2: { strayV: 0.22, gainV: 2.4, halfOd: 4 },
} as const satisfies Record<string, Angle>;

/** Full scale of the converter at gain 1, V. */
export const FULL_SCALE_V = 4.096;
const DARK_V = 0.0015;
const LSB_V = FULL_SCALE_V / 32768;

/**
 * V before noise. `led` and `ring` are shares of full power; the ring leaks into every diode, which is
 * why it is blanked while the sampler reads.
 */
export function photodiodeV(
  angle: Angle,
  { beamOd, led, ring, lampC }: { beamOd: number; led: number; ring: number; lampC: number },
): number {
  const lamp = led * (1 - 0.002 * (lampC - 25));
  const scatter = angle.gainV * (beamOd / (1 + beamOd / angle.halfOd));
  return DARK_V + lamp * (angle.strayV + scatter) + ring * 0.9;
}

/** Standard deviation of a mean of 16 conversions, V: lamp noise, more with bubbles and a fast vortex. */
export function photodiodeNoiseV(volts: number, rpm: number, gasMlPerS: number): number {
  const vortex = Math.max(0, (rpm - 1200) / 800);
  return 0.0002 + volts * 0.0008 * (1 + 5 * vortex ** 2 + 2 * Math.min(2, gasMlPerS));
}

/** What the converter reports: clipped at full scale, in steps of its lowest bit. */
export function convert(volts: number): { volts: number; saturated: boolean } {
  const code = Math.max(-32768, Math.min(32767, Math.round(volts / LSB_V)));
  return { volts: code * LSB_V, saturated: code >= 32767 || code <= -32768 };
}
