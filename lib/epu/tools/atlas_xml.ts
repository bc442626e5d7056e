import type { Atlas, AtlasNode, Tile } from "./facts.ts";
import {
  dictionaryXml,
  escapeXml,
  INT32,
  netNumber,
  netTime,
  NS,
  ObjectIds,
  ofAssembly,
  pointXml,
  rootAttributes,
  sizeXml,
  stageXml,
} from "./net_text.ts";
import { Seeded } from "./seeded.ts";

const NODE_ENTRY = "KeyValuePairOfintNodeXml30oatNZW";
/** Pixels of a tile's own image for each of the atlas. */
const TILE_SCALE = 3.456;
/** Metres in an atlas pixel. */
const ATLAS_PIXEL_M = 3.4e-7;

/** The tiles on which a square lies, its own first: the one that holds its centre. */
export function tilesOf(node: AtlasNode, tiles: readonly Tile[]): Tile[] {
  const left = node.centerPx.x - node.sizePx.x / 2;
  const top = node.centerPx.y - node.sizePx.y / 2;
  const shared = tiles.filter((tile) =>
    left < tile.x + tile.width && left + node.sizePx.x > tile.x &&
    top < tile.y + tile.height && top + node.sizePx.y > tile.y
  );
  const holdsCenter = ({ x, y, width, height }: Tile) =>
    node.centerPx.x >= x && node.centerPx.x < x + width &&
    node.centerPx.y >= y && node.centerPx.y < y + height;
  return [...shared].sort((a, b) => Number(holdsCenter(b)) - Number(holdsCenter(a)));
}

/** Atlas.dm. */
export function atlasXml(atlas: Atlas): string {
  const ids = new ObjectIds();
  const byTile = new Map<number, AtlasNode[]>();
  for (const node of atlas.nodes) {
    const [own] = tilesOf(node, atlas.tiles);
    if (own !== undefined) byTile.set(own.id, [...byTile.get(own.id) ?? [], node]);
  }
  const capacity = Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, atlas.tiles.length))));
  const root = rootAttributes(ids, {
    type: "Applications.SciencesAppsShared.GridAtlas.Persistence.AtlasSessionXml",
    version: "1.36.1.8206",
    namespace: NS.atlas,
  });
  const id = `<Id xmlns="${NS.types}">${atlas.epuId}</Id>`;
  const sub = new Seeded(atlas.seed, "atlas", atlas.epuId).below(10_000);
  const acquired = netTime(atlas.acquiredAtMs, atlas.zoneOffsetMin, sub);
  return [
    `<AtlasSessionXml${root}>${id}<Atlas${ids.next()}>${id}`,
    "<AcquiredWithImageBeamShift>false</AcquiredWithImageBeamShift>",
    `<AcquisitionDateTime>${acquired}</AcquisitionDateTime>`,
    `<AtlasImageReference${ids.next()} xmlns:a="${NS.types}"><a:BaseFileName${ids.next()}>`,
    `Atlas_${atlas.imageId}</a:BaseFileName><a:FileFormat>Mrc</a:FileFormat></AtlasImageReference>`,
    `<IsStem>false</IsStem><Name i:nil="true"/><Session z:Ref="1" i:nil="true"/>`,
    `<TilesEfficient${ids.next()}><_items${ids.next()} z:Size="${capacity}">`,
    ...atlas.tiles.map((tile, i) => tileXml(ids, atlas, tile, i, byTile.get(tile.id) ?? [])),
    '<TileXml i:nil="true"/>'.repeat(capacity - atlas.tiles.length),
    `</_items><_size>${atlas.tiles.length}</_size><_version>${atlas.tiles.length + 1}</_version>`,
    `</TilesEfficient></Atlas><Description${ids.next()}>Atlas for autoloader slot ${atlas.slot}`,
    `</Description><ImageFileFormat>Mrc</ImageFileFormat><Name${ids.next()}>Atlas</Name>`,
    `<StartDateTime>${
      netTime(atlas.acquiredAtMs - 2_400_000, atlas.zoneOffsetMin, sub)
    }</StartDateTime>`,
    `<StorageFolder${ids.next()}>${escapeXml(atlas.storageFolder)}</StorageFolder>`,
    `<Version${ids.next()} xmlns:a="${NS.system}"><a:_Build>0</a:_Build><a:_Major>3</a:_Major>`,
    "<a:_Minor>0</a:_Minor><a:_Revision>-1</a:_Revision></Version></AtlasSessionXml>",
  ].join("");
}

