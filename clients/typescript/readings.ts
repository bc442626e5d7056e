/** A value from the instrument with all that is known about it. */
export interface Reading {
  /** The number, word or switch position; null unless the quality is good or suspect. */
  readonly value: number | boolean | string | null;
  readonly unit: string;
  /** When it was measured. */
  readonly at: Date;
  /** How old it was when it was asked for, seconds. */
  readonly ageS: number;
  readonly quality: "good" | "suspect" | "stale" | "bad";
  /** Why it is not good, e.g. `no_ack`; null when it is. */
  readonly code: string | null;
}

/** The number, or null for anything that is not a finite one: NaN never travels further. */
export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Numbers with null for what is missing; empty for anything that is not a list. */
export function numbers(values: unknown): (number | null)[] {
  return Array.isArray(values) ? values.map(number) : [];
}
