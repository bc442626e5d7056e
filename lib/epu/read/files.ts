import type { Result } from "../../result.ts";
import type { Area, Finding } from "../model.ts";

/**
 * What one file of EPU says, nothing more: fields are named as in `../model.ts`, `null` is "the file does
 * not say". Lengths in metres and angles in radians as EPU writes them, unless the name says otherwise.
 * Every field's path in its file stands beside its name in `session.ts`, `atlas.ts`, `square.ts`,
 * `image.ts` and `fractions.ts`.
 */
export type EpuFile =
  | SessionFile
  | AtlasFile
  | SquareMetadataFile
  | SquareImageFile
  | HoleImageFile
  | MicrographImageFile
  | FractionsFile
  | OtherImageFile
  | ForeignFile
  | UnknownFile;

export type EpuFileKind = EpuFile["kind"];

/** A time as it was written. */
export interface When {
  /** Epoch ms. Where `zoneMin` is `null`, the wall time as if it were UTC: the zone is still to be taken off. */
  readonly atMs: number;
  /** Offset from UTC in minutes, 0 for `Z`; `null`: the text names no zone. */
  readonly zoneMin: number | null;
}

/** `EpuSession.dm`. */
export interface SessionFile {
  readonly kind: "session";
  readonly epuId: number | null;
  /** "" where the session has none. */
  readonly name: string;
  /** Of the program that wrote the file: `3.9.1.8206`. */
  readonly epuVersion: string | null;
  readonly started: When | null;
  /** Never set in any session seen, finished or not. */
  readonly ended: When | null;
  /** Offset of the EPU machine's clock, from the sample's start: what file names are written in. */
  readonly zoneMin: number | null;
  readonly sampleId: number | null;
  /** Verbatim, with drive and backslashes; the same for `atlasPath`. */
  readonly storagePath: string | null;
  readonly atlasPath: string | null;
  readonly clusteringMode: string | null;
  readonly clusteringRadiusM: number | null;
  readonly gridType: string | null;
  readonly gridGeometry: string | null;
  readonly autoloaderSlot: number | null;
  /** 0 where acquisition is not tilted. */
  readonly tiltDeg: number | null;
  readonly imageFileFormat: string | null;
  readonly fractionsFormat: string | null;
  readonly holeSizeM: number | null;
  readonly holeSpacingM: number | null;
  readonly areas: readonly Area[];
  /** Every square of the grid, visited or not; `null` where the file holds no such list. */
  readonly squareIds: readonly number[] | null;
  readonly presets: readonly OpticsPreset[];
}

/** How the microscope is set for one step: Atlas, GridSquare, Hole, Acquisition, AutoFocus ... */
export interface OpticsPreset {
  readonly name: string;
  /** Position of the microscope's magnification knob, not a factor. */
  readonly magnificationIndex: number | null;
  readonly spotIndex: number | null;
  readonly beamDiameterM: number | null;
  readonly defocusM: number | null;
  readonly exposureMs: number | null;
  readonly cameraName: string | null;
}

/** `Atlas.dm`. */
export interface AtlasFile {
  readonly kind: "atlas";
  readonly epuId: number | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly storageFolder: string | null;
  readonly acquired: When | null;
  /** Stem of the image of the whole atlas, `Atlas_4590151`, beside the file. */
  readonly imageBaseFileName: string | null;
  readonly tiles: readonly AtlasTile[];
  /** One for each square, however many tiles it lies on. */
  readonly squares: readonly AtlasSquare[];
  readonly links: readonly AtlasLink[];
}

export interface AtlasTile {
  readonly tileId: number;
  readonly xPx: number | null;
  readonly yPx: number | null;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly baseFileName: string | null;
  readonly fileFormat: string | null;
}

export interface AtlasSquare {
  readonly squareId: number;
  /** EPU's own ice category. */
  readonly category: number | null;
  readonly stageXM: number | null;
  readonly stageYM: number | null;
  readonly stageZM: number | null;
  readonly alignedStageXM: number | null;
  readonly alignedStageYM: number | null;
  readonly atlasXPx: number | null;
  readonly atlasYPx: number | null;
  readonly atlasWidthPx: number | null;
  readonly atlasHeightPx: number | null;
  readonly atlasRotationRad: number | null;
  readonly physicalXM: number | null;
  readonly physicalYM: number | null;
  readonly features: readonly number[] | null;
}

