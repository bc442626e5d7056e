import { signal } from "@preact/signals";

/** The moment of the run a person pressed in its chart, milliseconds after its zero; for the form beside it. */
export const pressedMs = signal<number | null>(null);

/** A note on an experiment as the API gives it. */
export interface ShownAnnotation {
  readonly id: string;
  readonly atMs: number;
  readonly text: string;
  readonly actor: string;
  readonly createdAtMs: number;
}

/** Adds one that was just written, once, in the order of the moments. */
export function withAnnotation(
  list: readonly ShownAnnotation[],
  added: ShownAnnotation,
): ShownAnnotation[] {
  if (list.some(({ id }) => id === added.id)) return [...list];
  return [...list, added].toSorted((a, b) => a.atMs - b.atMs);
}

/** `12.5 min`, `1 h 30 m`, `−2.0 min`: a moment as the chart's axis counts it. */
export function sinceZero(ms: number): string {
  const sign = ms < 0 ? "−" : "";
  const min = Math.abs(ms) / 60_000;
  if (min < 120) return `${sign}${min.toFixed(1)} min`;
  const h = Math.floor(min / 60);
  if (h < 48) return `${sign}${h} h ${Math.floor(min % 60)} m`;
  return `${sign}${Math.floor(h / 24)} d ${h % 24} h`;
}

/**
 * The moment a form names: minutes after `zeroMs`, as typed; empty is now, `undefined` for the instrument to
 * fill in. `null`: that is no number of minutes.
 */
export function momentOf(typed: string, zeroMs: number | null): number | undefined | null {
  const text = typed.trim().replace(",", ".");
  if (text === "" || zeroMs === null) return undefined;
  const minutes = Number(text);
  return Number.isFinite(minutes) ? Math.round(zeroMs + minutes * 60_000) : null;
}
