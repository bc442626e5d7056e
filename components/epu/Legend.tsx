import { type Colouring, tally } from "./colour.ts";

/** What each colour means, and how many there are of it. */
export function Legend<T>({ colouring, rows }: { colouring: Colouring<T>; rows: readonly T[] }) {
  return (
    <ul class="map-legend num" aria-label={`Colours: ${colouring.label}`}>
      {tally(colouring, rows).map(({ shade, count }) => (
        <li key={shade.words}>
          <svg class={`shade shade-${shade.key}`} viewBox="0 0 12 12" aria-hidden="true">
            <rect x="1" y="1" width="10" height="10" rx="2" />
          </svg>
          {shade.words} <b>{count}</b>
        </li>
      ))}
    </ul>
  );
}
