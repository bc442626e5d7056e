/** One image xml of a hole that has several. */
export interface Observation {
  readonly path: string;
  /** As in the name, local to the EPU computer. */
  readonly stamp: string;
  /** What the manifest says, when it was asked and could be read. */
  readonly acquiredAtMs: number | null;
  /** The latest, which counts. */
  readonly isInForce: boolean;
}

export interface DuplicateGroup {
  readonly holeId: number;
  readonly squareId: number;
  /** Of the square's images. */
  readonly folder: string;
  /** In the order of time. */
  readonly observations: readonly Observation[];
}

const HOLE_IMAGE = /^(.*GridSquare_(\d+))\/FoilHoles\/FoilHole_(\d+)_(\d{8}_\d{6})\.xml$/;

/**
 * Holes with more than one image, each in its square: looking again is normal, and the last look counts.
 * `acquiredAtMs`: asks the manifest; without it the name's time decides, which goes wrong in the hour when
 * summer time ends.
 */
export function duplicateHoles(
  paths: Iterable<string>,
  acquiredAtMs: (path: string) => number | null = () => null,
): DuplicateGroup[] {
  const groups = new Map<
    string,
    { folder: string; squareId: number; holeId: number; seen: Map<string, string> }
  >();
  for (const given of paths) {
    const path = given.replaceAll("\\", "/");
    const match = HOLE_IMAGE.exec(path);
    if (match === null) continue;
    const [, folder = "", squareId, holeId, stamp = ""] = match;
    const key = `${folder} ${holeId}`;
    const group = groups.get(key) ??
      { folder, squareId: Number(squareId), holeId: Number(holeId), seen: new Map() };
    groups.set(key, group);
    group.seen.set(stamp, path);
  }
  return [...groups.values()].filter(({ seen }) => seen.size > 1)
    .map(({ folder, squareId, holeId, seen }) => {
      const looks = [...seen].map(([stamp, path]) => ({ stamp, path, atMs: acquiredAtMs(path) }));
      const isTimed = looks.every(({ atMs }) => atMs !== null);
      looks.sort((a, b) =>
        (isTimed ? a.atMs! - b.atMs! : 0) || (a.stamp < b.stamp ? -1 : a.stamp > b.stamp ? 1 : 0)
      );
      const observations = looks.map(({ stamp, path, atMs }, i) => ({
        path,
        stamp,
        acquiredAtMs: atMs,
        isInForce: i === looks.length - 1,
      }));
      return { holeId, squareId, folder, observations };
    })
    .sort((a, b) => a.folder < b.folder ? -1 : a.folder > b.folder ? 1 : a.holeId - b.holeId);
}
