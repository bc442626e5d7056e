import { accept, refuse, type Result } from "../../result.ts";
import type {
  HoleImageFile,
  ImageFacts,
  MicrographImageFile,
  OtherImageFile,
  ReadRefusal,
  SquareImageFile,
} from "./files.ts";
import type { Origin } from "./origin.ts";
import { anyText, flag, guid, id, list, number, type Raw, record, time, word } from "./shape.ts";
import { type Decode, decodeFlag, decodeInt, decodeNumber, decodeWord } from "./values.ts";

/** An entry of `CustomData` or of the camera's settings: a name and a value of any type. */
const setting = record("arr", {
  key: word("Key"),
  text: anyText("Value"),
  // Shape2D: where EPU found the hole.
  centerXPx: number("Value/ft:Center/drw:x"),
  centerYPx: number("Value/ft:Center/drw:y"),
  quality: number("Value/ft:Quality"),
  rotationRad: number("Value/ft:Rotation"),
  sizeWidthPx: number("Value/ft:Size/drw:width"),
  sizeHeightPx: number("Value/ft:Size/drw:height"),
  // EquidistantFractionation, VaridistantFractionation.
  fractions: id("Value/omp:NumberOffractions"),
  frameRanges: list(
    record("omp", { first: id("StartFrameNumber") }),
    "Value/omp:DoseFractions/arr:anyType",
  ),
});

/** Source: micrographs of EPU 2.6, 3.8.1 and 3.9.1, square images of 3.7 and 3.9.1, hole images of 3.9.1. */
export const IMAGE = record("so", {
  uniqueId: guid("uniqueID"),
  custom: list(setting, "CustomData/arr:KeyValueOfstringanyType"),
  camera: list(
    setting,
    "microscopeData/acquisition/camera/CameraSpecificInput/arr:KeyValueOfstringanyType",
  ),
  acquired: time("microscopeData/acquisition/acquisitionDateTime"),
  binningX: number("microscopeData/acquisition/camera/Binning/drw:x"),
  binningY: number("microscopeData/acquisition/camera/Binning/drw:y"),
  exposureS: number("microscopeData/acquisition/camera/ExposureTime"),
  cameraName: word("microscopeData/acquisition/camera/Name"),
  widthPx: id("microscopeData/acquisition/camera/ReadoutArea/drw:width"),
  heightPx: id("microscopeData/acquisition/camera/ReadoutArea/drw:height"),
  epuVersion: word("microscopeData/core/ApplicationSoftwareVersion"),
  voltageV: number("microscopeData/gun/AccelerationVoltage"),
  computerName: word("microscopeData/instrument/ComputerName"),
  instrumentId: word("microscopeData/instrument/InstrumentID"),
  instrumentModel: word("microscopeData/instrument/InstrumentModel"),
  beamDiameterM: number("microscopeData/optics/BeamDiameter"),
  beamShiftX: number("microscopeData/optics/BeamShift/ft:_x"),
  beamShiftY: number("microscopeData/optics/BeamShift/ft:_y"),
  beamTiltX: number("microscopeData/optics/BeamTilt/ft:_x"),
  beamTiltY: number("microscopeData/optics/BeamTilt/ft:_y"),
  defocusM: number("microscopeData/optics/Defocus"),
  energyFilter: flag("microscopeData/optics/EFTEMOn"),
  isSlitIn: flag("microscopeData/optics/EnergyFilter/EnergySelectionSlitInserted"),
  slitWidthEv: number("microscopeData/optics/EnergyFilter/EnergySelectionSlitWidth"),
  imageShiftX: number("microscopeData/optics/ImageShift/ft:_x"),
  imageShiftY: number("microscopeData/optics/ImageShift/ft:_y"),
  spotIndex: number("microscopeData/optics/SpotIndex"),
  magnification: number("microscopeData/optics/TemMagnification/NominalMagnification"),
  stageXM: number("microscopeData/stage/Position/X"),
  stageYM: number("microscopeData/stage/Position/Y"),
  stageZM: number("microscopeData/stage/Position/Z"),
  stageARad: number("microscopeData/stage/Position/A"),
  stageBRad: number("microscopeData/stage/Position/B"),
  pixelSizeM: number("SpatialScale/pixelSize/x/numericValue"),
  m11: number("ReferenceTransformation/matrix/media:_m11"),
  m12: number("ReferenceTransformation/matrix/media:_m12"),
  m21: number("ReferenceTransformation/matrix/media:_m21"),
  m22: number("ReferenceTransformation/matrix/media:_m22"),
  offsetX: number("ReferenceTransformation/matrix/media:_offsetX"),
  offsetY: number("ReferenceTransformation/matrix/media:_offsetY"),
});

type Settings = ReadonlyMap<string, Raw<typeof setting>>;

export type ImageFile = SquareImageFile | HoleImageFile | MicrographImageFile | OtherImageFile;

