import { type Atlas, stampToMs } from "./facts.ts";
import { gridNodes } from "./invent.ts";
import { ATLAS_FILE, type ListingOptions, type Project } from "./listing_projects.ts";

interface AtlasNames {
  readonly imageIds: number[];
  /** Index and atlas image by tile. */
  readonly tiles: Map<string, [number, number]>;
}

const newAtlasNames = (): AtlasNames => ({ imageIds: [], tiles: new Map() });

/**
 * Atlases by their folder; every project's session is given the path of the one it was chosen from.
 */
export function atlasesOf(
  paths: readonly string[],
  projects: Map<string, Project>,
  options: ListingOptions,
): Map<string, Atlas> {
  const found = new Map<string, AtlasNames>();
  for (const path of paths) {
    const match = ATLAS_FILE.exec(path);
    if (match === null) continue;
    const one = found.get(match[1]!) ?? newAtlasNames();
    found.set(match[1]!, one);
    if (match[3] !== undefined) one.imageIds.push(Number(match[3]));
    if (match[4] !== undefined) one.tiles.set(match[4], [Number(match[5]), Number(match[6])]);
  }
  const folders = [...found].map(([folder, one]) => ({ folder, ...one }));
  for (const [key, project] of projects) {
    // EPU numbers everything in turn, so an atlas' squares come after its image.
    const first = Math.min(...project.session.squareIds);
    const own = folders.map(({ folder, imageIds }) => ({
      folder,
      last: Math.max(-1, ...imageIds.filter((id) => id <= first)),
    })).sort((a, b) => b.last - a.last)[0];
    if (own === undefined) continue;
    const atlasPath = `${options.storagePath}\\${own.folder.replaceAll("/", "\\")}\\Atlas.dm`;
    projects.set(key, { ...project, session: { ...project.session, atlasPath } });
  }
  return new Map(folders.map(({ folder, imageIds, tiles }) => {
    const windows = `${options.storagePath}\\${folder.replaceAll("/", "\\")}`;
    const squareIds = new Set(
      [...projects.values()].filter(({ session }) => session.atlasPath === `${windows}\\Atlas.dm`)
        .flatMap(({ session }) => session.squareIds),
    );
    const imageId = Math.max(0, ...imageIds);
    const current = [...tiles].filter(([, [, image]]) => image === imageId);
    const stamp = /(\d{8}_\d{6})/.exec(folder)?.[1];
    return [folder, {
      epuId: imageId + 1,
      imageId,
      acquiredAtMs: stamp === undefined ? 0 : stampToMs(stamp, 0),
      zoneOffsetMin: 0,
      storageFolder: windows.replace(/\\Atlas$/, ""),
      slot: Number(/Sample(\d+)/.exec(folder)?.[1] ?? 0),
      version: options.version,
      tiles: current.map(([id, [index]]) => ({
        id: Number(id),
        x: (index % 5) * 792,
        y: Math.floor(index / 5) * 568,
        width: 833,
        height: 592,
      })),
      nodes: current.length === 0 ? [] : gridNodes(options.seed, [...squareIds]),
      seed: String(options.seed),
    }];
  }));
}
