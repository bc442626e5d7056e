import { accept, refuse, type Result } from "../../result.ts";
import type { LedgerEntry, ReadRefusal, SquareHole, SquareMetadataFile } from "./files.ts";
import { noteVersion, type Origin } from "./origin.ts";
import { flag, id, int, list, number, type Raw, record, word } from "./shape.ts";

const exposure = record("epu", {
  epuId: id("gen:value/ct:Id"),
  holeId: id("gen:value/TargetLocationId"),
  areaId: id("gen:value/DataAcquisitionAreaId"),
  settingId: id("gen:value/ImageAcquisitionSettingId"),
  stem: word("gen:value/Image/ct:BaseFileName"),
  fileFormat: word("gen:value/Image/ct:FileFormat"),
  imageFolder: word("gen:value/ImageFolderName"),
});

const hole = record("epu", {
  key: id("gen:key"),
  ownId: id("gen:value/ct:Id"),
  state: word("gen:value/State"),
  selected: flag("gen:value/Selected"),
  order: int("gen:value/Order"),
  nearGridBar: flag("gen:value/IsNearGridBar"),
  xPx: number("gen:value/PixelCenter/drw:x"),
  yPx: number("gen:value/PixelCenter/drw:y"),
  diameterPx: number("gen:value/PixelWidthHeight/drw:width"),
  stageXM: number("gen:value/StagePosition/so:X"),
  stageYM: number("gen:value/StagePosition/so:Y"),
  isCorrected: flag("gen:value/IsPositionCorrected"),
  correctedX: number("gen:value/CorrectedStagePosition/so:X"),
  correctedY: number("gen:value/CorrectedStagePosition/so:Y"),
  epuQuality: number("gen:value/Quality"),
  intensityMean: number("gen:value/FilterProperties/PixelIntensityMean"),
  intensitySd: number("gen:value/FilterProperties/PixelIntensityStDev"),
  primaryHoleId: id("gen:value/PrimaryId"),
  positionInCluster: int("gen:value/PositionInCluster"),
  positionInClusterX: number("gen:value/PositionInCluster/drw:x"),
  positionInClusterY: number("gen:value/PositionInCluster/drw:y"),
  beamShiftId: int("gen:value/BeamShiftId"),
  imageBaseFileName: word("gen:value/Image/ct:BaseFileName"),
  exposures: list(
    exposure,
    "gen:value/ParticleAcquisitions/:KeyValuePairs/gen:KeyValuePairOf*",
    "gen:value/ParticleAcquisitions/arr:m_serializationArray/gen:KeyValuePairOf*",
  ),
});

/** Source: EPU 3.7 for `TargetLocationsEfficient`; lacey grids list their holes in `TargetLocations`. */
export const SQUARE = record("epu", {
  ownId: id("ct:Id"),
  atlasNodeId: id("AtlasNodeId"),
  state: word("State"),
  selected: flag("Selected"),
  unusable: flag("Unusable"),
  order: int("Order"),
  rotationRad: number("Rotation"),
  categoryName: word("CategoryName"),
  category: int("CategoryNumber"),
  rankInCategory: int("RankInsideCategory"),
  balancedRank: int("BalancedRank"),
  recommended: flag("IsRecommendedSelection"),
  stageXM: number("Position/so:X"),
  stageYM: number("Position/so:Y"),
  stageZM: number("Position/so:Z"),
  holeSpacingM: number("HoleSpacing"),
  epuImagePath: word("GridSquareImagePath"),
  imageBaseFileName: word("Image/ct:BaseFileName"),
  outline: list(
    record("drw", { xPx: number("x"), yPx: number("y") }),
    "GridSquareShape/shp:vertices/drw:PointF",
  ),
  holes: list(
    hole,
    "TargetLocations/TargetLocationsEfficient/arr:m_serializationArray/gen:KeyValuePairOf*",
    "TargetLocations/TargetLocations/arr:m_serializationArray/gen:KeyValuePairOf*",
    "TargetLocations/TargetLocations/:KeyValuePairs/gen:KeyValuePairOf*",
  ),
});

export function squareMetadataFile(
  raw: Raw<typeof SQUARE>,
  origin: Origin,
): Result<SquareMetadataFile, ReadRefusal> {
  noteVersion(origin);
  const { named, findings, epuVersion } = origin;
  const namedId = named.kind === "square-metadata" ? named.squareId : null;
  const squareId = namedId ?? raw.ownId;
  if (squareId === null) {
    return refuse({ kind: "incomplete", text: "Neither the file nor its name says which square" });
  }
  if (namedId !== null && raw.ownId !== null && namedId !== raw.ownId) {
    findings.add({
      code: "id-differs-from-name",
      severity: "warning",
      where: "GridSquareXml/Id",
      text: `The name says square ${namedId}, the file ${raw.ownId}`,
      consequence:
        "The name counts, for folders carry it; the file may be a copy of another square's",
    });
  }
  const holes = new Map<number, SquareHole>();
  const ledger: LedgerEntry[] = [];
  for (const one of raw.holes ?? []) takeHole(one, holes, ledger, origin);
  const { ownId: _ownId, holes: _holes, outline, ...own } = raw;
  return accept({
    kind: "square-metadata",
    squareId,
    epuVersion,
    ...own,
    outline: outline === null
      ? null
      : outline.flatMap(({ xPx, yPx }) => xPx === null || yPx === null ? [] : [{ xPx, yPx }]),
    holes: [...holes.values()],
    ledger,
  });
}

function takeHole(
  raw: Raw<typeof hole>,
  holes: Map<number, SquareHole>,
  ledger: LedgerEntry[],
  { findings }: Origin,
): void {
  const { key, ownId, isCorrected, correctedX, correctedY, exposures, ...own } = raw;
  const holeId = key ?? ownId;
  const isTwice = holeId !== null && holes.has(holeId);
  if (holeId === null || isTwice || (ownId !== null && ownId !== holeId)) {
    findings.add({
      code: "odd-hole-id",
      severity: "warning",
      where: "GridSquareXml/TargetLocations",
      text: holeId === null
        ? "A hole has no id"
        : isTwice
        ? `Hole ${holeId} is listed twice`
        : `Hole ${holeId} calls itself ${ownId}`,
      consequence: holeId === null || isTwice ? "It is left out" : "The list's id counts",
    });
    if (holeId === null || isTwice) return;
  }
  const listed = (exposures ?? []).flatMap(({ stem, holeId: ownHole, ...entry }) =>
    stem === null ? [] : [{ ...entry, stem, holeId: ownHole ?? holeId }]
  );
  ledger.push(...listed);
  holes.set(holeId, {
    holeId,
    ...own,
    // All zero unless it was corrected.
    correctedStageXM: isCorrected === true ? correctedX : null,
    correctedStageYM: isCorrected === true ? correctedY : null,
    exposuresListed: listed.length,
  });
}
