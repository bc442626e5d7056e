import assert from "node:assert/strict";
import { epuMicrograph, epuMicrographs, epuSample } from "../../../tests/epu_samples.ts";
import type { EpuFile, EpuFileKind, EpuReading } from "./files.ts";
import { readEpuFile } from "./reader.ts";

/** The values of real files; counted and copied by hand from the files themselves. */

function read(path: string, bytes: Uint8Array): EpuReading {
  const result = readEpuFile(path, bytes);
  assert.ok(result.ok, `${path}: ${result.ok ? "" : result.refusal.text}`);
  return result.value;
}

function only<K extends EpuFileKind>(kind: K, { file, findings }: EpuReading) {
  assert.equal(file.kind, kind);
  assert.deepEqual(findings, []);
  return file as Extract<EpuFile, { kind: K }>;
}

const near = (actual: number | null, expected: number, within: number) =>
  assert.ok(
    actual !== null && Math.abs(actual - expected) <= within,
    `${actual} is not ${expected}`,
  );

Deno.test("an EPU 3.7 session gives its squares, areas and defocus series", () => {
  const session = only("session", read("EpuSession.dm", epuSample("3.7/EpuSession.dm")));
  assert.equal(session.epuId, 4600928);
  assert.equal(session.name, "Supervisor_20240405_115113_0_SmartEPU_ApoF");
  assert.equal(session.epuVersion, "3.7.0.6930");
  assert.deepEqual(session.started, {
    atMs: Date.parse("2024-04-05T11:36:47.228Z"),
    zoneMin: 0,
  });
  assert.equal(session.ended, null);
  assert.equal(session.zoneMin, 60);
  assert.equal(session.clusteringMode, "NoClustering");
  assert.equal(session.clusteringRadiusM, 0);
  assert.equal(session.squareIds?.length, 222);
  assert.equal(session.squareIds[0], 4590878);
  assert.equal(session.autoloaderSlot, 3);
  assert.equal(session.imageFileFormat, "Tiff");
  assert.equal(session.storagePath, "Z:\\nt32457-6");
  assert.equal(session.areas.length, 4);
  // All areas but the first refer to the list of the first.
  for (const { defocusM, exposureMs } of session.areas) {
    assert.deepEqual(defocusM.slice(0, 3), [-3e-6, -2.7e-6, -2.4e-6]);
    assert.equal(defocusM.length, session.areas[0]!.defocusM.length);
    assert.equal(exposureMs, 1700);
  }
  assert.deepEqual(session.areas.map(({ areaId, settingId }) => [areaId, settingId]), [
    [4601896, 4601898],
    [4601928, 4601930],
    [4601905, 4601907],
    [4601913, 4601915],
  ]);
  assert.deepEqual(session.presets.map(({ name }) => name), [
    "Atlas",
    "GridSquare",
    "Hole",
    "Acquisition",
    "AutoFocus",
    "DriftMeasurement",
    "ZeroLoss",
    "ThonRing",
  ]);
});

Deno.test("a pretty-printed EPU 3.9.1 session with clustering reads the same way", () => {
  const session = only("session", read("EpuSession.dm", epuSample("3.9.1/EpuSession.dm")));
  assert.equal(session.epuId, 9015527);
  assert.equal(session.clusteringMode, "ClusteringWithImageBeamShift");
  assert.equal(session.clusteringRadiusM, 1.2e-5);
  assert.equal(session.squareIds?.length, 228);
  assert.equal(session.areas.length, 6);
  assert.equal(session.autoloaderSlot, 6);
  assert.equal(session.storagePath, "Z:\\DoseFractions\\cm40593-1");
  assert.equal(
    session.atlasPath,
    "Z:\\DoseFractions\\cm40593-1\\atlas\\Supervisor_20250108_101551_cm40593-1_Atlas\\Sample7\\Atlas\\Atlas.dm",
  );
  assert.equal(session.zoneMin, 0);
  assert.equal(session.tiltDeg, 0);
});

