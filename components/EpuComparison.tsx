import type { ShownComparison } from "./epu_decisions.ts";
import { formatNumber } from "./format.ts";

interface Props {
  comparisons: readonly ShownComparison[];
  acting: string | null;
}

const WIDTH = 120;
const HEIGHT = 36;

/** Every authority laid beside EPU's own order on the holes that were exposed in the end. */
export function EpuComparison({ comparisons, acting }: Props) {
  const compared = comparisons.filter(({ authority, holes }) =>
    authority !== "epu-order" && holes > 0
  );
  return (
    <section class="card table-card steer-compare" aria-label="Comparison with EPU’s own order">
      <header>
        <h2>Beside EPU’s own order</h2>
      </header>
      {compared.length === 0
        ? (
          <p class="empty">
            Nothing to compare yet: holes that an authority had ordered beforehand must have been
            exposed and processed.
          </p>
        )
        : (
          <>
            <table class="row-table">
              <thead>
                <tr>
                  <th scope="col">Authority</th>
                  <th scope="col" class="num">Exposures spent</th>
                  <th scope="col" class="num">Good ones gained</th>
                  <th scope="col" class="num">Regret</th>
                  <th scope="col">On the way</th>
                </tr>
              </thead>
              <tbody>
                {compared.map((one) => (
                  <tr key={one.authority}>
                    <th scope="row">
                      {one.authority}{" "}
                      <span class="tag">{one.authority === acting ? "acting" : "shadow"}</span>
                    </th>
                    <td class="num" data-label="exposures">
                      {one.exposures} <small>in {one.holes} holes</small>
                    </td>
                    <td class="num" data-label="good">{formatNumber(one.good, 0)}</td>
                    <td class="num" data-label="regret">
                      {one.regret === null ? "—" : (
                        <>
                          {formatNumber(one.regret, 1)} <small>{regretInWords(one.regret)}</small>
                        </>
                      )}
                    </td>
                    <td>
                      <Way comparison={one} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <p class="sub">
              Both spend the same exposures on the same holes. Regret: good exposures it was behind
              EPU’s order on average; below zero it was ahead. Holes that were never exposed tell
              nothing.
            </p>
          </>
        )}
    </section>
  );
}

function regretInWords(regret: number): string {
  if (Math.abs(regret) < 0.05) return "level";
  return regret < 0 ? "ahead" : "behind";
}

/** Good exposures over those spent: the authority's as a line, EPU's dashed. */
function Way({ comparison: { authority, points, exposures, good } }: {
  comparison: ShownComparison;
}) {
  if (exposures === 0 || good === 0) return <>—</>;
  const path = (value: (point: ShownComparison["points"][number]) => number) =>
    [{ exposures: 0, good: 0, baselineGood: 0 }, ...points].map((point, i) => {
      const x = 1 + point.exposures / exposures * (WIDTH - 2);
      const y = HEIGHT - 2 - value(point) / good * (HEIGHT - 4);
      return `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    }).join("");
  const middle = points[Math.floor(points.length / 2)];
  const words = middle === undefined
    ? authority
    : `After ${Math.round(middle.exposures)} exposures: ${authority} ${
      formatNumber(middle.good, 0)
    } good, EPU ${formatNumber(middle.baselineGood, 0)}`;
  return (
    <svg class="way" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words}>
      <path class="epu" d={path(({ baselineGood }) => baselineGood)} />
      <path class="own" d={path(({ good }) => good)} />
    </svg>
  );
}
