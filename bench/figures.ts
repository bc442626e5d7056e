/** One line of the table at the end of `deno task bench`. */
export interface Figure {
  /** What was measured and under which circumstances. */
  readonly what: string;
  /** The number with its unit, or `skipped: ` and why. */
  readonly measured: string;
  /** The number to hold, with its unit; absent where there is none. */
  readonly target?: string;
  /** Whether the target holds; absent where there is none or nothing was measured. */
  readonly holds?: boolean;
}

/** With this argument a bench ends with one line for `bench/all.ts`. */
export const FIGURES_FLAG = "--figures";

const MARK = "figures:";

/** Hands the figures of a bench to `bench/all.ts`, where that has started it. */
export function tellFigures(figures: readonly Figure[]): void {
  if (Deno.args.includes(FIGURES_FLAG)) console.log(MARK + JSON.stringify(figures));
}

/** The figures in a line that `tellFigures` printed; `null` for any other line. */
export function figuresIn(line: string): Figure[] | null {
  return line.startsWith(MARK) ? JSON.parse(line.slice(MARK.length)) : null;
}

/** The smallest of `values` that at least a share `q`, 0 to 1, of them does not exceed. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN;
}