Deno.test("an EPU 3.11 session may keep its atlas on another drive", () => {
  const session = only("session", read("EpuSession.dm", epuSample("3.11/EpuSession.dm")));
  assert.equal(session.epuId, 26042510);
  assert.equal(session.squareIds?.length, 382);
  assert.equal(session.areas.length, 5);
  assert.equal(session.storagePath, "G:\\");
  assert.equal(session.atlasPath, "D:\\Atlas\\meh\\Sample1\\Atlas\\Atlas.dm");
  assert.equal(session.zoneMin, 60);
});

Deno.test("an atlas is named by its root, and a square keeps every tile it lies on", () => {
  const atlas = only("atlas", read("Sample4/Atlas/Atlas.dm", epuSample("3.7/Atlas.dm")));
  assert.equal(atlas.epuId, 3436163);
  assert.equal(atlas.description, "Atlas for autoloader slot 4");
  assert.deepEqual(atlas.acquired, {
    atMs: Date.parse("2024-04-05T10:17:53.987+01:00"),
    zoneMin: 60,
  });
  assert.equal(atlas.imageBaseFileName, "Atlas_4590151");
  assert.equal(atlas.tiles.length, 35);
  assert.equal(atlas.squares.length, 222);
  assert.equal(atlas.links.length, 306);
  const linked = Map.groupBy(atlas.links, ({ squareId }) => squareId);
  assert.equal([...linked.values()].filter((links) => links.length > 1).length, 76);

  const square = atlas.squares[0]!;
  assert.equal(square.squareId, 4590306);
  assert.equal(square.category, 1);
  assert.equal(square.atlasXPx, 2236.751);
  assert.equal(square.atlasYPx, 1741.15442);
  near(square.atlasWidthPx, 143.234, 5e-4);
  near(square.atlasHeightPx, 134.156, 5e-4);
  near(square.atlasRotationRad, 0.20647, 5e-6);
  assert.equal(square.features?.length, 5);
  assert.deepEqual(linked.get(4590306)?.map(({ tileId }) => tileId), [4590157, 4590231]);
  const categories = Object.groupBy(atlas.squares, ({ category }) => String(category));
  assert.deepEqual(
    ["0", "1", "2", "3", "4", "null"].map((category) => categories[category]?.length),
    [93, 52, 37, 15, 11, 14],
  );
});

Deno.test("a cut-down atlas gives what it holds", () => {
  const atlas = only("atlas", read("Atlas.dm", epuSample("3.7/Atlas.cut.dm")));
  assert.equal(atlas.epuId, 3436163);
  assert.equal(atlas.tiles.length, 8);
  assert.equal(atlas.squares.length, 47);
});

Deno.test("a square's metadata gives its holes and EPU's ledger of exposures", () => {
  const bytes = epuSample("3.7/GridSquare_4590776.dm");
  const square = only("square-metadata", read("Metadata/GridSquare_4590776.dm", bytes));
  assert.equal(square.squareId, 4590776);
  assert.equal(square.atlasNodeId, 4590776);
  assert.equal(square.state, "InProgress");
  assert.equal(square.order, 5);
  near(square.rotationRad, -0.400609, 5e-7);
  near(square.holeSpacingM, 4.128e-6, 5e-10);
  assert.equal(square.outline?.length, 30);
  assert.equal(square.holes.length, 570);
  const count = (test: (hole: (typeof square.holes)[number]) => boolean) =>
    square.holes.filter(test).length;
  assert.equal(count(({ nearGridBar }) => nearGridBar === true), 291);
  assert.equal(count(({ selected }) => selected === true), 276);
  assert.equal(count(({ state }) => state === "Completed"), 217);
  assert.equal(count(({ state }) => state === "InProgress"), 1);
  assert.equal(square.ledger.length, 868);
  for (const hole of square.holes) {
    if (hole.state === "Completed") assert.equal(hole.exposuresListed, 4);
    assert.equal(hole.correctedStageXM, null);
  }

  const hole = square.holes.find(({ holeId }) => holeId === 5665438)!;
  assert.deepEqual([hole.xPx, hole.yPx], [1396, 972]);
  near(hole.diameterPx, 51.288, 5e-4);
  near(hole.stageXM, -4.25655e-5, 5e-11);
  near(hole.stageYM, -5.594576e-4, 5e-11);
  near(hole.intensityMean, 723.866, 5e-4);
  near(hole.intensitySd, 27.53034, 5e-6);
  assert.equal(hole.imageBaseFileName, "FoilHole_5665438_20240406_102451");
  const first = square.ledger.find(({ holeId }) => holeId === 5665438);
  assert.equal(first?.stem, "FoilHole_5665438_Data_4601896_4601898_20240406_102527");
  assert.equal(first.areaId, 4601896);
});

