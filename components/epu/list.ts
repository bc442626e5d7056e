import { qualityOf } from "./colour.ts";
import { type Resolutions, shareSeen, type ShownHole, type ShownSquare } from "./shown.ts";
import type { ListKey, SessionView } from "./view.ts";

/** Which rows of each list may be asked for. */
export const ONLY: Readonly<Record<ListKey, readonly (readonly [string, string])[]>> = {
  squares: [
    ["", "all"],
    ["selected", "selected"],
    ["imaged", "imaged"],
    ["unfinished", "selected and unfinished"],
    ["noted", "with a note"],
  ],
  holes: [
    ["", "all"],
    ["selected", "selected"],
    ["exposed", "exposed"],
    ["unfinished", "selected and not exposed"],
    ["bar", "near a grid bar"],
  ],
  micrographs: [
    ["", "all"],
    ["seen", "with a file"],
    ["listed", "only in EPU’s ledger"],
    ["ctf", "with a CTF"],
    ["4", "CTF 4 Å or better"],
  ],
};

export function isImaged({ imagedAtMs, imageWidthPx }: ShownSquare): boolean {
  return imagedAtMs !== null || imageWidthPx !== null;
}

const SQUARES_ONLY: Readonly<Record<string, (square: ShownSquare) => boolean>> = {
  selected: ({ selected }) => selected === true,
  imaged: isImaged,
  unfinished: ({ selected, exposures }) => selected === true && (shareSeen(exposures) ?? 0) < 1,
  noted: ({ note }) => note !== null,
};

const HOLES_ONLY: Readonly<Record<string, (hole: ShownHole) => boolean>> = {
  selected: ({ selected }) => selected === true,
  exposed: ({ exposures }) => exposures.seen > 0,
  unfinished: ({ selected, exposures }) => selected === true && exposures.seen === 0,
  bar: ({ nearGridBar }) => nearGridBar === true,
};

type Value = number | string | null;

/** What the columns of the squares' list are sorted by. */
export function squareValues(
  resolutions: Resolutions,
): Readonly<Record<string, (square: ShownSquare) => Value>> {
  return {
    square: ({ squareId }) => squareId,
    state: ({ state }) => state,
    selected: ({ selected }) => selected === true ? 0 : 1,
    category: ({ category }) => category,
    order: ({ order }) => order === null || order < 0 ? null : order,
    holes: ({ holesSelected }) => holesSelected,
    progress: ({ exposures }) => shareSeen(exposures),
    seen: ({ exposures }) => exposures.seen,
    ctf: ({ squareId }) => resolutions[squareId] ?? null,
  };
}

/** What the columns of the holes' list are sorted by. */
export const HOLE_VALUES: Readonly<Record<string, (hole: ShownHole) => Value>> = {
  hole: ({ holeId }) => holeId,
  state: ({ state }) => state,
  selected: ({ selected }) => selected === true ? 0 : 1,
  order: ({ order }) => order === null || order < 0 ? null : order,
  seen: ({ exposures }) => exposures.seen,
  intensity: ({ intensityMean }) => intensityMean,
  quality: qualityOf,
};

export function listedSquares(
  squares: readonly ShownSquare[],
  view: Pick<SessionView, "only" | "find" | "sort">,
  resolutions: Resolutions,
): readonly ShownSquare[] {
  const passes = SQUARES_ONLY[view.only] ?? (() => true);
  const found = squares.filter((one) =>
    passes(one) &&
    (String(one.squareId).includes(view.find) ||
      one.note?.toLowerCase().includes(view.find.toLowerCase()) === true)
  );
  return sorted(found, view.sort, squareValues(resolutions));
}

export function listedHoles(
  holes: readonly ShownHole[],
  view: Pick<SessionView, "only" | "find" | "sort">,
): readonly ShownHole[] {
  const passes = HOLES_ONLY[view.only] ?? (() => true);
  const found = holes.filter((one) => passes(one) && String(one.holeId).includes(view.find));
  return sorted(found, view.sort, HOLE_VALUES);
}

/** By a column's value, `-column` the largest first; what has none comes last either way. */
export function sorted<T>(
  rows: readonly T[],
  sort: string,
  values: Readonly<Record<string, (row: T) => Value>>,
): readonly T[] {
  const down = sort.startsWith("-");
  const name = down ? sort.slice(1) : sort;
  const valueOf = Object.hasOwn(values, name) ? values[name] : undefined;
  if (valueOf === undefined) return rows;
  const compare = (a: number | string, b: number | string) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a) < String(b)
      ? -1
      : a === b
      ? 0
      : 1;
  return rows.map((row) => ({ row, value: valueOf(row) })).toSorted((a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null);
    }
    return down ? compare(b.value, a.value) : compare(a.value, b.value);
  }).map(({ row }) => row);
}

/** What to ask the API for, for the micrographs of a view. */
export function micrographsQuery(
  { square, hole, only, sort }: Pick<SessionView, "square" | "hole" | "only" | "sort">,
): Record<string, string> {
  return {
    order: sort === "oldest" ? "oldest" : "newest",
    ...(square === null ? {} : { square: String(square) }),
    ...(square === null || hole === null ? {} : { hole: String(hole) }),
    ...(only === "seen" ? { seen: "true" } : {}),
    ...(only === "listed" ? { seen: "false" } : {}),
    ...(only === "ctf" ? { processed: "ctf" } : {}),
    ...(only === "4" ? { resolution_max: "4" } : {}),
  };
}
