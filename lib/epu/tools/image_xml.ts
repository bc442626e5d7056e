import { type Point, READOUT } from "./facts.ts";
import { netNumber, netTime, NS, pointXml, sizeXml } from "./net_text.ts";
import { Seeded } from "./seeded.ts";

/** What the manifest beside one image says. */
export interface ImageFacts {
  /** Without folder and ending; with `seed` it gives the image's unique id. */
  readonly stem: string;
  readonly seed: string;
  readonly atMs: number;
  readonly zoneOffsetMin: number;
  readonly version: string;
  readonly instrument: string;
  readonly magnification: number;
  readonly pixelM: number;
  readonly exposureS: number;
  readonly appliedDefocusM: number;
  /** What the objective lens reads: not the defocus meant. */
  readonly lensDefocusM: number;
  readonly stageM: Point;
  readonly beamShift: Point;
  /** Electrons per square metre of the specimen. */
  readonly dose: number;
  /** A movie was taken: the slit is in, the readout is in super resolution. */
  readonly fractions: number | null;
  /** Where EPU found the hole, in pixels of this image; only images of holes carry it. */
  readonly found?: { centerPx: Point; sizePx: number; quality: number; rotationRad: number };
}

/** The xml beside a square, foil hole or micrograph image. */
export function imageXml(facts: ImageFacts): string {
  const random = new Seeded(facts.seed, "image", facts.stem);
  const uniqueId = random.uuid();
  const guid = random.uuid();
  const sub = random.below(10_000);
  const isMovie = facts.fractions !== null;
  const doseRate = facts.dose / facts.exposureS * 1e-21 * random.between(0.6, 0.7);
  const custom = [
    number("DoseOnCamera", doseRate * facts.exposureS * 16),
    text("Aperture[C2].Name", "50"),
    text("Aperture[OBJ].Name", isMovie ? "100" : "None"),
    flag("StemMagnification", false),
    text("Detectors[EF-CCD].CommercialName", "BioQuantum K3"),
    flag("Detectors[EF-CCD].ElectronCounted", true),
    number("DoseRate", doseRate),
    number("Dose", facts.dose),
    flag("PhasePlateUsed", false),
    text("BinaryResult.Detector", "EF-CCD"),
    facts.found === undefined ? "" : foundXml(facts.found),
    text("DetectorCommercialName", "BioQuantum K3"),
    number("AppliedDefocus", facts.appliedDefocusM),
  ];
  const vector = (name: string, { x, y }: Point) =>
    `<${name} xmlns:a="${NS.fei}"><a:_x>${netNumber(x)}</a:_x><a:_y>${
      netNumber(y)
    }</a:_y></${name}>`;
  return [
    `<MicroscopeImage xmlns="${NS.objects}" xmlns:i="${NS.i}"><name>Empty</name>`,
    `<uniqueID>${uniqueId}</uniqueID><CustomData xmlns:a="${NS.arrays}">`,
    ...custom,
    '</CustomData><IntensityScale i:nil="true"/>',
    matrixXml(facts.pixelM, random.between(-0.06, 0.06)),
    `<SpatialScale><offset>${axes(0)}</offset><pixelSize>${axes(facts.pixelM)}</pixelSize>`,
    "</SpatialScale><microscopeData><acquisition>",
    `<acquisitionDateTime>${netTime(facts.atMs, facts.zoneOffsetMin, sub)}</acquisitionDateTime>`,
    "<analyticalDetectors/>",
    cameraXml(facts),
    "<plateCamera><ExposureTime>0</ExposureTime><Use>false</Use></plateCamera>",
    SCANNING,
    "</acquisition><core><ApplicationSoftware>EPU</ApplicationSoftware>",
    `<ApplicationSoftwareVersion>${facts.version}</ApplicationSoftwareVersion>`,
    `<Guid>${guid}</Guid></core>`,
    "<gun><AccelerationVoltage>300000</AccelerationVoltage><ExtractorVoltage>4250</ExtractorVoltage>",
    '<Filament i:nil="true"/><GunLens>4</GunLens><Sourcetype>FieldEmission</Sourcetype>',
    '<WehneltBias i:nil="true"/></gun><instrument><AcquisitionSoftware i:nil="true"/>',
    '<AcquisitionSoftwareVersion i:nil="true"/>',
    `<ComputerName>${facts.instrument}</ComputerName><InstrumentID>9999</InstrumentID>`,
    `<InstrumentModel>${facts.instrument}</InstrumentModel></instrument><optics>`,
    '<Apertures i:nil="true"/><BeamConvergence i:nil="true"/>',
    `<BeamDiameter>${isMovie ? "8.3E-07" : "9E-06"}</BeamDiameter>`,
    vector("BeamShift", facts.beamShift),
    vector("BeamTilt", { x: 0.0114, y: -0.0149 }),
    "<Cameralength>0</Cameralength><ColumnOperatingMode>TEM</ColumnOperatingMode>",
    "<ColumnOperatingTemSubMode>BrightField</ColumnOperatingTemSubMode>",
    vector("CondenserStigmator", { x: 0, y: 0 }),
    `<Defocus>${netNumber(facts.lensDefocusM)}</Defocus><DiffractionFocus>0</DiffractionFocus>`,
    `<EFTEMOn>true</EFTEMOn><EnergyFilter><AccelerationVoltageOffset>0</AccelerationVoltageOffset>`,
    "<DriftTubeVoltage>0</DriftTubeVoltage>",
    `<EnergySelectionSlitInserted>${isMovie}</EnergySelectionSlitInserted>`,
    "<EnergySelectionSlitWidth>20</EnergySelectionSlitWidth><EnergyShift>-0</EnergyShift>",
    '<EntranceApertureDiameter i:nil="true"/><EntranceApertureType i:nil="true"/></EnergyFilter>',
    `<Focus>0.00101876</Focus><GunStigmator i:nil="true" xmlns:a="${NS.fei}"/>`,
    '<IlluminationMode>Parallel</IlluminationMode><IlluminationProbeSubMode i:nil="true"/>',
    vector("ImageShift", { x: 0, y: 0 }),
    `<Intensity>0</Intensity><ObjectiveLensMode>${
      facts.magnification < 2000 ? "LM" : "HM"
    }</ObjectiveLensMode>`,
    vector("ObjectiveStigmator", { x: 0, y: 0 }),
    "<ProbeMode>NanoProbe</ProbeMode><ProjectorMode>Imaging</ProjectorMode>",
    `<SpotIndex>${isMovie ? 5 : 7}</SpotIndex><StemDefocus>0</StemDefocus>`,
    '<StemFieldOfView i:nil="true"/><StemMagnification i:nil="true"/>',
    `<TemMagnification><NominalMagnification>${facts.magnification}</NominalMagnification>`,
    "</TemMagnification><XLModeOn>false</XLModeOn></optics>",
    '<sample><Description i:nil="true"/><ID i:nil="true"/></sample><stage>',
    "<Holder>Unspecified</Holder><Position><A>-0.0004</A><B>0.0168</B>",
    `<X>${netNumber(facts.stageM.x)}</X><Y>${netNumber(facts.stageM.y)}</Y><Z>5.44E-05</Z>`,
    "</Position><SampleLoader>None</SampleLoader></stage><vacuum>",
    "<ProjectionChamberPressure>0</ProjectionChamberPressure><SamplePressure>0</SamplePressure>",
    "<VacuumMode>Ready</VacuumMode></vacuum></microscopeData></MicroscopeImage>",
  ].join("");
}

