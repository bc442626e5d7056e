import { z } from "zod";

const positive = z.number().positive();
const fraction = z.number().min(0).max(1);

/** One stirred vessel with its thermal block, gas space and organism. Every value may be set in the configuration. */
export const VesselParameters = z.strictObject({
  /** Liquid at start, ml. */
  volumeMl: positive.default(400),
  /** No pump may fill beyond this, ml. */
  volumeMaxMl: positive.default(500),
  /** The vessel's rim: liquid above it is lost, ml. */
  brimMl: positive.default(560),
  /** The outflow tube ends here: below it the outflow pump moves air, ml. */
  outflowTubeMl: z.number().min(0).default(60),
  /** Fresh medium in the feed bottle, ml. */
  feedMl: z.number().min(0).default(5000),
  /** At 25 °C and still air, ml per hour; doubles every 10 K. */
  evaporationMlPerH: z.number().min(0).default(0.4),

  /** Optical density of the inoculum. */
  inoculumOd: z.number().min(0).default(0.3),
  /** Growth rate at the optimum, 1/h. */
  growthMaxPerH: z.number().min(0).default(2),
  /** Substrate in the vessel at start and in the feed, g/l. */
  substrateGPerL: z.number().min(0).default(5),
  feedSubstrateGPerL: z.number().min(0).default(5),
  /** Substrate at half the growth rate (Monod), g/l. */
  halfSaturationGPerL: positive.default(0.15),
  /** Optical density per g/l of substrate. */
  yieldOdPerGPerL: positive.default(1.1),
  /** Time the inoculum needs before it grows at its full rate (Baranyi and Roberts 1994), h. */
  lagH: z.number().min(0).default(0.03),
  /** Cells lost at rest, 1/h. */
  deathPerH: z.number().min(0).default(0.01),
  /** Growth stops at the first and last, is fastest at the middle one, °C (Rosso 1993). */
  growthTemperatureC: z.tuple([z.number(), z.number(), z.number()]).default([10, 34, 44])
    .refine(([a, b, c]) => a < b && b < c, "must rise: lowest, best, highest"),
  /** Share of growth that needs light: 0 a yeast, 1 an alga. */
  phototrophy: fraction.default(0.25),
  /** Ring light level (0..1) that gives half of the light-driven growth. */
  halfLight: positive.default(0.1),

  /** Room temperature, its swing over a day, and the culture's at start, °C. */
  ambientC: z.number().min(-10).max(45).default(22.5),
  ambientSwingC: z.number().min(0).max(10).default(0.8),
  startC: z.number().min(0).max(60).default(24.6),

  /** Gas above the liquid is this minus the liquid, ml. */
  totalVolumeMl: positive.default(800),
  ambientCo2Ppm: z.number().min(0).default(425),
  startCo2Ppm: z.number().min(0).default(600),
  ambientO2Percent: z.number().min(0).max(100).default(20.9),
  /** Exchange of the gas space with the room through the filter, per hour. */
  leakPerH: z.number().min(0).default(6),
  /** CO2 given off in growth, ppm of the gas space per second at OD 1 and 1/h. */
  respirationPpmPerS: z.number().min(0).default(0.9),
  /** What an open gas valve lets in, ml/s. */
  gasMlPerS: positive.default(2),
}).superRefine((p, ctx) => {
  const rising: [string, number][] = [
    ["outflowTubeMl", p.outflowTubeMl],
    ["volumeMl", p.volumeMl],
    ["volumeMaxMl", p.volumeMaxMl],
    ["brimMl", p.brimMl],
    ["totalVolumeMl", p.totalVolumeMl],
  ];
  for (let i = 1; i < rising.length; i++) {
    const [lower, low] = rising[i - 1]!;
    const [upper, high] = rising[i]!;
    if (low > high || (upper === "totalVolumeMl" && low >= high)) {
      ctx.addIssue({ code: "custom", path: [upper], message: `must be above ${lower} (${low})` });
    }
  }
});
export type VesselParameters = z.infer<typeof VesselParameters>;

/** All that the vessel remembers. Plain numbers, so that a state can be stored and compared. */
export interface VesselState {
  readonly volumeMl: number;
  readonly feedMl: number;
  /** What has left over the rim, in total, ml. */
  readonly spilledMl: number;
  readonly evaporatedMl: number;
  /** Biomass of the liquid, and what the light path sees of it: they part when nothing stirs. */
  readonly od: number;
  readonly beamOd: number;
  readonly substrateGPerL: number;
  /** Baranyi's physiological state: large means the lag is over. */
  readonly readiness: number;
  /** Growth rate of the last step, 1/h. */
  readonly growthPerH: number;
  readonly cultureC: number;
  readonly blockC: number;
  readonly sinkC: number;
  /** What the probes have reached so far, °C. */
  readonly probeC: number;
  readonly sinkProbeC: number;
  readonly co2Ppm: number;
  readonly o2Percent: number;
  readonly co2ProbePpm: number;
  readonly o2ProbePercent: number;
}

