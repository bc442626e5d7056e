import {
  type Hole,
  holeStem,
  micrographStem,
  READOUT,
  type Session,
  type Square,
  SQUARE_PIXEL_M,
  squareFolder,
  squareStem,
  type Visit,
} from "./facts.ts";
import {
  comparerXml,
  dictionaryXml,
  INT32,
  netNumber,
  NS,
  ObjectIds,
  ofAssembly,
  pointXml,
  rootAttributes,
  sizeXml,
  stageXml,
} from "./net_text.ts";

const HOLE_ENTRY = "KeyValuePairOfintTargetLocationXmlBpEWF4JT";
const LEDGER_ENTRY = "KeyValuePairOfintParticleAcquisitionDataXmlBpEWF4JT";

/** Metadata/GridSquare_<sq>.dm as EPU has it at `atMs`: holes once found, a ledger line for each exposure so far. */
export function squareXml(session: Session, square: Square, atMs = Infinity): string {
  const ids = new ObjectIds();
  const { visit } = square;
  const root = rootAttributes(ids, {
    type: "Applications.Epu.Persistence.GridSquareXml",
    version: session.version,
    namespace: NS.epu,
  });
  const imaged = visit?.imagedAtMs.filter((one) => one <= atMs).at(-1) ?? null;
  const holes = visit !== null && visit.holesFoundAtMs <= atMs ? visit.holes : [];
  const stem = imaged === null ? null : squareStem(imaged, session.zoneOffsetMin);
  return [
    `<GridSquareXml${root}>`,
    `<Id xmlns="${NS.types}">${square.id}</Id><AtlasNodeId>${square.id}</AtlasNodeId>`,
    "<AutoEucentricPerformed>false</AutoEucentricPerformed>",
    '<BalancedRank i:nil="true"/><BeamCurrent i:nil="true"/>',
    '<CategoryName i:nil="true"/><CategoryNumber i:nil="true"/>',
    imagePathXml(ids, session, square.id, stem),
    visit === null || holes.length === 0
      ? `<GridSquareShape i:nil="true" xmlns:a="${NS.shared}"/>`
      : shapeXml(ids, visit),
    `<HoleSpacing>${
      netNumber(visit === null ? 0 : visit.spacingPx * SQUARE_PIXEL_M)
    }</HoleSpacing>`,
    imageXml(ids, "Image", stem, "a"),
    folderXml(ids, "ImageFolderName", stem !== null),
    '<IsRecommendedSelection i:nil="true"/>',
    `<Order>${visit === null ? -1 : visit.order}</Order>`,
    `<Position xmlns:a="${NS.objects}">${
      stageXml("a", { ...square.stageM, z: 9.3e-5 })
    }</Position>`,
    '<RankInsideCategory i:nil="true"/>',
    `<Rotation>${netNumber(square.rotationRad)}</Rotation>`,
    `<Selected>${visit !== null}</Selected><StartDateTime i:nil="true"/>`,
    `<State>${stateOfSquare(visit, imaged, atMs)}</State>`,
    holesXml(ids, session, square, holes, atMs),
    "<Unusable>false</Unusable></GridSquareXml>",
  ].join("");
}

function stateOfSquare(visit: Visit | null, imagedAtMs: number | null, atMs: number): string {
  if (visit === null || imagedAtMs === null) return "Defined";
  return visit.endedAtMs <= atMs ? "Completed" : "InProgress";
}

function imagePathXml(ids: ObjectIds, session: Session, squareId: number, stem: string | null) {
  if (stem === null) return '<GridSquareImagePath i:nil="true"/>';
  return `<GridSquareImagePath${ids.next()}>${
    epuPath(session, `${squareFolder(squareId)}/${stem}.tiff`)
  }</GridSquareImagePath>`;
}

function epuPath({ storagePath, name }: Session, path: string): string {
  return `${storagePath}\\${name}\\${path.replaceAll("/", "\\")}`;
}

function imageXml(ids: ObjectIds, name: string, stem: string | null, prefix: string): string {
  if (stem === null) return `<${name} i:nil="true" xmlns:${prefix}="${NS.types}"/>`;
  return `<${name}${ids.next()} xmlns:${prefix}="${NS.types}">` +
    `<${prefix}:BaseFileName${ids.next()}>${stem}</${prefix}:BaseFileName>` +
    `<${prefix}:FileFormat>Tiff</${prefix}:FileFormat></${name}>`;
}

