import type {
  Acquisition,
  Counts,
  Exposures,
  FoilHole,
  GridSquare,
  Micrograph,
} from "../../lib/epu/model.ts";

/** What the pages of a cryo-EM session show of each entity: names of the API's own fields, and no more. */

export const SQUARE_FIELDS = [
  "squareId",
  "state",
  "selected",
  "unusable",
  "lowMag",
  "order",
  "category",
  "atlasXPx",
  "atlasYPx",
  "atlasWidthPx",
  "atlasHeightPx",
  "atlasRotationRad",
  "imageWidthPx",
  "imageHeightPx",
  "imagedAtMs",
  "holes",
  "holesSelected",
  "holesFinished",
  "exposures",
  "note",
] as const;
export type ShownSquare = Pick<GridSquare, typeof SQUARE_FIELDS[number]>;

export const HOLE_FIELDS = [
  "squareId",
  "holeId",
  "state",
  "selected",
  "order",
  "nearGridBar",
  "xPx",
  "yPx",
  "diameterPx",
  "intensityMean",
  "intensitySd",
  "epuQuality",
  "quality",
  "exposures",
  "imagedAtMs",
] as const;
export type ShownHole = Pick<FoilHole, typeof HOLE_FIELDS[number]>;

export const MICROGRAPH_FIELDS = [
  "id",
  "squareId",
  "holeId",
  "stem",
  "areaId",
  "acquiredAtMs",
  "appliedDefocusM",
  "doseEPerA2",
  "pixelSizeA",
  "fractionsExpected",
  "fractionsRecorded",
  "xmlPath",
  "results",
] as const;
export type ShownMicrograph = Pick<Micrograph, typeof MICROGRAPH_FIELDS[number]>;

export interface Summary {
  readonly acquisition: Acquisition;
  readonly counts: Counts;
}

/** Median CTF resolution, Å, by square: of those that have any. */
export type Resolutions = Readonly<Record<number, number>>;

/** The atlas as far as it is drawn: the size of what positions are given in. */
export interface ShownAtlas {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly hasImage: boolean;
}

/** What `GET .../statistics` says, as far as it is used here. */
interface StatisticsReply {
  readonly squares: readonly {
    readonly squareId: number;
    readonly metrics: readonly { readonly metric: string; readonly median: number | null }[];
  }[];
}

/** Each square's median resolution out of the API's statistics. */
export function resolutionsOf({ squares }: StatisticsReply): Resolutions {
  const found: Record<number, number> = {};
  for (const { squareId, metrics } of squares) {
    const median = metrics.find(({ metric }) => metric === "ctfResolution")?.median;
    if (median != null) found[squareId] = median;
  }
  return found;
}

/** Only these fields of a row. */
export function pick<T, K extends keyof T>(row: T, fields: readonly K[]): Pick<T, K> {
  return Object.fromEntries(fields.map((name) => [name, row[name]])) as Pick<T, K>;
}

/** How far exposures are: seen of those asked for, where nobody said how many of those EPU lists. */
export function shareSeen({ expected, listed, seen }: Exposures): number | null {
  const whole = Math.max(expected ?? 0, listed);
  return whole === 0 ? (seen > 0 ? 1 : null) : Math.min(1, seen / whole);
}

const grouped = new Intl.NumberFormat("en-GB");
/** `46,832`. */
export function counted(n: number): string {
  return grouped.format(n);
}

/** `264 / 234 / 1,056`: seen, listed, expected. */
export function exposuresInShort({ expected, listed, seen }: Exposures): string {
  return `${counted(seen)} / ${counted(listed)} / ${expected === null ? "—" : counted(expected)}`;
}

/** The same in words. */
export function exposuresInWords({ expected, listed, seen }: Exposures): string {
  return `${counted(seen)} seen, ${counted(listed)} listed, ` +
    (expected === null ? "expected number unknown" : `${counted(expected)} expected`);
}

/** Metres as micrometres with a true minus sign: `−1.50 µm`. */
export function inMicrometres(metres: number | null): string {
  return metres === null ? "—" : `${(metres * 1e6).toFixed(2).replace("-", "−")} µm`;
}

/** EPU's words for a state, spelt as a sentence: `InProgress` is `in progress`. */
export function stateInWords(state: string | null): string {
  if (state === null) return "—";
  return state.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

/** Whether a session is being written now: it has started, and its last exposure is fresh. */
export const LIVE_MS = 10 * 60_000;
export function isLive({ acquisition, counts }: Summary, nowMs: number): boolean {
  return acquisition.state === "started" &&
    nowMs - Math.max(counts.changedAtMs, counts.lastExposureAtMs ?? 0) < LIVE_MS;
}

/** Where EPU is: the square in progress that comes last in its order; before and after that, the one imaged last. */
export function currentSquare(squares: readonly ShownSquare[]): number | null {
  let best: ShownSquare | null = null;
  const rank = ({ state, exposures, order, imagedAtMs }: ShownSquare) => [
    state === "InProgress" ? 1 : 0,
    exposures.seen > 0 ? 1 : 0,
    imagedAtMs ?? 0,
    order ?? -1,
  ];
  for (const one of squares) {
    if (one.holes === 0) continue;
    if (best === null || isMore(rank(one), rank(best))) best = one;
  }
  return best?.squareId ?? null;
}

function isMore(a: readonly number[], b: readonly number[]): boolean {
  const i = a.findIndex((value, n) => value !== b[n]);
  return i !== -1 && a[i]! > b[i]!;
}
