import type { AtlasFile, AtlasLink, AtlasSquare, AtlasTile } from "./files.ts";
import { type Origin } from "./origin.ts";
import { id, int, list, number, type Raw, record, time, word } from "./shape.ts";

const link = record("ga", {
  tileId: id("TileId"),
  xPx: number("NodePosition/gd:Center/drw:x"),
  yPx: number("NodePosition/gd:Center/drw:y"),
  widthPx: number("NodePosition/gd:Size/drw:width"),
  heightPx: number("NodePosition/gd:Size/drw:height"),
});

/** A node of the atlas is a grid square. */
const node = record("ga", {
  key: id("gen:key"),
  category: int("gen:value/Category"),
  stageXM: number("gen:value/StagePosition/so:X"),
  stageYM: number("gen:value/StagePosition/so:Y"),
  stageZM: number("gen:value/StagePosition/so:Z"),
  alignedStageXM: number("gen:value/AlignedStagePosition/so:X"),
  alignedStageYM: number("gen:value/AlignedStagePosition/so:Y"),
  atlasXPx: number("gen:value/PositionOnTheAtlas/gd:Center/drw:x"),
  atlasYPx: number("gen:value/PositionOnTheAtlas/gd:Center/drw:y"),
  atlasWidthPx: number("gen:value/PositionOnTheAtlas/gd:Size/drw:width"),
  atlasHeightPx: number("gen:value/PositionOnTheAtlas/gd:Size/drw:height"),
  atlasRotationRad: number("gen:value/PositionOnTheAtlas/gd:Rotation"),
  physicalXM: number("gen:value/PositionOnTheAtlas/gd:Physical/drw:x"),
  physicalYM: number("gen:value/PositionOnTheAtlas/gd:Physical/drw:y"),
  features: list(number(), "gen:value/FeatureVector/arr:double"),
  links: list(link, "gen:value/TilePositions/_items/TilePositionXml"),
});

const tile = record("ga", {
  tileId: id("ct:Id"),
  xPx: number("AtlasPixelPosition/drw:x"),
  yPx: number("AtlasPixelPosition/drw:y"),
  widthPx: number("AtlasPixelPosition/drw:width"),
  heightPx: number("AtlasPixelPosition/drw:height"),
  baseFileName: word("TileImageReference/ct:BaseFileName"),
  fileFormat: word("TileImageReference/ct:FileFormat"),
  nodes: list(node, "Nodes/:KeyValuePairs/gen:KeyValuePairOf*"),
});

/** Source: Atlas.dm of EPU 3.7. */
export const ATLAS = record("ga", {
  epuId: id("ct:Id"),
  name: word("Name"),
  description: word("Description"),
  storageFolder: word("StorageFolder"),
  acquired: time("Atlas/AcquisitionDateTime"),
  imageBaseFileName: word("Atlas/AtlasImageReference/ct:BaseFileName"),
  tiles: list(tile, "Atlas/TilesEfficient/_items/TileXml"),
});

export function atlasFile(raw: Raw<typeof ATLAS>, { findings }: Origin): AtlasFile {
  const tiles: AtlasTile[] = [];
  const squares = new Map<number, AtlasSquare>();
  const links = new Map<string, AtlasLink>();
  let nameless = 0;
  for (const { nodes, tileId, ...one } of raw.tiles ?? []) {
    if (tileId === null) nameless++;
    else tiles.push({ tileId, ...one });
    for (const { key: squareId, links: positions, ...square } of nodes ?? []) {
      if (squareId === null) {
        nameless++;
        continue;
      }
      // A square stands once, under one of the tiles it lies on; its links name all of them.
      if (!squares.has(squareId)) squares.set(squareId, { squareId, ...square });
      for (const { tileId: on, ...position } of positions ?? []) {
        if (on === null) nameless++;
        else links.set(`${on} ${squareId}`, { tileId: on, squareId, ...position });
      }
    }
  }
  if (nameless > 0) {
    findings.add({
      code: "nameless-entries",
      severity: "warning",
      where: "AtlasSessionXml/Atlas/TilesEfficient",
      text: `${nameless} tiles, squares or their places have no id`,
      consequence: "They cannot be told apart and are left out",
    });
  }
  if (raw.epuId === null && raw.tiles === null) {
    findings.add({
      code: "empty-atlas",
      severity: "error",
      where: null,
      text: "The atlas has neither an id nor tiles",
      consequence: "No square of the grid is known from it",
    });
  }
  const { tiles: _, ...own } = raw;
  return {
    kind: "atlas",
    ...own,
    tiles,
    squares: [...squares.values()],
    links: [...links.values()],
  };
}