function tileXml(
  ids: ObjectIds,
  atlas: Atlas,
  tile: Tile,
  index: number,
  nodes: readonly AtlasNode[],
): string {
  const open = `<TileXml${ids.next()}><Id xmlns="${NS.types}">${tile.id}</Id>` +
    `<AtlasPixelPosition xmlns:a="${NS.drawing}">${
      sizeXml("a", { x: tile.width, y: tile.height })
    }${pointXml("a", tile)}</AtlasPixelPosition>`;
  const assembly = "Applications.SciencesAppsShared.GridAtlas.Persistence";
  const dictionary = dictionaryXml(ids, {
    keyType: INT32,
    valueType: ofAssembly(`${assembly}.NodeXml`, assembly, "1.36.1.8206"),
    count: nodes.length,
    entries: () => nodes.map((node) => nodeXml(ids, atlas, node)).join(""),
  });
  const stage = {
    x: (tile.x + tile.width / 2 - 2000) * ATLAS_PIXEL_M,
    y: (tile.y + tile.height / 2 - 2000) * ATLAS_PIXEL_M,
    z: 7e-5,
  };
  return open +
    `<Nodes${dictionary.attributes} xmlns:a="${NS.arrays}">${dictionary.content}</Nodes>` +
    `<StagePosition xmlns:a="${NS.objects}">${stageXml("a", stage)}</StagePosition>` +
    `<TileImageReference${ids.next()} xmlns:a="${NS.types}"><a:BaseFileName${ids.next()}>` +
    `Tile_${tile.id}_${index}_${atlas.imageId}</a:BaseFileName><a:FileFormat>Mrc</a:FileFormat>` +
    "</TileImageReference></TileXml>";
}

function nodeXml(ids: ObjectIds, atlas: Atlas, node: AtlasNode): string {
  const random = new Seeded(atlas.seed, "node", node.squareId);
  const open =
    `<${NODE_ENTRY} xmlns="${NS.generic}"><key>${node.squareId}</key><value${ids.next()} ` +
    `xmlns:b="${NS.atlas}"><Id xmlns="${NS.types}">${node.squareId}</Id>` +
    `<b:AlignedStagePosition xmlns:c="${NS.objects}">${
      stageXml("c", node.stageM)
    }</b:AlignedStagePosition>` +
    (node.category === null
      ? '<b:Category i:nil="true"/>'
      : `<b:Category>${node.category}</b:Category>`) +
    `<b:FeatureVector${ids.next()} z:Size="5">`;
  const features = Array.from(
    { length: 5 },
    () => `<a:double>${netNumber(random.normal())}</a:double>`,
  );
  const stage = { x: node.stageM.x + 1.2e-5, y: node.stageM.y + 1e-6 };
  const placed = { ...node, quality: random.between(0.3, 1.6) };
  const positions = tilesOf(node, atlas.tiles);
  const capacity = Math.max(4, positions.length);
  return open + features.join("") + "</b:FeatureVector>" +
    `<b:PositionOnTheAtlas xmlns:c="${NS.atlasModel}">${placeXml(placed)}</b:PositionOnTheAtlas>` +
    `<b:StagePosition xmlns:c="${NS.objects}">${stageXml("c", stage)}</b:StagePosition>` +
    `<b:TilePositions${ids.next()}><b:_items${ids.next()} z:Size="${capacity}">` +
    positions.map((tile, i) =>
      `<b:TilePositionXml${ids.next()}><Id xmlns="${NS.types}">${node.squareId + 1 + i}</Id>` +
      `<b:NodePosition xmlns:c="${NS.atlasModel}">${placeXml(onTile(placed, tile))}` +
      `</b:NodePosition><b:TileId>${tile.id}</b:TileId></b:TilePositionXml>`
    ).join("") +
    '<b:TilePositionXml i:nil="true"/>'.repeat(capacity - positions.length) +
    `</b:_items><b:_size>${positions.length}</b:_size><b:_version>${positions.length}</b:_version>` +
    `</b:TilePositions></value></${NODE_ENTRY}>`;
}

type Placed = Pick<AtlasNode, "centerPx" | "sizePx" | "rotationRad" | "stageM"> & {
  quality: number;
};

function onTile(node: Placed, tile: Tile): Placed {
  return {
    ...node,
    centerPx: {
      x: (node.centerPx.x - tile.x) * TILE_SCALE,
      y: (node.centerPx.y - tile.y) * TILE_SCALE,
    },
    sizePx: { x: node.sizePx.x * TILE_SCALE, y: node.sizePx.y * TILE_SCALE },
  };
}

function placeXml({ centerPx, sizePx, rotationRad, stageM, quality }: Placed): string {
  const physical = { x: sizePx.x * ATLAS_PIXEL_M, y: sizePx.y * ATLAS_PIXEL_M };
  return `<c:Center xmlns:d="${NS.drawing}">${pointXml("d", centerPx)}</c:Center>` +
    `<c:Physical xmlns:d="${NS.drawing}">${sizeXml("d", physical)}${
      pointXml("d", stageM)
    }</c:Physical><c:Quality>${netNumber(quality)}</c:Quality>` +
    `<c:Rotation>${netNumber(rotationRad)}</c:Rotation><c:Shear>0</c:Shear>` +
    `<c:Size xmlns:d="${NS.drawing}">${sizeXml("d", sizePx)}</c:Size>`;
}
