import { BEHIND, type BoardRow, placed } from "./locks.ts";

const WIDTH = 600;
const HEIGHT = 24;

/** A device's holds as bars around now: behind it what was, ahead of it how long the lock still lives. */
export function LockLane(
  { row, nowMs, windowMs }: { row: BoardRow; nowMs: number; windowMs: number },
) {
  const bars = row.bars.flatMap((bar) => {
    const at = placed(bar, nowMs, windowMs, WIDTH);
    return at === null ? [] : [{ bar, ...at }];
  });
  const now = BEHIND * WIDTH;
  const said = bars.length === 0 ? "free" : bars.map(({ bar }) => bar.text).join("; ");
  return (
    <svg
      class="lane"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${row.label} over time: ${said}`}
    >
      <rect class="lane-ground" width={WIDTH} height={HEIGHT} />
      {bars.map(({ bar, x, width, ahead }) => (
        <g key={`${bar.lockId} ${bar.fromMs}`} class={`bar bar-${bar.type}`}>
          <title>{bar.text}</title>
          {width > ahead && <rect x={x} y={5} width={width - ahead} height={14} />}
          {ahead > 0 && (
            <rect
              class="ahead"
              x={x + width - ahead}
              y={5}
              width={ahead}
              height={14}
            />
          )}
        </g>
      ))}
      <line class="lane-now" x1={now} x2={now} y1={0} y2={HEIGHT} />
    </svg>
  );
}
