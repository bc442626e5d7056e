import type { Area } from "../model.ts";
import type { OpticsPreset, SessionFile } from "./files.ts";
import { noteVersion, type Origin } from "./origin.ts";
import { flag, id, int, list, number, type Raw, record, text, time, word } from "./shape.ts";

/** Source: EPU 1.2, 1.3 (`ImageAcquisitionSettings`), 1.12, 3.7, 3.9.1 and 3.11 sessions. */
const area = record("epu", {
  key: id("gen:key"),
  settingId: id(
    "gen:value/ImageAcquisitionSettingXml/ct:Id",
    "gen:value/ImageAcquisitionSettings/ct:Id",
  ),
  defocusM: list(
    number(),
    "gen:value/ImageAcquisitionSettingXml/Defocus/arr:double",
    "gen:value/ImageAcquisitionSettings/Defocus/arr:double",
  ),
  exposureS: number(
    "gen:value/ImageAcquisitionSettingXml/ExposureTime",
    "gen:value/ImageAcquisitionSettings/ExposureTime",
  ),
});

const preset = record("so", {
  name: word("gen:key"),
  magnificationIndex: number("gen:value/svc:Optics/TemMagnification/NominalMagnification"),
  spotIndex: number("gen:value/svc:Optics/SpotIndex"),
  beamDiameterM: number("gen:value/svc:Optics/BeamDiameter"),
  defocusM: number("gen:value/svc:Optics/Defocus"),
  exposureS: number("gen:value/svc:Acquisition/camera/ExposureTime"),
  cameraName: word("gen:value/svc:Acquisition/camera/Name"),
});

const sample = record("epu", {
  sampleId: id("ct:Id"),
  atlasPath: word("AtlasId"),
  gridType: word("GridType"),
  gridGeometry: word("GridGeometry"),
  started: time("StartDateTime"),
  ended: time("EndDateTime"),
  holeSizeM: number("FilterHolesSettings/HoleSize"),
  holeSpacingM: number("FilterHolesSettings/HoleSpacing"),
  squares: list(
    record("gen", { key: id("key"), fileName: word("value/ct:FileName") }),
    "GridSquares/arr:m_serializationArray/gen:KeyValuePairOf*",
    "GridSquares/:KeyValuePairs/gen:KeyValuePairOf*",
  ),
  areas: list(
    area,
    "TargetAreaTemplate/DataAcquisitionAreas/arr:m_serializationArray/gen:KeyValuePairOf*",
    "TargetAreaTemplate/DataAcquisitionAreas/:KeyValuePairs/gen:KeyValuePairOf*",
  ),
  presets: list(preset, "MicroscopeSettings/:KeyValuePairs/gen:KeyValuePairOf*"),
});

export const SESSION = record("epu", {
  epuId: id("ct:Id"),
  name: text("Name"),
  started: time("StartDateTime"),
  clusteringMode: word("ClusteringMode"),
  clusteringRadiusM: number("ClusteringRadius"),
  autoloaderSlot: int("AutoloaderSlot"),
  isTilted: flag("TiltedAcquisitionEnabled"),
  tilt: number("TiltAngle"),
  imageFileFormat: word("ImageFileFormat"),
  fractionsFormat: word("DoseFractionsOutputFormat"),
  samples: list(sample, "Samples/_items/SampleXml"),
  storage: list(record("epu", { path: word("Path") }), "StorageFolders/_items/StorageFolderXml"),
});

/** Of `lib/epu/model.ts`. */
const AREAS_MAX = 64;

export function sessionFile(raw: Raw<typeof SESSION>, origin: Origin): SessionFile {
  noteVersion(origin);
  const { findings, epuVersion } = origin;
  const [first = null, ...others] = raw.samples ?? [];
  if (others.length > 0) {
    findings.add({
      code: "several-samples",
      severity: "warning",
      where: "EpuSessionXml/Samples",
      text: `The session holds ${others.length + 1} samples`,
      consequence: "Squares and areas of the first are shown",
    });
  }
  if (raw.epuId === null && raw.name === null && first === null) {
    findings.add({
      code: "empty-session",
      severity: "error",
      where: null,
      text: "The session names neither itself nor a sample",
      consequence: "Nothing can be measured against it: no squares, no areas",
    });
  }
  const areas = (first?.areas ?? []).flatMap((one) => areaOf(one));
  if (areas.length > AREAS_MAX) {
    findings.add({
      code: "too-many-areas",
      severity: "warning",
      where: "EpuSessionXml/Samples",
      text: `The template has ${areas.length} areas`,
      consequence: `The first ${AREAS_MAX} are kept`,
    });
  }
  return {
    kind: "session",
    epuId: raw.epuId,
    name: raw.name ?? "",
    epuVersion,
    started: raw.started,
    ended: first?.ended ?? null,
    zoneMin: first?.started?.zoneMin ?? null,
    sampleId: first?.sampleId ?? null,
    storagePath: raw.storage?.[0]?.path ?? null,
    atlasPath: first?.atlasPath ?? null,
    clusteringMode: raw.clusteringMode,
    clusteringRadiusM: raw.clusteringRadiusM,
    gridType: first?.gridType ?? null,
    gridGeometry: first?.gridGeometry ?? null,
    autoloaderSlot: raw.autoloaderSlot,
    tiltDeg: raw.isTilted === false ? 0 : raw.tilt === null ? null : degrees(raw.tilt),
    imageFileFormat: raw.imageFileFormat,
    fractionsFormat: raw.fractionsFormat,
    holeSizeM: first?.holeSizeM ?? null,
    holeSpacingM: first?.holeSpacingM ?? null,
    areas: areas.slice(0, AREAS_MAX),
    squareIds: first?.squares == null ? null : squareIdsOf(first.squares),
    presets: (first?.presets ?? []).flatMap((one) => presetOf(one)),
  };
}

function areaOf({ key, settingId, defocusM, exposureS }: Raw<typeof area>): Area[] {
  if (key === null) return [];
  return [{
    areaId: key,
    settingId,
    defocusM: defocusM ?? [],
    exposureMs: exposureS === null ? null : exposureS * 1000,
  }];
}

function presetOf({ name, exposureS, ...optics }: Raw<typeof preset>): OpticsPreset[] {
  if (name === null) return [];
  return [{ name, ...optics, exposureMs: exposureS === null ? null : exposureS * 1000 }];
}

/** The file's name is the id that folders carry; the key beside it has been the same wherever seen. */
function squareIdsOf(
  squares: readonly { readonly key: number | null; readonly fileName: string | null }[],
): number[] {
  const ids = squares.flatMap(({ key, fileName }) => {
    const named = /(?:^|[\\/])GridSquare_(\d{1,15})\.dm$/.exec(fileName ?? "")?.[1];
    const squareId = named === undefined ? key : Number(named);
    return squareId === null ? [] : [squareId];
  });
  return [...new Set(ids)];
}

/**
 * EPU writes angles in radians; that of a tilted session was never seen other than 0. No stage tilts past a
 * right angle, and no session is tilted by less than 1.6 degrees: what is larger must be degrees already.
 */
function degrees(tilt: number): number {
  return Math.abs(tilt) > 1.6 ? tilt : tilt * 180 / Math.PI;
}