/** Where a square lies on one tile. */
export interface AtlasLink {
  readonly tileId: number;
  readonly squareId: number;
  readonly xPx: number | null;
  readonly yPx: number | null;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
}

/** `Metadata/GridSquare_<id>.dm`. */
export interface SquareMetadataFile {
  readonly kind: "square-metadata";
  readonly squareId: number;
  readonly epuVersion: string | null;
  readonly atlasNodeId: number | null;
  readonly state: string | null;
  readonly selected: boolean | null;
  readonly unusable: boolean | null;
  readonly order: number | null;
  readonly rotationRad: number | null;
  readonly categoryName: string | null;
  /** EPU's category by its own ranking, beside the atlas's. */
  readonly category: number | null;
  readonly rankInCategory: number | null;
  readonly balancedRank: number | null;
  readonly recommended: boolean | null;
  readonly stageXM: number | null;
  readonly stageYM: number | null;
  readonly stageZM: number | null;
  readonly holeSpacingM: number | null;
  readonly outline: readonly { readonly xPx: number; readonly yPx: number }[] | null;
  /** Verbatim, with drive and backslashes. */
  readonly epuImagePath: string | null;
  /** Stem of the square's image in force. */
  readonly imageBaseFileName: string | null;
  readonly holes: readonly SquareHole[];
  /** EPU's own list of exposures: what it has taken, whether or not the file is here. */
  readonly ledger: readonly LedgerEntry[];
}

export interface SquareHole {
  readonly holeId: number;
  readonly state: string | null;
  readonly selected: boolean | null;
  readonly order: number | null;
  readonly nearGridBar: boolean | null;
  readonly xPx: number | null;
  readonly yPx: number | null;
  readonly diameterPx: number | null;
  readonly stageXM: number | null;
  readonly stageYM: number | null;
  /** `null` unless EPU says the position was corrected. */
  readonly correctedStageXM: number | null;
  readonly correctedStageYM: number | null;
  readonly epuQuality: number | null;
  readonly intensityMean: number | null;
  readonly intensitySd: number | null;
  readonly primaryHoleId: number | null;
  readonly positionInCluster: number | null;
  /** Where EPU gives the place in the cluster as a point. */
  readonly positionInClusterX: number | null;
  readonly positionInClusterY: number | null;
  readonly beamShiftId: number | null;
  /** Stem of the hole's own image, where one was taken. */
  readonly imageBaseFileName: string | null;
  /** Entries of the ledger that are this hole's. */
  readonly exposuresListed: number;
}

/** One exposure EPU says it has taken. */
export interface LedgerEntry {
  readonly epuId: number | null;
  readonly holeId: number;
  readonly areaId: number | null;
  readonly settingId: number | null;
  /** File name without ending. */
  readonly stem: string;
  readonly fileFormat: string | null;
  /** `Images-Disc1`. */
  readonly imageFolder: string | null;
}

/** What every image's xml says of how it was taken. */
export interface ImageFacts {
  /** Guid, lower case. */
  readonly uniqueId: string | null;
  readonly acquired: When | null;
  readonly epuVersion: string | null;
  readonly instrumentModel: string | null;
  readonly instrumentId: string | null;
  readonly computerName: string | null;
  /** Lens reading; the target is `appliedDefocusM`, negative for underfocus. */
  readonly defocusM: number | null;
  readonly appliedDefocusM: number | null;
  readonly magnification: number | null;
  /** Of the binned readout. */
  readonly pixelSizeM: number | null;
  readonly voltageKv: number | null;
  readonly detectorName: string | null;
  readonly cameraName: string | null;
  readonly doseEPerA2: number | null;
  readonly exposureMs: number | null;
  readonly energyFilter: boolean | null;
  readonly phasePlate: boolean | null;
  /** `null` while the slit is out. */
  readonly slitWidthEv: number | null;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly binningX: number | null;
  readonly binningY: number | null;
  readonly superResolutionFactor: number | null;
  readonly electronCounting: boolean | null;
  /** Frames a movie is summed to, where EPU was asked for a number of them. */
  readonly fractionsExpected: number | null;
  readonly spotIndex: number | null;
  readonly beamDiameterM: number | null;
  readonly beamShiftX: number | null;
  readonly beamShiftY: number | null;
  readonly imageShiftX: number | null;
  readonly imageShiftY: number | null;
  readonly beamTiltX: number | null;
  readonly beamTiltY: number | null;
  readonly stageXM: number | null;
  readonly stageYM: number | null;
  readonly stageZM: number | null;
  readonly stageARad: number | null;
  readonly stageBRad: number | null;
  /** m11, m12, m21, m22, offsetX, offsetY: image pixels to stage metres. */
  readonly pixelToStage: readonly number[] | null;
}

