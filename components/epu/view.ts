import { HOLE_COLOURS, type HoleColour, SQUARE_COLOURS, type SquareColour } from "./colour.ts";

export const LISTS = [["squares", "Squares"], ["holes", "Holes"], [
  "micrographs",
  "Micrographs",
]] as const;
export type ListKey = typeof LISTS[number][0];

/** What the page of a session shows: all of it stands in its address. */
export interface SessionView {
  readonly square: number | null;
  readonly hole: number | null;
  readonly squaresBy: SquareColour;
  readonly holesBy: HoleColour;
  /** Whether EPU's order is drawn on the square. */
  readonly path: boolean;
  readonly list: ListKey;
  /** Column, and "-" before it for the largest first; empty: the list's own order. */
  readonly sort: string;
  /** Which rows: a word of the list's own filters; empty: all. */
  readonly only: string;
  /** Part of an id or a name. */
  readonly find: string;
  /** Rows of squares and holes left out at the top; for readers without scripts. */
  readonly from: number;
  /** Where the micrographs' page before ended; for readers without scripts. */
  readonly after: string | null;
}

export const START: SessionView = {
  square: null,
  hole: null,
  squaresBy: "progress",
  holesBy: "state",
  path: false,
  list: "squares",
  sort: "",
  only: "",
  find: "",
  from: 0,
  after: null,
};

/** The view an address asks for; what it says wrongly counts as not said. */
export function viewOf(params: URLSearchParams): SessionView {
  const one = <T extends string>(
    name: string,
    known: readonly (readonly [T, string])[],
    start: T,
  ) => known.find(([key]) => key === params.get(name))?.[0] ?? start;
  return {
    square: idOf(params.get("square")),
    hole: idOf(params.get("hole")),
    squaresBy: one("squaresBy", SQUARE_COLOURS, START.squaresBy),
    holesBy: one("holesBy", HOLE_COLOURS, START.holesBy),
    path: params.get("path") === "on",
    list: one("list", LISTS, START.list),
    sort: (params.get("sort") ?? "").slice(0, 40),
    only: (params.get("only") ?? "").slice(0, 40),
    find: (params.get("find") ?? "").trim().slice(0, 100),
    from: idOf(params.get("from")) ?? 0,
    after: params.get("after"),
  };
}

/** `?square=4590776&list=holes`: only what differs from the page as it begins; empty for that. */
export function searchOf(view: SessionView): string {
  const params = new URLSearchParams();
  for (const name of Object.keys(START) as (keyof SessionView)[]) {
    const value = view[name];
    if (value === START[name]) continue;
    params.set(name, value === true ? "on" : String(value));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

/** Another square brings its own holes; another list its own columns, and each begins at its top. */
export function changed(view: SessionView, to: Partial<SessionView>): SessionView {
  const next = { ...view, from: 0, after: null, ...to };
  if (to.square !== undefined && to.square !== view.square && to.hole === undefined) {
    return { ...next, hole: null };
  }
  if (to.list !== undefined && to.list !== view.list) {
    return { ...next, sort: to.sort ?? "", only: to.only ?? "", find: to.find ?? "" };
  }
  return next;
}

function idOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
