import { HttpError } from "fresh";
import {
  currentSquare,
  HOLE_FIELDS,
  MICROGRAPH_FIELDS,
  pick,
  type Resolutions,
  type ShownAtlas,
  type ShownHole,
  type ShownSquare,
  SQUARE_FIELDS,
  type Summary,
} from "../../components/epu/shown.ts";
import type { MicrographPage } from "../../components/epu/source.ts";
import type { SessionView } from "../../components/epu/view.ts";
import {
  type Atlas,
  type Epu,
  type Micrograph,
  type Page,
  PAGE_MAX,
  type Tile,
} from "../../lib/epu/mod.ts";
import { isPictureThere } from "../../lib/epu/images/mod.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

/** What the pages of cryo-EM sessions read. */

/** Micrographs on the page as the server makes it. */
const MICROGRAPHS_FIRST = 100;

/** @throws {HttpError} 404 */
export async function summaryOr404(epu: Epu, id: string): Promise<Summary> {
  const acquisition = await epu.acquisition(id);
  const counts = acquisition === null ? null : await epu.counts(id);
  if (acquisition === null || counts === null) {
    throw new HttpError(404, "There is no such acquisition");
  }
  return { acquisition, counts };
}

/** Every page of a list. */
async function all<T>(list: (after: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let after: string | null = null;
  do {
    const page: Page<T> = await list(after);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}

export async function squaresOf(epu: Epu, acquisitionId: string): Promise<ShownSquare[]> {
  const rows = await all((after) => epu.squares({ acquisitionId, limit: PAGE_MAX, after }));
  return rows.map((row) => pick(row, SQUARE_FIELDS));
}

export async function holesOf(
  epu: Epu,
  acquisitionId: string,
  squareId: number,
): Promise<ShownHole[]> {
  const rows = await all((after) => epu.holes({ acquisitionId, squareId, limit: PAGE_MAX, after }));
  return rows.map((row) => pick(row, HOLE_FIELDS));
}

/** First page of the micrographs a view asks for. */
export async function micrographsOf(
  epu: Epu,
  acquisitionId: string,
  view: SessionView,
): Promise<MicrographPage> {
  const { square, hole, only, sort, after } = view;
  const query = {
    acquisitionId,
    limit: MICROGRAPHS_FIRST,
    after,
    newestFirst: sort !== "oldest",
    ...(square === null ? {} : { squareId: square }),
    ...(square === null || hole === null ? {} : { holeId: hole }),
    filters: {
      ...(only === "seen" || only === "listed" ? { seen: only === "seen" } : {}),
      ...(only === "ctf" ? { processed: "ctf" as const } : {}),
      ...(only === "4" ? { ctfResolutionMaxA: 4 } : {}),
    },
  };
  const page = await epu.micrographs(query).catch((error) => {
    // A cursor out of an old address: the list from its beginning.
    if (error instanceof RangeError) return epu.micrographs({ ...query, after: null });
    throw error;
  });
  return { items: page.items.map((row) => pick(row, MICROGRAPH_FIELDS)), next: page.next };
}

export async function resolutionsIn(
  { steering }: Instrument,
  acquisitionId: string,
): Promise<Resolutions> {
  const found: Record<number, number> = {};
  for (const [squareId, metrics] of await steering.results.squareSummaries(acquisitionId)) {
    const median = metrics.ctfResolution?.median;
    if (median != null) found[squareId] = median;
  }
  return found;
}

/** The atlas with the size that positions on it are given in; `null` until it has been read. */
export async function atlasOf(epu: Epu, acquisitionId: string): Promise<ShownAtlas | null> {
  const atlas = await epu.atlas(acquisitionId);
  if (atlas === null) return null;
  const size = sizeOf(atlas, await epu.tiles(acquisitionId));
  const dir = atlas.root === null ? null : epu.dirOf(atlas.root);
  return { ...size, hasImage: await isPictureThere(dir, [atlas.imagePath]) };
}

/** What EPU's atlases have where a file does not say. */
const SIDE_PX = 4000;

function sizeOf(atlas: Atlas, tiles: readonly Tile[]) {
  if (atlas.imageWidthPx !== null && atlas.imageHeightPx !== null) {
    return { widthPx: atlas.imageWidthPx, heightPx: atlas.imageHeightPx };
  }
  const reach = (ends: readonly number[]) => ends.length === 0 ? SIDE_PX : Math.max(...ends);
  const ends = (at: "xPx" | "yPx", size: "widthPx" | "heightPx") =>
    tiles.flatMap((tile) => {
      const [from, long] = [tile[at], tile[size]];
      return from === null || long === null ? [] : [from + long];
    });
  return {
    widthPx: reach(ends("xPx", "widthPx")),
    heightPx: reach(ends("yPx", "heightPx")),
  };
}

/** Whether there is a picture for one of these paths of an acquisition. */
export function hasPicture(
  epu: Epu,
  { acquisition }: Summary,
  ...paths: readonly (string | null)[]
): Promise<boolean> {
  return isPictureThere(acquisition.root === null ? null : epu.dirOf(acquisition.root), paths);
}

/** All that the page of a session begins with. */
export async function sessionOf(instrument: Instrument, id: string, view: SessionView) {
  const { epu } = instrument;
  const summary = await summaryOr404(epu, id);
  const [squares, atlas, resolutions] = await Promise.all([
    squaresOf(epu, id),
    atlasOf(epu, id),
    resolutionsIn(instrument, id),
  ]);
  const shown = view.square ?? currentSquare(squares);
  const square = shown === null ? null : await epu.square(id, shown);
  const [holes, hasSquareImage, micrographs] = await Promise.all([
    square === null ? [] : holesOf(epu, id, square.squareId),
    square === null ? false : hasPicture(epu, summary, square.previewPath, square.imagePath),
    view.list === "micrographs" ? micrographsOf(epu, id, view) : null,
  ]);
  return { summary, atlas, squares, resolutions, holes, hasSquareImage, micrographs };
}

/** A micrograph by any of its names. @throws {HttpError} 404 */
export async function micrographOr404(epu: Epu, name: string): Promise<Micrograph> {
  const found = await epu.micrograph({ id: name }) ?? await epu.micrograph({ uniqueId: name }) ??
    await epu.micrograph({ stem: name });
  if (found === null) throw new HttpError(404, "There is no such micrograph");
  return found;
}

/** A number out of an address. @throws {HttpError} 404 */
export function epuIdOr404(text: string | undefined, noun: string): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    throw new HttpError(404, `There is no such ${noun}`);
  }
  return Number(text);
}