/** What the actuators do to it during one step. */
export interface VesselInputs {
  readonly inflowMlPerS: number;
  readonly outflowMlPerS: number;
  /** Share of the peltier's full current: + heats the block, - cools it. */
  readonly peltier: number;
  readonly stirRpm: number;
  /** Ring light, 0..1. */
  readonly light: number;
  readonly co2MlPerS: number;
  readonly airMlPerS: number;
  readonly nitrogenMlPerS: number;
}

export const IDLE: VesselInputs = {
  inflowMlPerS: 0,
  outflowMlPerS: 0,
  peltier: 0,
  stirRpm: 0,
  light: 0,
  co2MlPerS: 0,
  airMlPerS: 0,
  nitrogenMlPerS: 0,
};

export function initialVessel(p: VesselParameters): VesselState {
  return {
    volumeMl: p.volumeMl,
    feedMl: p.feedMl,
    spilledMl: 0,
    evaporatedMl: 0,
    od: p.inoculumOd,
    beamOd: p.inoculumOd,
    substrateGPerL: p.substrateGPerL,
    readiness: p.lagH === 0 ? 1e9 : 1 / Math.expm1(Math.max(1e-9, p.growthMaxPerH * p.lagH)),
    growthPerH: 0,
    cultureC: p.startC,
    blockC: p.startC,
    sinkC: p.ambientC,
    probeC: p.startC,
    sinkProbeC: p.ambientC,
    co2Ppm: p.startCo2Ppm,
    o2Percent: p.ambientO2Percent,
    co2ProbePpm: p.startCo2Ppm,
    o2ProbePercent: p.ambientO2Percent,
  };
}

/** The room at `atS` seconds of virtual time, °C: coolest at the start of each day. */
export function ambientC(p: VesselParameters, atS: number): number {
  return p.ambientC - p.ambientSwingC * Math.cos((2 * Math.PI * atS) / 86_400) + p.ambientSwingC;
}

/**
 * Share of the best growth rate at `c` °C, 0..1.
 * Source: Rosso, Lobry, Flandrois, J. theor. Biol. 162 (1993), cardinal temperature model.
 */
export function temperatureFactor([low, best, high]: readonly number[], c: number): number {
  if (low === undefined || best === undefined || high === undefined) return 0;
  if (c <= low || c >= high) return 0;
  const above = (c - high) * (c - low) ** 2;
  const below = (best - low) *
    ((best - low) * (c - best) - (best - high) * (best + low - 2 * c));
  return Math.max(0, Math.min(1, above / below));
}

/** Share of full light-driven growth (saturating), mixed with the share that needs no light. */
export function lightFactor(p: VesselParameters, light: number): number {
  return 1 - p.phototrophy + p.phototrophy * (light / (light + p.halfLight));
}

/** Bismuth telluride module of 127 couples at 5 A: Seebeck V/K, ohm, W/K, A. */
const PELTIER = { seebeckVPerK: 0.05, ohm: 1.6, conductanceWPerK: 0.6, currentMaxA: 5 };
const BLOCK_J_PER_K = 250;
const SINK_J_PER_K = 900;
const SINK_TO_AIR_W_PER_K = 4;
const LIQUID_J_PER_ML_K = 4.18;
const GLASS_J_PER_K = 120;
const CULTURE_TO_AIR_W_PER_K = 0.9;

/** Current drawn at a share of full drive, A; unsigned, as a supply-side shunt sees it. */
export function peltierCurrentA(drive: number): number {
  return Math.abs(drive) * PELTIER.currentMaxA;
}

/** 0..1: how well the stirrer keeps cells in suspension. */
export function suspension(rpm: number): number {
  return rpm / (rpm + 120);
}

