import type { ComponentChildren } from "preact";
import { NO_VALUE } from "../format.ts";

export type Fact = readonly [label: string, value: ComponentChildren];

/** Names and values; what nobody said is a dash. */
export function Facts({ facts, label }: { facts: readonly Fact[]; label: string }) {
  return (
    <dl class="epu-facts num" aria-label={label}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? NO_VALUE}</dd>
        </div>
      ))}
    </dl>
  );
}

/** `1.06 Å`; `null` where there is no number. */
export function withUnit(value: number | null, decimals: number, unit: string): string | null {
  if (value === null) return null;
  const text = `${value.toFixed(decimals).replace("-", "−")}`;
  return unit === "" ? text : `${text} ${unit}`;
}

/** Two lengths in metres, as a place on the stage: `334.7, −485.2 µm`. */
export function onStage(xM: number | null, yM: number | null): string | null {
  if (xM === null || yM === null) return null;
  const of = (m: number) => (m * 1e6).toFixed(1).replace("-", "−");
  return `${of(xM)}, ${of(yM)} µm`;
}
