import type { Results } from "../model.ts";

/** The quantities by which exposures are judged; each has statistics of its own per acquisition. */
export const METRICS = [
  "totalMotion",
  "ctfResolution",
  "particlesPicked",
  "particlesSelected",
] as const;
export type Metric = (typeof METRICS)[number];

interface MetricKind {
  /** What the SmartEM API and its prediction services call it. */
  readonly compatName: string;
  readonly unit: "A" | "particles";
  readonly better: "less" | "more";
  /** Spread, in the metric's unit, below which differences say nothing: a smaller one counts as this. */
  readonly spreadFloor: number;
}

export const METRIC_KINDS: Readonly<Record<Metric, MetricKind>> = {
  totalMotion: { compatName: "motioncorrection", unit: "A", better: "less", spreadFloor: 0.05 },
  ctfResolution: { compatName: "ctfmaxresolution", unit: "A", better: "less", spreadFloor: 0.05 },
  particlesPicked: {
    compatName: "numparticles",
    unit: "particles",
    better: "more",
    spreadFloor: 1,
  },
  particlesSelected: {
    compatName: "numparticlesselected",
    unit: "particles",
    better: "more",
    spreadFloor: 1,
  },
};

/** The metric a name of ours or of the SmartEM API stands for; `null` for any other. */
export function metricOf(name: string): Metric | null {
  return METRICS.find((one) => one === name || METRIC_KINDS[one].compatName === name) ?? null;
}

export type MetricValues = Partial<Record<Metric, number>>;

/** What processing found of one micrograph, as far as it is judged. */
export function metricValues(results: Results): MetricValues {
  const values: MetricValues = {};
  if (results.motion !== null) values.totalMotion = results.motion.totalA;
  if (results.ctf !== null) values.ctfResolution = results.ctf.maxResolutionA;
  if (results.picking !== null) values.particlesPicked = results.picking.picked;
  if (results.selection !== null) values.particlesSelected = results.selection.selected;
  return values;
}
