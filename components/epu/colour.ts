import {
  type Resolutions,
  shareSeen,
  type ShownHole,
  type ShownSquare,
  stateInWords,
} from "./shown.ts";

/** One colour of a map with the words for it; `key` names the class `shade-<key>`. */
export interface Shade {
  readonly key: string;
  readonly words: string;
}

/** A way to colour a map: its shades in order, and the one each row has. */
export interface Colouring<T> {
  readonly key: string;
  readonly label: string;
  readonly shades: readonly Shade[];
  of(row: T): Shade;
}

/** Steps of the palette for quantities, dark to light: as readable for colour-blind eyes as in grey. */
const STEPS = 5;
const NOTHING: Shade = { key: "off", words: "not known" };

export const SQUARE_COLOURS = [
  ["progress", "Progress"],
  ["state", "State"],
  ["category", "Category"],
  ["quality", "CTF"],
] as const;
export type SquareColour = typeof SQUARE_COLOURS[number][0];

export const HOLE_COLOURS = [
  ["state", "State"],
  ["intensity", "Intensity"],
  ["quality", "Quality"],
] as const;
export type HoleColour = typeof HOLE_COLOURS[number][0];

const UNUSABLE: Shade = { key: "bad", words: "unusable" };
const UNSELECTED: Shade = { key: "off", words: "not selected" };
const NONE_YET: Shade = { key: "wait", words: "selected, nothing yet" };
const BEGUN: Shade = { key: "part", words: "under half seen" };
const HALF: Shade = { key: "most", words: "half seen or more" };
const ALL: Shade = { key: "done", words: "all seen" };

function byProgress(): Colouring<ShownSquare> {
  return {
    key: "progress",
    label: "Progress",
    shades: [UNSELECTED, NONE_YET, BEGUN, HALF, ALL, UNUSABLE],
    of(square) {
      if (square.unusable === true) return UNUSABLE;
      const share = shareSeen(square.exposures);
      if (square.selected !== true && square.exposures.seen === 0) return UNSELECTED;
      if (share === null || share === 0) return NONE_YET;
      return share >= 1 ? ALL : share >= 0.5 ? HALF : BEGUN;
    },
  };
}

const STATE_SHADES: Readonly<Record<string, Shade>> = {
  Defined: { key: "wait", words: "defined" },
  InProgress: { key: "part", words: "in progress" },
  Completed: { key: "done", words: "completed" },
};
const OTHER_STATE: Shade = { key: "most", words: "another state" };
const ATLAS_ONLY: Shade = { key: "off", words: "atlas only" };

function byState(): Colouring<ShownSquare> {
  return {
    key: "state",
    label: "EPU state",
    shades: [ATLAS_ONLY, ...Object.values(STATE_SHADES), OTHER_STATE, UNUSABLE],
    of({ state, unusable }) {
      if (unusable === true) return UNUSABLE;
      if (state === null) return ATLAS_ONLY;
      return STATE_SHADES[state] ?? { key: "most", words: stateInWords(state) };
    },
  };
}

const CATEGORIES: readonly Shade[] = [0, 1, 2, 3, 4].map((n) => ({
  key: `kind${n}`,
  words: `category ${n}`,
}));
const NO_CATEGORY: Shade = { key: "off", words: "no category" };

function byCategory(): Colouring<ShownSquare> {
  return {
    key: "category",
    label: "EPU category",
    shades: [...CATEGORIES, NO_CATEGORY],
    of: ({ category }) => category === null ? NO_CATEGORY : CATEGORIES[category] ?? NO_CATEGORY,
  };
}

/** Five shades between the values' own bounds: each step holds as many of them as the others. */
export function stepsOf(
  values: readonly number[],
  wordsOf: (from: number, to: number) => string,
): { shades: readonly Shade[]; of(value: number): Shade } {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) return { shades: [], of: () => NOTHING };
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const bounds: number[] = [];
  for (let i = 0; i <= STEPS; i++) {
    const bound = at(i / STEPS);
    if (bounds.at(-1) !== bound) bounds.push(bound);
  }
  // One value only: one step from it to itself.
  if (bounds.length === 1) bounds.push(bounds[0]!);
  const shades = bounds.slice(1).map((to, i) => ({
    key: `step${Math.round((i / Math.max(1, bounds.length - 2)) * (STEPS - 1)) + 1}`,
    words: wordsOf(bounds[i]!, to),
  }));
  return {
    shades,
    of(value) {
      const i = bounds.findIndex((bound, n) => n > 0 && value <= bound);
      return shades[i === -1 ? shades.length - 1 : i - 1]!;
    },
  };
}

