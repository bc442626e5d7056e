import { drawnOf, type RunColumn, type RunNumbers } from "./run.ts";
import type { Drawn, PlotBucket } from "./shape.ts";

/** One column of several runs on one chart, over the time since each began. Pure. */

export interface ComparedRun {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly state: string;
  /** It may still write. */
  readonly live: boolean;
  /** Of the compared column alone; `null`: it wrote no numbers, or has no such column. */
  readonly numbers: RunNumbers | null;
}

/** Runs compared at once: more colours cannot be told apart. */
export const COMPARED_MAX = 6;

/** Numbers of experiments from an address, in its order: `ids=1,2` and `ids=1&ids=2` alike. */
export function comparedNumbers(query: URLSearchParams): number[] {
  const asked = query.getAll("ids").flatMap((text) => text.split(/[\s,;]+/))
    .filter((text) => /^\d{1,9}$/.test(text)).map(Number).filter((number) => number > 0);
  return [...new Set(asked)].slice(0, COMPARED_MAX);
}

/** Columns that any of the runs has, those of most runs first, else in the order of the files. */
export function sharedColumns(
  runs: readonly (readonly { name: string; unit: string }[])[],
): { name: string; unit: string; runs: number }[] {
  const found = new Map<string, { name: string; unit: string; runs: number }>();
  for (const columns of runs) {
    for (const { name, unit } of columns) {
      const known = found.get(name);
      if (known === undefined) found.set(name, { name, unit, runs: 1 });
      else known.runs++;
    }
  }
  return [...found.values()].toSorted((a, b) => b.runs - a.runs);
}

/** Each run's line in the colour of its place, named by its number and title. */
export function comparedLines(
  runs: readonly ComparedRun[],
  column: string,
): (Drawn & { readonly rows: PlotBucket[] })[] {
  const drawn = runs.flatMap(({ number, title, numbers }, place) => {
    if (numbers === null) return [];
    const columns: RunColumn[] = numbers.columns.map(({ name, unit }) => ({
      name,
      unit,
      colour: place % 8 + 1,
    }));
    return drawnOf(numbers, [column], columns).map((one) => ({
      ...one,
      channel: { ...one.channel, deviceId: `run-${number}`, label: labelOf(number, title) },
    }));
  });
  // One panel: they share their unit, though a file of another make may not say it.
  const unit = drawn.find(({ channel }) => channel.unit !== "")?.channel.unit ?? "";
  return drawn.map((one) => ({ ...one, channel: { ...one.channel, unit } }));
}

const TITLE_CHARS = 32;

function labelOf(number: number, title: string): string {
  const short = title.length > TITLE_CHARS ? `${title.slice(0, TITLE_CHARS - 1)}…` : title;
  return `${number} ${short}`;
}