/** Which of the three the file is, its name alone says: the elements are the same. */
export function imageFile(
  raw: Raw<typeof IMAGE>,
  origin: Origin,
): Result<ImageFile, ReadRefusal> {
  const { named } = origin;
  const custom = byKey(raw.custom);
  const facts = factsOf(raw, custom, origin);
  switch (named.kind) {
    case "square-image":
      return accept({ kind: "square-image", squareId: named.squareId, ...facts });
    case "hole-image": {
      const found = custom.get("FindFoilHoleCenterResults");
      return accept({
        kind: "hole-image",
        squareId: named.squareId,
        holeId: named.holeId,
        ...facts,
        centerXPx: found?.centerXPx ?? null,
        centerYPx: found?.centerYPx ?? null,
        quality: found?.quality ?? null,
        rotationRad: found?.rotationRad ?? null,
        sizeWidthPx: found?.sizeWidthPx ?? null,
        sizeHeightPx: found?.sizeHeightPx ?? null,
      });
    }
    case "micrograph-image": {
      noteIdentity(facts, origin);
      const { squareId, holeId, areaId, k, stem } = named;
      const pixelSizeA = facts.pixelSizeM === null ? null : facts.pixelSizeM * 1e10;
      return accept({
        kind: "micrograph-image",
        squareId,
        holeId,
        areaId,
        k,
        stem,
        ...facts,
        pixelSizeA,
      });
    }
    default:
      return named.kind === "other"
        ? accept({ kind: "other-image", ...facts })
        : refuse({ kind: "incomplete", text: "An image under the name of another file" });
  }
}

function factsOf(raw: Raw<typeof IMAGE>, custom: Settings, origin: Origin): ImageFacts {
  const camera = byKey(raw.camera);
  const fractionation = camera.get("FractionationSettings") ?? custom.get("FractionationSettings");
  const either = <T>(key: string, decode: Decode<T>, what: string) =>
    valueOf(custom, key, decode, what, origin) ?? valueOf(camera, key, decode, what, origin);
  const dosePerM2 = either("Dose", decodeNumber, "a number");
  const matrix = [raw.m11, raw.m12, raw.m21, raw.m22, raw.offsetX, raw.offsetY];
  return {
    uniqueId: raw.uniqueId,
    acquired: raw.acquired,
    epuVersion: raw.epuVersion,
    instrumentModel: raw.instrumentModel,
    instrumentId: raw.instrumentId,
    computerName: raw.computerName,
    defocusM: raw.defocusM,
    appliedDefocusM: either("AppliedDefocus", decodeNumber, "a number"),
    magnification: raw.magnification,
    pixelSizeM: raw.pixelSizeM,
    voltageKv: raw.voltageV === null ? null : raw.voltageV / 1000,
    detectorName: either("DetectorCommercialName", decodeWord, "text") ??
      either(`Detectors[${raw.cameraName}].CommercialName`, decodeWord, "text"),
    cameraName: raw.cameraName,
    doseEPerA2: dosePerM2 === null ? null : dosePerM2 / 1e20,
    exposureMs: raw.exposureS === null ? null : raw.exposureS * 1000,
    energyFilter: raw.energyFilter,
    phasePlate: either("PhasePlateUsed", decodeFlag, '"true" or "false"'),
    slitWidthEv: raw.isSlitIn === false ? null : raw.slitWidthEv,
    widthPx: raw.widthPx,
    heightPx: raw.heightPx,
    binningX: raw.binningX,
    binningY: raw.binningY,
    superResolutionFactor: either("SuperResolutionFactor", decodeInt, "a whole number"),
    electronCounting: either("ElectronCountingEnabled", decodeFlag, '"true" or "false"'),
    fractionsExpected: fractionation?.fractions ?? fractionation?.frameRanges?.length ?? null,
    spotIndex: raw.spotIndex,
    beamDiameterM: raw.beamDiameterM,
    beamShiftX: raw.beamShiftX,
    beamShiftY: raw.beamShiftY,
    imageShiftX: raw.imageShiftX,
    imageShiftY: raw.imageShiftY,
    beamTiltX: raw.beamTiltX,
    beamTiltY: raw.beamTiltY,
    stageXM: raw.stageXM,
    stageYM: raw.stageYM,
    stageZM: raw.stageZM,
    stageARad: raw.stageARad,
    stageBRad: raw.stageBRad,
    pixelToStage: matrix.every((entry) => entry !== null) ? matrix : null,
  };
}

function byKey(settings: readonly Raw<typeof setting>[] | null): Settings {
  const all = new Map<string, Raw<typeof setting>>();
  for (const one of settings ?? []) {
    if (one.key !== null && !all.has(one.key)) all.set(one.key, one);
  }
  return all;
}

function valueOf<T>(
  settings: Settings,
  key: string,
  decode: Decode<T>,
  what: string,
  { findings }: Origin,
): T | null {
  const text = settings.get(key)?.text ?? null;
  if (text === null) return null;
  const value = decode(text);
  if (value === undefined) {
    findings.add({
      code: "bad-value",
      severity: "warning",
      where: `MicroscopeImage/CustomData/${key}`,
      text: `"${key}" is "${text.slice(0, 40)}", not ${what}`,
      consequence: "The value counts as unknown",
    });
  }
  return value ?? null;
}

function noteIdentity({ uniqueId, acquired }: ImageFacts, { findings }: Origin): void {
  if (uniqueId !== null && acquired !== null) return;
  const missing = uniqueId === null ? "unique id" : "time of acquisition";
  findings.add({
    code: uniqueId === null ? "micrograph-without-id" : "micrograph-without-time",
    severity: "warning",
    where: uniqueId === null ? "MicroscopeImage/uniqueID" : "MicroscopeImage/microscopeData",
    text: `The micrograph has no ${missing}`,
    consequence: uniqueId === null
      ? "It is told from others by its name alone"
      : "It has no place in the order of exposures",
  });
}