function byResolution(resolutions: Resolutions): Colouring<ShownSquare> {
  const steps = stepsOf(
    Object.values(resolutions).map((value) => -value),
    (from, to) => `${(-from).toFixed(2)} to ${(-to).toFixed(2)} Å`,
  );
  const none: Shade = { key: "off", words: "no CTF result" };
  return {
    key: "quality",
    label: "CTF resolution",
    shades: [...steps.shades, none],
    of({ squareId }) {
      const value = resolutions[squareId];
      return value === undefined ? none : steps.of(-value);
    },
  };
}

export function squareColouring(
  key: SquareColour,
  resolutions: Resolutions,
): Colouring<ShownSquare> {
  switch (key) {
    case "progress":
      return byProgress();
    case "state":
      return byState();
    case "category":
      return byCategory();
    case "quality":
      return byResolution(resolutions);
  }
}

const HOLE_SHADES = {
  bar: { key: "bar", words: "near a grid bar" },
  off: UNSELECTED,
  wait: { key: "wait", words: "selected, not begun" },
  part: { key: "part", words: "in progress" },
  done: { key: "done", words: "completed" },
} as const satisfies Record<string, Shade>;

/** Where a hole stands: EPU's word, and what has been seen where EPU has not spoken. */
function byHoleState(): Colouring<ShownHole> {
  return {
    key: "state",
    label: "State",
    shades: Object.values(HOLE_SHADES),
    of({ state, selected, nearGridBar, exposures }) {
      const { seen, listed } = exposures;
      if (state === "Completed") return HOLE_SHADES.done;
      if (state === "InProgress" || seen > 0 || listed > 0) {
        return state === null && seen >= listed ? HOLE_SHADES.done : HOLE_SHADES.part;
      }
      if (nearGridBar === true) return HOLE_SHADES.bar;
      return selected === true ? HOLE_SHADES.wait : HOLE_SHADES.off;
    },
  };
}

function byNumber(
  key: HoleColour,
  label: string,
  holes: readonly ShownHole[],
  valueOf: (hole: ShownHole) => number | null,
  decimals: number,
): Colouring<ShownHole> {
  const values = holes.flatMap((hole) => valueOf(hole) ?? []);
  const steps = stepsOf(
    values,
    (from, to) => `${from.toFixed(decimals)} to ${to.toFixed(decimals)}`,
  );
  const none: Shade = { key: "off", words: `no ${label.toLowerCase()}` };
  return {
    key,
    label,
    shades: [...steps.shades, none],
    of(hole) {
      const value = valueOf(hole);
      return value === null ? none : steps.of(value);
    },
  };
}

/** The hole's own image says more than the square's metadata. */
export function qualityOf({ quality, epuQuality }: ShownHole): number | null {
  return quality ?? epuQuality;
}

export function holeColouring(key: HoleColour, holes: readonly ShownHole[]): Colouring<ShownHole> {
  switch (key) {
    case "state":
      return byHoleState();
    case "intensity":
      return byNumber("intensity", "Intensity", holes, ({ intensityMean }) => intensityMean, 0);
    case "quality":
      return byNumber("quality", "Quality", holes, qualityOf, 2);
  }
}

/** How many rows have each shade: the legend's numbers, in the colouring's order, absent shades left out. */
export function tally<T>(
  colouring: Colouring<T>,
  rows: readonly T[],
): { readonly shade: Shade; readonly count: number }[] {
  const counts = new Map<string, { shade: Shade; count: number }>();
  for (const shade of colouring.shades) counts.set(shade.key + shade.words, { shade, count: 0 });
  for (const row of rows) {
    const shade = colouring.of(row);
    const found = counts.get(shade.key + shade.words);
    if (found === undefined) counts.set(shade.key + shade.words, { shade, count: 1 });
    else found.count++;
  }
  return [...counts.values()].filter(({ count }) => count > 0);
}

/** Holes in the order EPU goes: those it has an order for and means to expose. */
export function orderPath(holes: readonly ShownHole[]): readonly ShownHole[] {
  return holes
    .filter(({ order, selected, xPx, yPx }) =>
      order !== null && order >= 0 && selected === true && xPx !== null && yPx !== null
    )
    .toSorted((a, b) => a.order! - b.order! || a.holeId - b.holeId);
}
