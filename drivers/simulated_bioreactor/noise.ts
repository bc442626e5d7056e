/**
 * Noise as a pure function of seed, key and time: a reading taken twice, or by fifty viewers, never
 * changes what the next one sees, and a run repeats exactly from its seed.
 */
function mix(x: number): number {
  // splitmix32 finaliser.
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

function hash(seed: number, key: string, tick: number): number {
  let h = mix((seed >>> 0) + 0x9e3779b9);
  for (let i = 0; i < key.length; i++) h = mix((h + key.charCodeAt(i)) >>> 0);
  h = mix((h ^ (tick >>> 0)) >>> 0);
  return mix((h ^ Math.floor(tick / 4294967296)) >>> 0);
}

/** Uniform in [0, 1). `atS` counts to the millisecond. */
export function uniform(seed: number, key: string, atS: number): number {
  return hash(seed, key, Math.round(atS * 1000)) / 4294967296;
}

/** Normal with mean 0 and standard deviation 1 (Box and Muller 1958), clipped at 4. */
export function gaussian(seed: number, key: string, atS: number): number {
  const u = 1 - uniform(seed, `${key}/u`, atS);
  const v = uniform(seed, `${key}/v`, atS);
  const z = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  return Math.max(-4, Math.min(4, z));
}
