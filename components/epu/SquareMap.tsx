import { type Colouring, orderPath } from "./colour.ts";
import { Legend } from "./Legend.tsx";
import { MapFrame } from "./MapFrame.tsx";
import { exposuresInWords, type ShownHole, type ShownSquare } from "./shown.ts";

interface Props {
  square: ShownSquare;
  /** Address of the square's picture; `null` where there is none. */
  image: string | null;
  holes: readonly ShownHole[];
  colouring: Colouring<ShownHole>;
  chosen: number | null;
  /** Whether EPU's order is drawn. */
  path: boolean;
  hrefOf(holeId: number): string;
  onChoose(event: MouseEvent, holeId: number): void;
  /** The picture is not there. */
  onAbsent?(): void;
}

/** Numbers along the path are written this often, so that they can be read. */
const NUMBER_EVERY = 10;

/** Every foil hole where it lies on the image of its square. */
export function SquareMap(
  { square, image, holes, colouring, chosen, path, hrefOf, onChoose, onAbsent }: Props,
) {
  const placed = holes.filter(({ xPx, yPx }) => xPx !== null && yPx !== null);
  const { width, height } = sizeOf(square, placed);
  const radius = (placed.find(({ diameterPx }) => diameterPx !== null)?.diameterPx ?? width / 60) /
    2;
  const first = placed.some(({ holeId }) => holeId === chosen) ? chosen : placed[0]?.holeId;
  const target = placed.find(({ holeId }) => holeId === chosen);
  const order = path ? orderPath(placed) : [];
  const line = order.map(({ xPx, yPx }) => `${xPx},${yPx}`).join(" ");
  return (
    <MapFrame
      map={{ width, height }}
      label={`Square ${square.squareId} with ${placed.length} foil holes`}
      legend={<Legend colouring={colouring} rows={holes} />}
      places={placed.map(({ holeId, xPx, yPx }) => ({ id: holeId, x: xPx!, y: yPx! }))}
    >
      <rect class="map-ground" width={width} height={height} />
      {image !== null && (
        <image
          href={image}
          width={width}
          height={height}
          preserveAspectRatio="none"
          onError={onAbsent}
        />
      )}
      <rect class="map-tint" width={width} height={height} />
      {placed.map((hole) => {
        const { holeId } = hole;
        const shade = colouring.of(hole);
        const x = hole.xPx!;
        const y = hole.yPx!;
        const r = hole.diameterPx === null ? radius : hole.diameterPx / 2;
        const words = `hole ${holeId}: ${shade.words}, ${exposuresInWords(hole.exposures)}` +
          (hole.nearGridBar === true ? ", near a grid bar" : "");
        return (
          <a
            key={holeId}
            href={hrefOf(holeId)}
            data-place={holeId}
            tabIndex={holeId === first ? 0 : -1}
            aria-current={holeId === chosen}
            class={`place shade-${shade.key}${hole.selected === true ? " picked" : ""}`}
            onClick={(event) => onChoose(event as unknown as MouseEvent, holeId)}
          >
            <title>{words}</title>
            <circle cx={x} cy={y} r={r} />
            {hole.nearGridBar === true && (
              <path
                class="bar-mark"
                d={`M${x - r * 0.5} ${y - r * 0.5}l${r} ${r}m0 ${-r}l${-r} ${r}`}
              />
            )}
          </a>
        );
      })}
      {order.length > 1 && (
        <g class="map-path" aria-hidden="true">
          <polyline class="under" points={line} />
          <polyline points={line} />
          {order.map((hole, i) =>
            (i === 0 || (i + 1) % NUMBER_EVERY === 0) && (
              <text
                key={hole.holeId}
                x={hole.xPx!}
                y={hole.yPx! - radius * 1.3}
                font-size={radius * 1.6}
              >
                {i + 1}
              </text>
            )
          )}
        </g>
      )}
      {target !== undefined && (
        <g>
          <circle
            class="map-chosen under"
            cx={target.xPx!}
            cy={target.yPx!}
            r={(target.diameterPx === null ? radius : target.diameterPx / 2) * 1.6}
          />
          <circle
            class="map-chosen"
            cx={target.xPx!}
            cy={target.yPx!}
            r={(target.diameterPx === null ? radius : target.diameterPx / 2) * 1.6}
          />
        </g>
      )}
    </MapFrame>
  );
}

/** The image's size; where nobody told it, as far as the holes reach. */
function sizeOf(square: ShownSquare, holes: readonly ShownHole[]) {
  if (square.imageWidthPx !== null && square.imageHeightPx !== null) {
    return { width: square.imageWidthPx, height: square.imageHeightPx };
  }
  const reach = (of: (hole: ShownHole) => number) =>
    Math.max(100, ...holes.map((hole) => of(hole) + (hole.diameterPx ?? 20)));
  return { width: reach(({ xPx }) => xPx!), height: reach(({ yPx }) => yPx!) };
}
