import { askApi } from "../ask_api.ts";
import {
  HOLE_FIELDS,
  MICROGRAPH_FIELDS,
  type Resolutions,
  resolutionsOf,
  type ShownHole,
  type ShownMicrograph,
  type ShownSquare,
  SQUARE_FIELDS,
  type Summary,
} from "./shown.ts";
import { micrographsQuery } from "./list.ts";
import type { SessionView } from "./view.ts";

/** What an island asks the API for. Browser only; `null` when the instrument does not answer. */

const PAGE = 1000;
/** Micrographs asked for at once. */
export const MICROGRAPHS_AT_ONCE = 200;

export interface MicrographPage {
  readonly items: readonly ShownMicrograph[];
  readonly next: string | null;
}

export async function askSummary(id: string): Promise<Summary | null> {
  const { ok, body } = await askApi("GET", path(id));
  return ok ? body : null;
}

export function askSquares(id: string): Promise<ShownSquare[] | null> {
  return all<ShownSquare>(path(id, "squares"), { fields: SQUARE_FIELDS.join(",") });
}

export async function askSquare(id: string, squareId: number): Promise<ShownSquare | null> {
  const { ok, body } = await askApi("GET", path(id, `squares/${squareId}`));
  return ok ? body.square : null;
}

export function askHoles(id: string, squareId: number): Promise<ShownHole[] | null> {
  const fields = HOLE_FIELDS.join(",");
  return all<ShownHole>(path(id, "holes"), { square: String(squareId), fields });
}

export async function askResolutions(id: string): Promise<Resolutions | null> {
  const { ok, body } = await askApi("GET", path(id, "statistics"));
  return ok ? resolutionsOf(body) : null;
}

export async function askMicrographs(
  id: string,
  view: SessionView,
  after: string | null,
): Promise<MicrographPage | null> {
  const { ok, body } = await askApi(
    "GET",
    `${path(id, "micrographs")}?${new URLSearchParams({
      ...micrographsQuery(view),
      fields: MICROGRAPH_FIELDS.join(","),
      limit: String(MICROGRAPHS_AT_ONCE),
      ...(after === null ? {} : { after }),
    })}`,
  );
  return ok ? body : null;
}

function path(id: string, rest?: string): string {
  const one = `/epu/acquisitions/${encodeURIComponent(id)}`;
  return rest === undefined ? one : `${one}/${rest}`;
}

async function all<T>(list: string, query: Record<string, string>): Promise<T[] | null> {
  const items: T[] = [];
  let after: string | null = null;
  do {
    const { ok, body }: Awaited<ReturnType<typeof askApi>> = await askApi(
      "GET",
      `${list}?${new URLSearchParams({
        ...query,
        limit: String(PAGE),
        ...(after === null ? {} : { after }),
      })}`,
    );
    if (!ok) return null;
    items.push(...body.items);
    after = body.next;
  } while (after !== null);
  return items;
}
