import type { Colouring } from "./colour.ts";
import { Legend } from "./Legend.tsx";
import { MapFrame } from "./MapFrame.tsx";
import { exposuresInWords, type ShownAtlas, type ShownSquare } from "./shown.ts";
import { isImaged } from "./list.ts";

interface Props {
  atlas: ShownAtlas;
  /** Address of the atlas' picture; `null` where there is none. */
  image: string | null;
  squares: readonly ShownSquare[];
  colouring: Colouring<ShownSquare>;
  chosen: number | null;
  hrefOf(squareId: number): string;
  onChoose(event: MouseEvent, squareId: number): void;
}

/** What an atlas' square is drawn with where nobody told its size. */
const SIDE_SHARE = 0.02;

/** Every grid square where it lies on the atlas. */
export function AtlasMap({ atlas, image, squares, colouring, chosen, hrefOf, onChoose }: Props) {
  const { widthPx: width, heightPx: height } = atlas;
  const placed = squares.filter(({ atlasXPx, atlasYPx }) => atlasXPx !== null && atlasYPx !== null);
  const first = placed.some(({ squareId }) => squareId === chosen) ? chosen : placed[0]?.squareId;
  const side = width * SIDE_SHARE;
  const target = placed.find(({ squareId }) => squareId === chosen);
  return (
    <MapFrame
      map={{ width, height }}
      label={`Atlas with ${placed.length} grid squares`}
      legend={<Legend colouring={colouring} rows={squares} />}
      places={placed.map(({ squareId, atlasXPx, atlasYPx }) => ({
        id: squareId,
        x: atlasXPx!,
        y: atlasYPx!,
      }))}
    >
      <rect class="map-ground" width={width} height={height} />
      {image !== null && (
        <image href={image} width={width} height={height} preserveAspectRatio="none" />
      )}
      <rect class="map-tint" width={width} height={height} />
      {placed.map((square) => {
        const { squareId, atlasXPx, atlasYPx } = square;
        const shade = colouring.of(square);
        const w = square.atlasWidthPx ?? side;
        const h = square.atlasHeightPx ?? side;
        const x = atlasXPx!;
        const y = atlasYPx!;
        const turn = ((square.atlasRotationRad ?? 0) * 180) / Math.PI;
        const words = `square ${squareId}: ${shade.words}, ${exposuresInWords(square.exposures)}` +
          (square.note === null ? "" : `, note: ${square.note}`);
        return (
          <a
            key={squareId}
            href={hrefOf(squareId)}
            data-place={squareId}
            tabIndex={squareId === first ? 0 : -1}
            aria-current={squareId === chosen}
            class={`place shade-${shade.key}${square.selected === true ? " picked" : ""}`}
            onClick={(event) => onChoose(event as unknown as MouseEvent, squareId)}
          >
            <title>{words}</title>
            <rect
              x={x - w / 2}
              y={y - h / 2}
              width={w}
              height={h}
              transform={`rotate(${turn.toFixed(2)} ${x} ${y})`}
            />
            {isImaged(square) && <circle class="imaged" cx={x} cy={y} r={w / 7} />}
            {square.note !== null && (
              <path
                class="noted"
                d={`M${x + w / 2} ${y - h / 2 - w / 5}l${w / 5} ${w / 5}l${-w / 5} ${w / 5}l${
                  -w / 5
                } ${-w / 5}z`}
              />
            )}
          </a>
        );
      })}
      {target !== undefined && (
        <g>
          <circle
            class="map-chosen under"
            cx={target.atlasXPx!}
            cy={target.atlasYPx!}
            r={Math.max(target.atlasWidthPx ?? side, target.atlasHeightPx ?? side) * 0.85}
          />
          <circle
            class="map-chosen"
            cx={target.atlasXPx!}
            cy={target.atlasYPx!}
            r={Math.max(target.atlasWidthPx ?? side, target.atlasHeightPx ?? side) * 0.85}
          />
        </g>
      )}
    </MapFrame>
  );
}
