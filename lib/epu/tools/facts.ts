/**
 * What a made-up EPU session consists of, whatever it was made from: a plan of numbers or the listing of a
 * real visit. The XML and picture writers know nothing but these facts.
 * Lengths in metres (`…M`) or pixels (`…Px`), angles in radians, times in epoch ms.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Session {
  /** `ct:Id` of EpuSession.dm. */
  readonly epuId: number;
  /** The project's folder, which EPU also writes as the session's name. */
  readonly name: string;
  /** EPU's version, e.g. `3.9.1.8206`. */
  readonly version: string;
  readonly startedAtMs: number;
  /** Minutes east of UTC of the EPU computer: the zone of every file name. */
  readonly zoneOffsetMin: number;
  /** As EPU names it: `Z:\bi00000-1`. */
  readonly storagePath: string;
  /** As EPU names it, `…\Sample4\Atlas\Atlas.dm`. */
  readonly atlasPath: string;
  readonly isClustered: boolean;
  readonly clusteringRadiusM: number;
  readonly areas: readonly Area[];
  readonly squareIds: readonly number[];
  readonly autoloaderSlot: number;
  readonly instrument: string;
  readonly seed: string;
}

/** One data acquisition area: one exposure of every hole. */
export interface Area {
  readonly id: number;
  readonly settingId: number;
  readonly shiftPx: Point;
  readonly exposureS: number;
}

export interface Tile {
  readonly id: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Atlas {
  readonly epuId: number;
  /** Number of the `Atlas_<id>` image. */
  readonly imageId: number;
  readonly acquiredAtMs: number;
  readonly zoneOffsetMin: number;
  readonly storageFolder: string;
  readonly slot: number;
  readonly version: string;
  readonly tiles: readonly Tile[];
  readonly nodes: readonly AtlasNode[];
  readonly seed: string;
}

/** A square as the atlas shows it. */
export interface AtlasNode {
  readonly squareId: number;
  readonly centerPx: Point;
  readonly sizePx: Point;
  readonly rotationRad: number;
  /** EPU's own ice category, 0..4. */
  readonly category: number | null;
  readonly stageM: Point;
}

export interface Square {
  readonly id: number;
  readonly stageM: Point;
  readonly rotationRad: number;
  /** `null`: EPU has not been there, and knows no holes. */
  readonly visit: Visit | null;
}

export interface Visit {
  readonly order: number;
  /** One image xml each. */
  readonly imagedAtMs: readonly number[];
  readonly holesFoundAtMs: number;
  readonly endedAtMs: number;
  readonly spacingPx: number;
  readonly diameterPx: number;
  readonly holes: readonly Hole[];
  /** Groups of `holes` by index, the cluster's centre first, in the order EPU goes to them. */
  readonly clusters: readonly (readonly number[])[];
}

export interface Hole {
  readonly id: number;
  readonly centerPx: Point;
  readonly stageM: Point;
  readonly isNearGridBar: boolean;
  readonly isSelected: boolean;
  readonly order: number;
  readonly intensityMean: number;
  readonly intensitySd: number;
  /** The hole at the centre of its cluster; `null` when it is in none. */
  readonly primaryId: number | null;
  /** The number after the area in a micrograph's name, when clustered. */
  readonly k: number;
  /** One FoilHoles xml each; empty for most holes of a cluster. */
  readonly imagedAtMs: readonly number[];
  readonly exposures: readonly Exposure[];
}

export interface Exposure {
  readonly area: Area;
  readonly atMs: number;
  readonly ledgerId: number;
  readonly k: number;
}

/** Pixels of the camera's readout and of every preview: a K3, as most files in reach are of one. */
export const READOUT = { width: 2880, height: 2046 } as const;
export const PREVIEW = { width: 512, height: 364 } as const;
/** Metres in a pixel of a square image at 470 x. */
export const SQUARE_PIXEL_M = 4.15627e-8;

const two = (n: number) => String(n).padStart(2, "0");

/** `20250108_154915`: local to the EPU computer. */
export function nameStamp(atMs: number, zoneOffsetMin: number): string {
  const d = new Date(atMs + zoneOffsetMin * 60_000);
  return `${d.getUTCFullYear()}${two(d.getUTCMonth() + 1)}${two(d.getUTCDate())}_` +
    `${two(d.getUTCHours())}${two(d.getUTCMinutes())}${two(d.getUTCSeconds())}`;
}

/** The epoch of a name's date and time. */
export function stampToMs(stamp: string, zoneOffsetMin: number): number {
  const m = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)?$/.exec(stamp);
  if (m === null) throw new RangeError(`"${stamp}" is no date and time such as 20250108_154915`);
  const [year, month, day, hour, minute, second] = m.slice(1).map((text) => Number(text ?? 0));
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - zoneOffsetMin * 60_000;
}

export const squareFolder = (squareId: number) => `Images-Disc1/GridSquare_${squareId}`;
export const squareStem = (atMs: number, zone: number) => `GridSquare_${nameStamp(atMs, zone)}`;
export const holeStem = (holeId: number, atMs: number, zone: number) =>
  `FoilHole_${holeId}_${nameStamp(atMs, zone)}`;
export const micrographStem = (holeId: number, { area, k, atMs }: Exposure, zone: number) =>
  `FoilHole_${holeId}_Data_${area.id}_${k}_${nameStamp(atMs, zone)}`;
