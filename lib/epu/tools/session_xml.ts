import type { Session } from "./facts.ts";
import {
  comparerXml,
  dictionaryXml,
  escapeXml,
  INT32,
  netNumber,
  netTime,
  NS,
  ObjectIds,
  ofAssembly,
  rootAttributes,
  sizeXml,
} from "./net_text.ts";
import { Seeded } from "./seeded.ts";

const SQUARE_ENTRY = "KeyValuePairOfintSerializedReferenceOfGridSquareXml_PsqDC3X0m6koiAE_P";
const AREA_ENTRY = "KeyValuePairOfintDataAcquisitionAreaXmlBpEWF4JT";
const SETTINGS_ENTRY = "KeyValuePairOfExperimentSettingsIdMicroscopeSettingsCG2rZ1D8";
const DEFOCI_M = [-2.4e-6, -2.1e-6, -1.8e-6, -1.5e-6, -1.2e-6, -9e-7];

/** The underfocus of the n-th hole, which EPU takes from the list in turn. */
export const defocusOf = (turn: number) => DEFOCI_M[turn % DEFOCI_M.length]!;

/** EpuSession.dm. */
export function sessionXml(session: Session): string {
  const ids = new ObjectIds();
  const random = new Seeded(session.seed, "session", session.epuId);
  const sub = random.below(10_000);
  const nil = (name: string) => `<${name} i:nil="true"/>`;
  const id = (value: number) => `<Id xmlns="${NS.types}">${value}</Id>`;
  const root = rootAttributes(ids, {
    type: "Applications.Epu.Persistence.EpuSessionXml",
    version: session.version,
    namespace: NS.epu,
  });
  const clustering = session.isClustered ? "ClusteringWithImageBeamShift" : "NoClustering";
  const empty = ids.once("empty text");
  return [
    `<EpuSessionXml${root}>`,
    id(session.epuId),
    "<AutoFocusEnabled>true</AutoFocusEnabled><AutoZeroLossEnabled>false</AutoZeroLossEnabled>",
    "<AutoZeroLossPeriodicity>PT1H</AutoZeroLossPeriodicity>",
    `<AutoloaderDescription${empty.attribute}/>`,
    `<AutoloaderSlot>${session.autoloaderSlot}</AutoloaderSlot>`,
    `<ClusteringMode>${clustering}</ClusteringMode>`,
    `<ClusteringRadius>${netNumber(session.clusteringRadiusM)}</ClusteringRadius>`,
    `<DoseFractionsOutputFormat${ids.next()}>Tiff Lzw Non-Gain normalized</DoseFractionsOutputFormat>`,
    "<EnableSmartHoleSelection>false</EnableSmartHoleSelection>",
    "<IceThicknessEnabled>false</IceThicknessEnabled><ImageFileFormat>Tiff</ImageFileFormat>",
    "<IsManuallySelected>false</IsManuallySelected>",
    nil("MicroscopeName"),
    `<Name${ids.once("name").attribute}>${escapeXml(session.name)}</Name>`,
    nil("NumberOfTargetLocationsToSelect"),
    "<PhasePlateEnabled>false</PhasePlateEnabled>",
    `<Samples${ids.next()}><_items${ids.next()} z:Size="4"><SampleXml${ids.next()}>`,
    id(session.epuId + 2),
    `<AtlasId${ids.next()}>${escapeXml(session.atlasPath)}</AtlasId>`,
    nil("EndDateTime"),
    filterXml(ids, session.epuId + 4, "FilterGridSquaresSettings", ""),
    filterXml(
      ids,
      session.epuId + 3,
      "FilterHolesSettings",
      "<HoleSize>2.13E-06</HoleSize><HoleSpacing>4.16E-06</HoleSpacing><Rotation>0.4</Rotation>",
    ),
    "<GridGeometry>Square</GridGeometry>",
    squaresXml(ids, session.squareIds),
    "<GridType>HoleyCarbon</GridType>",
    settingsXml(ids, session),
    nil("SpecimenCarrierKind"),
    `<StartDateTime>${
      netTime(session.startedAtMs + 4, session.zoneOffsetMin, sub)
    }</StartDateTime>`,
    templateXml(ids, session),
    '</SampleXml><SampleXml i:nil="true"/><SampleXml i:nil="true"/><SampleXml i:nil="true"/></_items>',
    "<_size>1</_size><_version>1</_version></Samples>",
    "<SkipGridSquareEnabled>false</SkipGridSquareEnabled>",
    "<SmartGridSquareEnabled>false</SmartGridSquareEnabled>",
    `<StartDateTime>${netTime(session.startedAtMs, null, sub)}</StartDateTime>`,
    storageXml(ids, session),
    "<TiltAngle>0</TiltAngle><TiltedAcquisitionEnabled>false</TiltedAcquisitionEnabled>",
    `<Version${ids.next()} xmlns:a="${NS.system}"><a:_Build>0</a:_Build><a:_Major>3</a:_Major>`,
    "<a:_Minor>0</a:_Minor><a:_Revision>0</a:_Revision></Version></EpuSessionXml>",
  ].join("");
}