Deno.test("a raw file and its pretty-printed twin say the same", () => {
  for (
    const [path, name] of [["Atlas/Atlas.dm", "3.7/Atlas"], [
      "GridSquare_4590776.dm",
      "3.7/GridSquare_4590776",
    ]]
  ) {
    const raw = read(path!, epuSample(`${name}.dm`));
    const pretty = read(path!, epuSample(`${name}.pretty.dm`));
    assert.deepEqual(pretty, raw);
  }
});

Deno.test("a square's image says how it was taken", () => {
  const path = "Images-Disc1/GridSquare_4590776/GridSquare_20240406_102420.xml";
  const image = only("square-image", read(path, epuSample("3.7/GridSquare_20240406_102420.xml")));
  assert.equal(image.squareId, 4590776);
  assert.equal(image.magnification, 470);
  near(image.pixelSizeM, 4.15628e-8, 5e-14);
  near(image.defocusM, 1.5e-4, 1e-15);
  near(image.appliedDefocusM, -5e-5, 1e-15);
  assert.equal(image.detectorName, "BioQuantum K3");
  assert.deepEqual([image.widthPx, image.heightPx], [2880, 2046]);
  assert.equal(image.pixelToStage?.length, 6);
});

Deno.test("a hole's image gives the centre that EPU found", () => {
  const folder = "Images-Disc1/GridSquare_8999138/FoilHoles";
  const name = "FoilHole_9015889_20250108_154725";
  const hole = only("hole-image", read(`${folder}/${name}.xml`, epuSample(`3.9.1/${name}.xml`)));
  assert.equal(hole.holeId, 9015889);
  assert.equal(hole.squareId, 8999138);
  near(hole.quality, 0.79257, 5e-6);
  near(hole.rotationRad, -3.08619, 5e-6);
  assert.deepEqual([hole.centerXPx, hole.centerYPx], [1414.76611, 1040.06824]);
  assert.deepEqual([hole.sizeWidthPx, hole.sizeHeightPx], [770.145, 770.144958]);
  assert.equal(hole.magnification, 11500);
  const earlier = only(
    "hole-image",
    read(
      `${folder}/FoilHole_9015889_20250108_154715.xml`,
      epuSample("3.9.1/FoilHole_9015889_20250108_154715.xml"),
    ),
  );
  near(hole.acquired!.atMs - earlier.acquired!.atMs, 10_000, 1000);
});

Deno.test("a hole's image without a centre gives null, not an error", () => {
  const text = new TextDecoder().decode(
    epuSample("3.9.1/FoilHole_9015889_20250108_154725.xml"),
  ).replace(
    /<a:KeyValueOfstringanyType>\s*<a:Key>FindFoilHole[^]*?<\/a:KeyValueOfstringanyType>/,
    "",
  );
  assert.ok(!text.includes("Shape2D"));
  const path = "GridSquare_1/FoilHoles/FoilHole_17722309_20260218_014333.xml";
  const hole = only("hole-image", read(path, new TextEncoder().encode(text)));
  assert.deepEqual([hole.centerXPx, hole.quality, hole.sizeWidthPx], [null, null, null]);
  assert.equal(hole.magnification, 11500);
});