function folderXml(ids: ObjectIds, name: string, isThere: boolean): string {
  return isThere ? `<${name}${ids.next()}>Images-Disc1</${name}>` : `<${name} i:nil="true"/>`;
}

/** The four corners that hold all holes. */
function shapeXml(ids: ObjectIds, { holes, diameterPx }: Visit): string {
  const clamp = (value: number, limit: number) => Math.min(limit, Math.max(0, Math.round(value)));
  const xs = holes.map(({ centerPx }) => centerPx.x);
  const ys = holes.map(({ centerPx }) => centerPx.y);
  const min = {
    x: clamp(Math.min(...xs) - diameterPx, READOUT.width),
    y: clamp(Math.min(...ys) - diameterPx, READOUT.height),
  };
  const max = {
    x: clamp(Math.max(...xs) + diameterPx, READOUT.width),
    y: clamp(Math.max(...ys) + diameterPx, READOUT.height),
  };
  const center = { x: (min.x + max.x) / 2, y: (min.y + max.y) / 2 };
  const corners = [min, { x: max.x, y: min.y }, max, { x: min.x, y: max.y }];
  const point = (name: string, p: { x: number; y: number }) =>
    `<a:${name} xmlns:b="${NS.drawing}">${pointXml("b", p)}</a:${name}>`;
  return `<GridSquareShape${ids.next()} xmlns:a="${NS.shared}">` +
    point("center", center) + point("max", max) + point("min", min) +
    `<a:vertices${ids.next()} z:Size="4" xmlns:b="${NS.drawing}">${
      corners.map((p) => `<b:PointF>${pointXml("b", p)}</b:PointF>`).join("")
    }</a:vertices></GridSquareShape>`;
}

function holesXml(
  ids: ObjectIds,
  session: Session,
  square: Square,
  holes: readonly Hole[],
  atMs: number,
): string {
  const assembly = "Applications.Epu.Persistence";
  const open = `<TargetLocations${ids.next()} z:Type="${assembly}.FoilHoleCollectionXml" ` +
    `z:Assembly="${assembly}, Version=${session.version}, Culture=neutral, PublicKeyToken=null">` +
    `<Id xmlns="${NS.types}">${square.id + 1}</Id><GridSquareId>${square.id}</GridSquareId>` +
    `<TargetLocations i:nil="true" xmlns:a="${NS.arrays}"/>` +
    `<TargetLocationsEfficient${ids.next()} xmlns:a="${NS.arrays}">` +
    comparerXml(ids, "a:m_comparer", INT32) +
    `<a:m_keyRehashCount>0</a:m_keyRehashCount><a:m_serializationArray${ids.next()} ` +
    `z:Size="${holes.length}" xmlns:b="${NS.generic}">`;
  const entries = holes.map((hole) => holeXml(ids, session, square, hole, atMs));
  return open + entries.join("") +
    "</a:m_serializationArray><a:m_serializationCapacity>1117</a:m_serializationCapacity>" +
    "<a:m_serializationConcurrencyLevel>12</a:m_serializationConcurrencyLevel>" +
    "</TargetLocationsEfficient></TargetLocations>";
}