function filterXml(ids: ObjectIds, epuId: number, name: string, more: string): string {
  return `<${name}${ids.next()}><Id xmlns="${NS.types}">${epuId}</Id><I0>0</I0>` +
    "<IsCalibrated>false</IsCalibrated><MaximumIntensity>65535</MaximumIntensity>" +
    `<MinimumIntensity>0</MinimumIntensity><ReferenceBeamCurrent i:nil="true"/>${more}</${name}>`;
}

function squaresXml(ids: ObjectIds, squareIds: readonly number[]): string {
  const open = `<GridSquares${ids.next()} xmlns:a="${NS.arrays}">` +
    comparerXml(ids, "a:m_comparer", INT32) +
    `<a:m_keyRehashCount>0</a:m_keyRehashCount><a:m_serializationArray${ids.next()} ` +
    `z:Size="${squareIds.length}" xmlns:b="${NS.generic}">`;
  const entries = squareIds.map((squareId) =>
    `<b:${SQUARE_ENTRY}><b:key>${squareId}</b:key><b:value${ids.next()} xmlns:c="${NS.types}">` +
    `<c:FileName${ids.next()}>Metadata\\GridSquare_${squareId}.dm</c:FileName></b:value></b:${SQUARE_ENTRY}>`
  );
  return open + entries.join("") +
    "</a:m_serializationArray><a:m_serializationCapacity>1117</a:m_serializationCapacity>" +
    "<a:m_serializationConcurrencyLevel>24</a:m_serializationConcurrencyLevel></GridSquares>";
}

/** Name, position of the magnification knob, spot size. */
const PRESETS = [
  ["Atlas", 4, 8],
  ["GridSquare", 10, 7],
  ["Hole", 19, 6],
  ["Acquisition", 30, 5],
  ["AutoFocus", 30, 5],
  ["DriftMeasurement", 30, 5],
  ["ZeroLoss", 30, 5],
  ["ThonRing", 30, 5],
] as const;

function settingsXml(ids: ObjectIds, { version }: Session): string {
  const dictionary = dictionaryXml(ids, {
    keyType: ofAssembly(
      "Applications.Epu.Datamodel.ExperimentSettingsId",
      "Applications.Epu.Datamodel",
      version,
    ),
    valueType: ofAssembly(
      "Fei.Applications.Common.Services.MicroscopeSettings",
      "Fei.Applications.Common.Services",
      "5.32.0.6942",
    ),
    count: PRESETS.length,
    entries: () =>
      PRESETS.map(([name, magnification, spot]) =>
        `<${SETTINGS_ENTRY} xmlns="${NS.generic}"><key>${name}</key><value${ids.next()} ` +
        `xmlns:b="${NS.services}"><b:Acquisition${ids.next()} xmlns:c="${NS.objects}">` +
        `<c:camera${ids.next()}><c:ExposureTime>1</c:ExposureTime></c:camera></b:Acquisition>` +
        `<b:Optics${ids.next()} xmlns:c="${NS.objects}"><c:SpotIndex>${spot}</c:SpotIndex>` +
        `<c:TemMagnification><c:NominalMagnification>${magnification}</c:NominalMagnification>` +
        `</c:TemMagnification></b:Optics></value></${SETTINGS_ENTRY}>`
      ).join(""),
  });
  return `<MicroscopeSettings${dictionary.attributes}>${dictionary.content}</MicroscopeSettings>`;
}