Deno.test("an EPU 3.9.1 micrograph gives dose, defocus and pixel size in the field's units", () => {
  const { path, bytes } = epuMicrograph(
    "FoilHole_9015883_Data_9017347_6_20250108_154915.xml",
  );
  const micrograph = only("micrograph-image", read(path, bytes));
  assert.equal(micrograph.uniqueId, "a57ec324-5326-43a3-8dc6-ee3424aa5814");
  assert.deepEqual(micrograph.acquired, {
    atMs: Date.parse("2025-01-08T15:49:18.115Z"),
    zoneMin: 0,
  });
  near(micrograph.defocusM, 4.8416e-7, 5e-12);
  assert.equal(micrograph.appliedDefocusM, -2.7e-6);
  near(micrograph.doseEPerA2, 14.41, 5e-3);
  assert.equal(micrograph.exposureMs, 890);
  assert.equal(micrograph.magnification, 165000);
  near(micrograph.pixelSizeA, 1.05588, 5e-6);
  assert.equal(micrograph.voltageKv, 300);
  assert.equal(micrograph.slitWidthEv, 20);
  assert.equal(micrograph.superResolutionFactor, 2);
  assert.equal(micrograph.fractionsExpected, 50);
  assert.deepEqual(
    [micrograph.squareId, micrograph.holeId, micrograph.areaId, micrograph.k],
    [8999138, 9015883, 9017347, 6],
  );
  assert.equal(micrograph.epuVersion, "3.9.1.8206");
  assert.equal(micrograph.instrumentId, "3632");
});

Deno.test("an EPU 2.6 micrograph names no commercial detector and is read all the same", () => {
  const { path, bytes } = epuMicrograph(
    "FoilHole_5330585_Data_5338216_5338218_20200206_170645.xml",
  );
  const micrograph = only("micrograph-image", read(path, bytes));
  assert.equal(micrograph.detectorName, null);
  assert.equal(micrograph.cameraName, "BM-Falcon");
  assert.equal(micrograph.appliedDefocusM, -5e-7);
  assert.equal(micrograph.fractionsExpected, 22);
  assert.equal(micrograph.acquired?.zoneMin, 60);
  near(micrograph.doseEPerA2, 30.43, 5e-3);
});

Deno.test("every micrograph parses without a finding and has an id of its own", () => {
  const ids = new Set<string>();
  const versions = new Map<string, number>();
  let lists = 0;
  for (const { path, bytes } of epuMicrographs()) {
    const { file, findings } = read(path, bytes);
    assert.deepEqual(findings, [], path);
    if (file.kind === "fractions") {
      lists++;
      continue;
    }
    assert.equal(file.kind, "micrograph-image", path);
    if (file.kind !== "micrograph-image") continue;
    ids.add(file.uniqueId!);
    versions.set(file.epuVersion!, (versions.get(file.epuVersion!) ?? 0) + 1);
    for (
      const known of [
        file.acquired,
        file.appliedDefocusM,
        file.doseEPerA2,
        file.pixelSizeA,
        file.exposureMs,
        file.widthPx,
        file.stageXM,
        file.cameraName,
      ]
    ) assert.notEqual(known, null, path);
  }
  assert.equal(ids.size, 114);
  assert.equal(lists, 60);
  assert.deepEqual([...versions.values()].toSorted((a, b) => a - b), [4, 50, 60]);
});

Deno.test("a Falcon's list tells how many fractions were asked for and recorded", () => {
  const { path, bytes } = epuMicrograph(
    "FoilHole_5330585_Data_5338216_5338218_20200206_170645_Fractions.xml",
  );
  const list = only("fractions", read(path, bytes));
  assert.equal(list.stem, "FoilHole_5330585_Data_5338216_5338218_20200206_170645");
  assert.equal(list.holeId, 5330585);
  assert.deepEqual(
    [list.fractionsExpected, list.fractionsRecorded, list.fractionsListed],
    [22, 22, 22],
  );
  assert.equal(list.detectorName, "Falcon-3");
  assert.equal(list.electronCounting, true);
  assert.deepEqual([list.widthPx, list.heightPx], [4096, 4096]);
});

Deno.test("a tomography session is named as another product's", () => {
  const file = only("foreign", read("Session.dm", epuSample("tomography/Session.dm")));
  assert.equal(file.product, "Tomography");
});