/** `GridSquare_<date>_<time>.xml`. */
export interface SquareImageFile extends ImageFacts {
  readonly kind: "square-image";
  /** From the folder; `null` where the file lies outside one. */
  readonly squareId: number | null;
}

/** `FoilHoles/FoilHole_<hole>_<date>_<time>.xml`. */
export interface HoleImageFile extends ImageFacts {
  readonly kind: "hole-image";
  readonly squareId: number | null;
  readonly holeId: number;
  /** EPU's search for the centre; all `null` where it found none. */
  readonly centerXPx: number | null;
  readonly centerYPx: number | null;
  readonly quality: number | null;
  readonly rotationRad: number | null;
  readonly sizeWidthPx: number | null;
  readonly sizeHeightPx: number | null;
}

/** `Data/FoilHole_<hole>_Data_<area>_<k>_<date>_<time>.xml`. */
export interface MicrographImageFile extends ImageFacts {
  readonly kind: "micrograph-image";
  readonly squareId: number | null;
  readonly holeId: number;
  readonly areaId: number;
  readonly k: number;
  readonly stem: string;
  readonly pixelSizeA: number | null;
}

/** `..._Fractions.xml`: a Falcon camera's list of the frames of one movie. */
export interface FractionsFile {
  readonly kind: "fractions";
  /** `null` where the name is not one EPU gives. */
  readonly squareId: number | null;
  readonly holeId: number | null;
  readonly areaId: number | null;
  readonly k: number | null;
  /** Stem of the micrograph it belongs to. */
  readonly stem: string | null;
  readonly acquired: When | null;
  readonly detectorName: string | null;
  readonly fractionsExpected: number | null;
  readonly fractionsRecorded: number | null;
  /** Rows in the list; differs from `fractionsRecorded` only in a damaged file. */
  readonly fractionsListed: number;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly binning: number | null;
  readonly electronCounting: boolean | null;
}

/** An image's xml whose name says neither hole nor square: of an atlas or a tile, or renamed. */
export interface OtherImageFile extends ImageFacts {
  readonly kind: "other-image";
}

/** Another product's file: complete and none of ours. */
export interface ForeignFile {
  readonly kind: "foreign";
  /** For people: `Tomography session`. */
  readonly product: string;
  readonly rootName: string;
}

/** Well-formed XML that no reader knows, or whose root contradicts the file's name. */
export interface UnknownFile {
  readonly kind: "unknown";
  readonly rootName: string;
  readonly rootNamespace: string;
}

/** Why a file gives no entities. `unfinished` ends by waiting; the others by another file. */
export type ReadRefusal =
  /** Cut short or still being written: all that is there is sound, but the root is not closed. */
  | { readonly kind: "unfinished"; readonly text: string }
  /** What is there can never become well-formed by growing. */
  | {
    readonly kind: "not-xml";
    readonly text: string;
    readonly line: number;
    readonly column: number;
  }
  /** We do not read such a file, whatever it says. */
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly text: string }
  /** Well-formed, but without what the entity cannot be named by. */
  | { readonly kind: "incomplete"; readonly text: string };

export type RefusalReason =
  | "doctype"
  | "too-deep"
  | "too-large"
  | "too-many-elements"
  | "too-many-attributes"
  | "too-many-references";

export interface EpuReading {
  readonly file: EpuFile;
  /** What a person should know: unknown versions, wrong encodings, values that are not what they should be. */
  readonly findings: readonly Finding[];
}

export type ReadResult = Result<EpuReading, ReadRefusal>;