function templateXml(ids: ObjectIds, { epuId, areas }: Session): string {
  const id = (value: number) => `<Id xmlns="${NS.types}">${value}</Id>`;
  const open = `<TargetAreaTemplate${ids.next()}>${id(epuId + 10)}` +
    `<AutoFocusArea${ids.next()}>${
      id(epuId + 11)
    }<FocusWith${ids.next()}>ObjectiveLens</FocusWith>` +
    `<Recurrence${ids.next()}>AfterDistance</Recurrence><RecurrenceDistance>8E-06</RecurrenceDistance>` +
    "</AutoFocusArea><AutoplaceAutofocus>true</AutoplaceAutofocus>" +
    `<DataAcquisitionAreas${ids.next()} xmlns:a="${NS.arrays}">` +
    comparerXml(ids, "a:m_comparer", INT32) +
    `<a:m_keyRehashCount>0</a:m_keyRehashCount><a:m_serializationArray${ids.next()} ` +
    `z:Size="${areas.length}" xmlns:b="${NS.generic}">`;
  const entries = areas.map((area) =>
    `<b:${AREA_ENTRY}><b:key>${area.id}</b:key><b:value${ids.next()}>${id(area.id)}` +
    `<ImageAcquisitionSettingXml${ids.next()}>${id(area.settingId)}${defocusListXml(ids)}` +
    `<ExposureTime>${netNumber(area.exposureS)}</ExposureTime></ImageAcquisitionSettingXml>` +
    `<ShiftInPixels xmlns:c="${NS.drawing}">${sizeXml("c", area.shiftPx)}</ShiftInPixels>` +
    `</b:value></b:${AREA_ENTRY}>`
  );
  return open + entries.join("") +
    "</a:m_serializationArray><a:m_serializationCapacity>31</a:m_serializationCapacity>" +
    "<a:m_serializationConcurrencyLevel>12</a:m_serializationConcurrencyLevel>" +
    "</DataAcquisitionAreas><DelayAfterImageShift>0.5</DelayAfterImageShift>" +
    '<DelayAfterStageShift>5</DelayAfterStageShift><DriftStabilizationArea i:nil="true"/>' +
    `<MaximumImageShift>1.2E-05</MaximumImageShift><TemplateImagePixelSize xmlns:a="${NS.drawing}">` +
    `${sizeXml("a", { x: 1.636e-9, y: 1.636e-9 })}</TemplateImagePixelSize></TargetAreaTemplate>`;
}

function defocusListXml(ids: ObjectIds): string {
  const { attribute, isNew } = ids.once("defoci");
  if (!isNew) return `<Defocus${attribute}/>`;
  const list = DEFOCI_M.map((m) => `<a:double>${netNumber(m)}</a:double>`).join("");
  return `<Defocus${attribute} z:Type="System.Double[]" z:Assembly="0" ` +
    `z:Size="${DEFOCI_M.length}">${list}</Defocus>`;
}

function storageXml(ids: ObjectIds, { epuId, storagePath }: Session): string {
  const nil = '<StorageFolderXml i:nil="true"/>';
  return `<StorageFolders${ids.next()}><_items${ids.next()} z:Size="4"><StorageFolderXml${ids.next()}>` +
    `<Id xmlns="${NS.types}">${epuId + 1}</Id><DiscId>1</DiscId>` +
    `<Path${ids.next()}>${escapeXml(storagePath)}</Path>` +
    `<SessionName${ids.once("name").attribute}/></StorageFolderXml>${nil}${nil}${nil}</_items>` +
    "<_size>1</_size><_version>1</_version></StorageFolders>";
}