/** One step of `dtS` seconds (<= 1) that ends at `atS`. Pure; conserves liquid and cells exactly. */
export function stepVessel(
  s: VesselState,
  u: VesselInputs,
  p: VesselParameters,
  dtS: number,
  atS: number,
): VesselState {
  const roomC = ambientC(p, atS);
  const mixed = suspension(u.stirRpm);

  // Liquid.
  const inMl = Math.min(u.inflowMlPerS * dtS, s.feedMl);
  const outMl = Math.min(u.outflowMlPerS * dtS, Math.max(0, s.volumeMl - p.outflowTubeMl));
  const evaporatedMl = Math.min(
    (p.evaporationMlPerH / 3600) * 2 ** ((s.cultureC - 25) / 10) * (1 + u.airMlPerS / 2) * dtS,
    Math.max(0, s.volumeMl - outMl - 1),
  );
  const filledMl = s.volumeMl + inMl - outMl - evaporatedMl;
  const spillMl = Math.max(0, filledMl - p.brimMl);
  const volumeMl = filledMl - spillMl;

  // Growth.
  const alpha = s.readiness / (1 + s.readiness);
  const monod = s.substrateGPerL / (s.substrateGPerL + p.halfSaturationGPerL);
  const air = s.o2Percent / (s.o2Percent + 0.5);
  const warmth = temperatureFactor(p.growthTemperatureC, s.cultureC);
  const ready = p.growthMaxPerH * warmth;
  const growthPerH = ready * monod * alpha * air * lightFactor(p, u.light);
  const tooHotC = Math.max(0, s.cultureC - p.growthTemperatureC[2] - 1);
  const deathPerH = p.deathPerH + 2 * tooHotC;
  const wanted = s.od * (growthPerH / 3600) * dtS;
  const grown = Math.min(wanted, s.substrateGPerL * p.yieldOdPerGPerL);
  const died = s.od * Math.min(1, (deathPerH / 3600) * dtS);
  const left = outMl + spillMl;
  const cells = (s.od + grown - died) * s.volumeMl - s.od * left;
  const substrate = (s.substrateGPerL - grown / p.yieldOdPerGPerL) * s.volumeMl +
    p.feedSubstrateGPerL * inMl - s.substrateGPerL * left;
  const od = Math.max(0, cells / volumeMl);

  // What the beam sees: mixed within seconds, or settling over minutes.
  const suspendedOd = od * (0.85 + 0.15 * Math.min(1, mixed / 0.5));
  const mixingS = suspendedOd < s.beamOd && mixed < 0.5 ? 1800 : 3 + 60 * (1 - mixed);
  const beamOd = s.beamOd + (suspendedOd - s.beamOd) * (1 - Math.exp(-dtS / mixingS));

  // Heat.
  const currentA = Math.sign(u.peltier) * peltierCurrentA(u.peltier);
  const joule = 0.5 * currentA ** 2 * PELTIER.ohm;
  const leak = PELTIER.conductanceWPerK * (s.blockC - s.sinkC);
  const toBlock = PELTIER.seebeckVPerK * (s.blockC + 273.15) * currentA + joule - leak;
  const toSink = -PELTIER.seebeckVPerK * (s.sinkC + 273.15) * currentA + joule + leak;
  const coupling = 4 + 8 * mixed;
  const intoCulture = coupling * (s.blockC - s.cultureC);
  const stirW = 0.6 * (u.stirRpm / 2000) ** 3;
  const lightW = 1.2 * u.light;
  const cultureJPerK = LIQUID_J_PER_ML_K * s.volumeMl + GLASS_J_PER_K;
  const cultureW = intoCulture + stirW + lightW -
    CULTURE_TO_AIR_W_PER_K * (s.cultureC - roomC) -
    2260 * (evaporatedMl / dtS) +
    (LIQUID_J_PER_ML_K * inMl / dtS) * (roomC - s.cultureC);
  const cultureC = s.cultureC + (cultureW * dtS) / cultureJPerK;
  const blockC = s.blockC + ((toBlock - intoCulture) * dtS) / BLOCK_J_PER_K;
  const sinkC = s.sinkC +
    ((toSink - SINK_TO_AIR_W_PER_K * (s.sinkC - roomC)) * dtS) / SINK_J_PER_K;

  // Gas. Light-driven growth takes CO2 instead of giving it.
  const gasMl = p.totalVolumeMl - volumeMl;
  const activity = od * growthPerH + 0.02 * od;
  const photosynthesis = p.phototrophy * (u.light / (u.light + p.halfLight));
  const scale = (p.totalVolumeMl - p.volumeMl) / gasMl;
  const co2FromCells = p.respirationPpmPerS * activity * (1 - 2 * photosynthesis) * scale;
  const room = p.leakPerH / 3600;
  const valves = (u.co2MlPerS + u.airMlPerS + u.nitrogenMlPerS) / gasMl;
  const co2In = (u.co2MlPerS * 1e6 + u.airMlPerS * p.ambientCo2Ppm) / gasMl;
  const o2In = (u.airMlPerS * p.ambientO2Percent) / gasMl;
  const co2Ppm = s.co2Ppm +
    (co2FromCells + room * (p.ambientCo2Ppm - s.co2Ppm) + co2In - valves * s.co2Ppm) * dtS;
  const o2Percent = s.o2Percent +
    (-co2FromCells * 1e-4 + room * (p.ambientO2Percent - s.o2Percent) + o2In -
        valves * s.o2Percent) * dtS;

  const lag = (from: number, to: number, tauS: number) =>
    from + (to - from) * (1 - Math.exp(-dtS / tauS));
  return {
    volumeMl,
    feedMl: s.feedMl - inMl,
    spilledMl: s.spilledMl + spillMl,
    evaporatedMl: s.evaporatedMl + evaporatedMl,
    od,
    beamOd,
    substrateGPerL: Math.max(0, substrate / volumeMl),
    readiness: Math.min(1e9, s.readiness * Math.exp((ready / 3600) * dtS)),
    growthPerH: s.od > 0 ? (grown / s.od) * (3600 / dtS) : 0,
    cultureC,
    blockC,
    sinkC,
    probeC: lag(s.probeC, cultureC, 6),
    sinkProbeC: lag(s.sinkProbeC, sinkC, 6),
    co2Ppm: Math.max(0, Math.min(1e6, co2Ppm)),
    o2Percent: Math.max(0, Math.min(100, o2Percent)),
    co2ProbePpm: lag(s.co2ProbePpm, co2Ppm, 12),
    o2ProbePercent: lag(s.o2ProbePercent, o2Percent, 12),
  };
}