function custom(key: string, type: string, value: string): string {
  return `<a:KeyValueOfstringanyType><a:Key>${key}</a:Key>` +
    `<a:Value i:type="b:${type}" xmlns:b="${NS.xsd}">${value}</a:Value></a:KeyValueOfstringanyType>`;
}
const number = (key: string, value: number) => custom(key, "double", netNumber(value));
const text = (key: string, value: string) => custom(key, "string", value);
const flag = (key: string, value: boolean) => custom(key, "boolean", String(value));

function foundXml({ centerPx, sizePx, quality, rotationRad }: NonNullable<ImageFacts["found"]>) {
  return "<a:KeyValueOfstringanyType><a:Key>FindFoilHoleCenterResults</a:Key>" +
    `<a:Value i:type="b:Shape2D" xmlns:b="${NS.fei}">` +
    `<b:Center xmlns:c="${NS.drawing}">${pointXml("c", centerPx)}</b:Center>` +
    `<b:Quality>${netNumber(quality)}</b:Quality><b:Rotation>${
      netNumber(rotationRad)
    }</b:Rotation>` +
    `<b:Shear>0</b:Shear><b:Size xmlns:c="${NS.drawing}">${
      sizeXml("c", { x: sizePx, y: sizePx })
    }` +
    "</b:Size></a:Value></a:KeyValueOfstringanyType>";
}