function holeXml(ids: ObjectIds, session: Session, square: Square, hole: Hole, atMs: number) {
  const { visit } = square;
  const zone = session.zoneOffsetMin;
  const done = hole.exposures.filter((exposure) => exposure.atMs <= atMs);
  const imaged = hole.imagedAtMs.filter((one) => one <= atMs).at(-1) ?? null;
  const stem = imaged === null ? null : holeStem(hole.id, imaged, zone);
  const isStarted = stem !== null || done.length > 0;
  const isDone = done.length > 0 && done.length >= session.areas.length;
  const state = isDone ? "Completed" : isStarted ? "InProgress" : "Defined";
  const path = stem === null
    ? '<FoilHoleImagePath i:nil="true"/>'
    : `<FoilHoleImagePath${ids.next()}>${
      epuPath(session, `${squareFolder(square.id)}/FoilHoles/${stem}.tiff`)
    }</FoilHoleImagePath>`;
  const diameter = visit?.diameterPx ?? 0;
  return [
    `<b:${HOLE_ENTRY}><b:key>${hole.id}</b:key><b:value${ids.next()}>`,
    `<Id xmlns="${NS.types}">${hole.id}</Id>`,
    hole.primaryId === null || !isStarted
      ? '<BeamShiftId i:nil="true"/>'
      : `<BeamShiftId>${hole.k}</BeamShiftId>`,
    `<CorrectedStagePosition xmlns:c="${NS.objects}">${
      stageXml("c", { x: 0, y: 0 })
    }</CorrectedStagePosition><FilterProperties${ids.next()}>`,
    `<PixelIntensityMean>${netNumber(hole.intensityMean)}</PixelIntensityMean>`,
    `<PixelIntensityStDev>${netNumber(hole.intensitySd)}</PixelIntensityStDev></FilterProperties>`,
    path,
    `<GridSquareId>${square.id}</GridSquareId>`,
    imageXml(ids, "Image", stem, "c"),
    folderXml(ids, "ImageFolderName", stem !== null),
    `<IsNearGridBar>${hole.isNearGridBar}</IsNearGridBar>`,
    "<IsPositionCorrected>false</IsPositionCorrected><IsPositionRefined>false</IsPositionRefined>",
    `<IsRecommendedSelection i:nil="true"/><Order>${hole.order}</Order>`,
    ledgerXml(ids, session, square.id, hole, done),
    `<PixelCenter xmlns:c="${NS.drawing}">${pointXml("c", hole.centerPx)}</PixelCenter>`,
    `<PixelWidthHeight xmlns:c="${NS.drawing}">${
      sizeXml("c", { x: diameter, y: diameter })
    }</PixelWidthHeight>`,
    `<PositionInCluster i:nil="true" xmlns:c="${NS.drawing}"/>`,
    hole.primaryId === null
      ? '<PrimaryId i:nil="true"/>'
      : `<PrimaryId>${hole.primaryId}</PrimaryId>`,
    "<Quality>1</Quality><Rotation>0</Rotation>",
    secondariesXml(ids),
    `<Selected>${hole.isSelected}</Selected><Shear>0</Shear><SmartIceThicknessResult i:nil="true"/>`,
    `<StagePosition xmlns:c="${NS.objects}">${
      stageXml("c", { ...hole.stageM, z: 9.3e-5, a: -2.4e-4, b: 0.0168 })
    }</StagePosition><State>${state}</State></b:value></b:${HOLE_ENTRY}>`,
  ].join("");
}

function secondariesXml(ids: ObjectIds): string {
  const own = ids.next();
  const { attribute, isNew } = ids.once("no secondaries");
  return `<SecondaryTargetLocationdIds${own}><a:_items${attribute}${isNew ? ' z:Size="0"' : ""}/>` +
    "<a:_size>0</a:_size><a:_version>0</a:_version></SecondaryTargetLocationdIds>";
}

function ledgerXml(
  ids: ObjectIds,
  session: Session,
  squareId: number,
  hole: Hole,
  done: Hole["exposures"],
): string {
  const dictionary = dictionaryXml(ids, {
    keyType: INT32,
    valueType: ofAssembly(
      "Applications.Epu.Persistence.ParticleAcquisitionDataXml",
      "Applications.Epu.Persistence",
      session.version,
    ),
    count: done.length,
    entries: () =>
      done.map((exposure) =>
        `<b:${LEDGER_ENTRY}><b:key>${exposure.ledgerId}</b:key><b:value${ids.next()} ` +
        `xmlns:c="${NS.epu}"><Id xmlns="${NS.types}">${exposure.ledgerId}</Id>` +
        `<c:DataAcquisitionAreaId>${exposure.area.id}</c:DataAcquisitionAreaId>` +
        `<c:GridSquareId>${squareId}</c:GridSquareId>` +
        imageXml(ids, "c:Image", micrographStem(hole.id, exposure, session.zoneOffsetMin), "d") +
        `<c:ImageAcquisitionSettingId>${exposure.area.settingId}</c:ImageAcquisitionSettingId>` +
        folderXml(ids, "c:ImageFolderName", true) +
        `<c:TargetLocationId>${hole.id}</c:TargetLocationId></b:value></b:${LEDGER_ENTRY}>`
      ).join(""),
  });
  return `<ParticleAcquisitions${dictionary.attributes}>${dictionary.content}</ParticleAcquisitions>`;
}