function matrixXml(pixelM: number, angle: number): string {
  const cos = netNumber(pixelM * Math.cos(angle) / 2);
  const sin = netNumber(pixelM * Math.sin(angle) / 2);
  const opposite = cos.startsWith("-") ? cos.slice(1) : `-${cos}`;
  return `<ReferenceTransformation><matrix xmlns:a="${NS.media}"><a:_m11>${opposite}</a:_m11>` +
    `<a:_m12>${sin}</a:_m12><a:_m21>${sin}</a:_m21><a:_m22>${cos}</a:_m22>` +
    "<a:_offsetX>0</a:_offsetX><a:_offsetY>0</a:_offsetY><a:_padding>0</a:_padding>" +
    `<a:_type>TRANSFORM_IS_UNKNOWN</a:_type></matrix>${METRES}</ReferenceTransformation>`;
}

const METRES = `<unit xmlns:a="${NS.unit}">` +
  "<a:_x003C_PrefixExponent_x003E_k__BackingField>1</a:_x003C_PrefixExponent_x003E_k__BackingField>" +
  "<a:_x003C_Symbol_x003E_k__BackingField>m</a:_x003C_Symbol_x003E_k__BackingField></unit>";

function axes(value: number): string {
  const one = `<numericValue>${netNumber(value)}</numericValue>${METRES}`;
  return `<x>${one}</x><y>${one}</y>`;
}

function cameraXml({ exposureS, fractions }: ImageFacts): string {
  const fractionation = fractions === null
    ? '<a:KeyValueOfstringanyType><a:Key>FractionationSettings</a:Key><a:Value i:nil="true"/>'
    : "<a:KeyValueOfstringanyType><a:Key>FractionationSettings</a:Key>" +
      `<a:Value i:type="b:EquidistantFractionation" xmlns:b="${NS.omp}">` +
      `<b:NumberOffractions>${fractions}</b:NumberOffractions></a:Value>`;
  return `<camera><Binning xmlns:a="${NS.drawing}"><a:x>2</a:x><a:y>2</a:y></Binning>` +
    `<CameraLocation>EnergyFilter</CameraLocation><CameraSpecificInput xmlns:a="${NS.arrays}">` +
    flag("AlignIntegratedImageEnabled", false) +
    custom("SuperResolutionFactor", "long", fractions === null ? "1" : "2") +
    `${fractionation}</a:KeyValueOfstringanyType>` +
    flag("ElectronCountingEnabled", true) +
    text("FixedReadoutArea", "Full") +
    "</CameraSpecificInput><DarkGainCorrection>None</DarkGainCorrection>" +
    `<ExposureTime>${
      netNumber(exposureS)
    }</ExposureTime><FixedReadoutArea>Full</FixedReadoutArea>` +
    "<Inserted>true</Inserted><Name>EF-CCD</Name><PreExposurePauseTime>0</PreExposurePauseTime>" +
    "<PreExposureSupported>false</PreExposureSupported><PreExposureTime>0</PreExposureTime>" +
    `<ReadoutArea xmlns:a="${NS.drawing}">${
      sizeXml("a", { x: READOUT.width, y: READOUT.height })
    }<a:x>0</a:x><a:y>0</a:y></ReadoutArea><Shutter>PreSpecimen</Shutter></camera>`;
}

const SCANNING = "<scanSettings><DwellTime>0</DwellTime>" +
  `<ReducedArea i:nil="true" xmlns:a="${NS.drawing}"/><ScanRotation>0</ScanRotation></scanSettings>` +
  "<scanningDetector><DetectorType>SecondaryElectrons</DetectorType>" +
  '<Gain i:nil="true"/><Inserted>false</Inserted><Name i:nil="true"/><Offset i:nil="true"/>' +
  "</scanningDetector>";
