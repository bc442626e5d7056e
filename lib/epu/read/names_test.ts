import assert from "node:assert/strict";
import fc from "fast-check";
import { fileKindOf } from "./names.ts";

const SQUARE = "visit/grid7/Images-Disc1/GridSquare_4590776";

Deno.test("each of EPU's names is known by its place, its ids and its rank", () => {
  assert.deepEqual(fileKindOf("visit/grid7/EpuSession.dm"), {
    kind: "session",
    rank: 0,
    folder: "visit/grid7",
  });
  assert.deepEqual(fileKindOf("atlas/Sample4/Atlas/Atlas.dm"), {
    kind: "atlas",
    rank: 1,
    folder: "atlas/Sample4/Atlas",
  });
  assert.deepEqual(fileKindOf("visit/grid7/Metadata/GridSquare_4590776.dm"), {
    kind: "square-metadata",
    rank: 2,
    folder: "visit/grid7",
    squareId: 4590776,
  });
  assert.deepEqual(fileKindOf(`${SQUARE}/GridSquare_20240406_102420.xml`), {
    kind: "square-image",
    rank: 2,
    folder: "visit/grid7",
    disc: 1,
    squareId: 4590776,
    stem: "GridSquare_20240406_102420",
    stamp: { text: "20240406_102420", wallMs: Date.parse("2024-04-06T10:24:20Z") },
    isMisplaced: false,
  });
  const hole = fileKindOf(`${SQUARE}/FoilHoles/FoilHole_5665438_20240406_102451.xml`);
  assert.ok(hole.kind === "hole-image" && hole.rank === 3);
  assert.deepEqual([hole.holeId, hole.squareId, hole.disc], [5665438, 4590776, 1]);
  const micrograph = fileKindOf(
    `${SQUARE}/Data/FoilHole_5665438_Data_4601896_4601898_20240406_102527.xml`,
  );
  assert.ok(micrograph.kind === "micrograph-image" && micrograph.rank === 4);
  assert.deepEqual(
    [micrograph.holeId, micrograph.areaId, micrograph.k, micrograph.movieNumber],
    [5665438, 4601896, 4601898, null],
  );
});

Deno.test("a path may use either slash, also both", () => {
  const found = fileKindOf(
    "G:\\run\\Images-Disc2/GridSquare_7\\FoilHoles\\FoilHole_8_20240101_000000.xml",
  );
  assert.ok(found.kind === "hole-image");
  assert.deepEqual([found.folder, found.disc, found.squareId], ["G:/run", 2, 7]);
});

Deno.test("the watched folder itself is the session's folder", () => {
  for (
    const path of [
      "Metadata/GridSquare_1.dm",
      "Images-Disc1/GridSquare_1/Data/FoilHole_1_Data_2_3_20240101_000000.xml",
      "GridSquare_1/GridSquare_20240101_000000.xml",
      "EpuSession.dm",
    ]
  ) {
    const found = fileKindOf(path);
    assert.ok("folder" in found && found.folder === "", path);
  }
});

Deno.test("a folder of people's may be called as one of EPU's", () => {
  const found = fileKindOf("Metadata/run/Images-Disc1/GridSquare_1/GridSquare_20240101_000000.xml");
  assert.ok(found.kind === "square-image" && found.folder === "Metadata/run");
});

Deno.test("a square's image in Metadata is misplaced and of no square", () => {
  const found = fileKindOf("Metadata/GridSquare_20240406_102420.xml");
  assert.ok(found.kind === "square-image");
  assert.deepEqual([found.isMisplaced, found.squareId, found.folder], [true, null, ""]);
});

Deno.test("EPU 1.x writes hours and minutes, and numbers its movies", () => {
  const xml = fileKindOf("Images-Disc1/GridSquare_1/Data/FoilHole_2_Data_3_4_20161215_1723.xml");
  assert.ok(xml.kind === "micrograph-image");
  assert.equal(xml.stamp.wallMs, Date.parse("2016-12-15T17:23:00Z"));
  const movie = fileKindOf(
    "Images-Disc1/GridSquare_1/Data/FoilHole_2_Data_3_4_20161215_1723-14364.mrc",
  );
  assert.ok(movie.kind === "movie" && movie.movieNumber === 14364);
});

Deno.test("movies, fraction lists and previews belong to the micrograph of their stem", () => {
  const stem = "FoilHole_1_Data_2_3_20240101_000000";
  const data = `Images-Disc1/GridSquare_9/Data/${stem}`;
  for (
    const [ending, kind, format] of [
      ["_Fractions.mrc", "movie", "mrc"],
      ["_fractions.tiff", "movie", "tiff"],
      ["_EER.eer", "movie", "eer"],
      ["_Fractions.xml", "fractions", undefined],
      [".jpg", "pixels", "jpg"],
      [".MRC", "pixels", "mrc"],
      [".xml", "micrograph-image", undefined],
    ] as const
  ) {
    const found = fileKindOf(data + ending);
    assert.equal(found.kind, kind, ending);
    assert.ok("stem" in found && found.stem === stem, ending);
    assert.equal("format" in found ? found.format : undefined, format);
  }
});

Deno.test("pixels say what they show", () => {
  const of = (path: string) => {
    const found = fileKindOf(path);
    return found.kind === "pixels" ? found.of : found.kind;
  };
  assert.equal(of("Images-Disc1/GridSquare_9/GridSquare_20240101_000000.jpg"), "square");
  assert.equal(of("Images-Disc1/GridSquare_9/FoilHoles/FoilHole_1_20240101_000000.mrc"), "hole");
  assert.equal(of("Sample4/Atlas/Atlas_4590151.jpg"), "atlas");
  assert.equal(of("Sample4/Atlas/Tile_4590157_0_4590151.mrc"), "tile");
  assert.equal(of("holiday.jpg"), "other");
});

Deno.test("what only looks like one of EPU's names is none", () => {
  for (
    const path of [
      "",
      "/",
      "MyEpuSession.dm",
      "EpuSession.dm.bak",
      "epusession.dm",
      "xGridSquare_1.dm",
      "GridSquare_1x.dm",
      "GridSquare_1234567890123456.dm",
      "GridSquare_2024_10.xml",
      "GridSquare_20240406_102420xml",
      "FoilHole_1_Data_2_20240101_000000.xml",
      "FoilHole__20240101_000000.xml",
      "FoilHole_1_Data_2_3_20240101_000000_Fractions_Fractions.xml",
      "FoilHole_1_Data_2_3_20240101_000000.xml.tmp",
      "FoilHole_1_20240101_000000_Fractions.xml",
      ".xml",
    ]
  ) assert.equal(fileKindOf(path).kind, "other", path);
});

Deno.test("a name with an impossible time keeps its digits and has no time", () => {
  for (const text of ["20240230_120000", "20241301_120000", "20240101_250000", "20240101_126000"]) {
    const found = fileKindOf(`FoilHole_1_${text}.xml`);
    assert.ok(found.kind === "hole-image");
    assert.deepEqual(found.stamp, { text, wallMs: null });
  }
});

Deno.test("a disc counts from 1", () => {
  const found = fileKindOf("Images-Disc0/GridSquare_1/GridSquare_20240101_000000.xml");
  assert.ok(found.kind === "square-image" && found.disc === null);
});

Deno.test("ids and times survive in every name that EPU can give", () => {
  const id = fc.integer({ min: 0, max: 999_999_999_999_999 });
  const folder = fc.array(fc.constantFrom("visit", "Metadata", "FoilHoles", "grid 7", "x.xml"), {
    maxLength: 4,
  });
  const when = fc.date({
    min: new Date("2000-01-01T00:00:00Z"),
    max: new Date("2099-12-31T00:00:00Z"),
    noInvalidDate: true,
  });
  const slash = fc.constantFrom("/", "\\");
  fc.assert(
    fc.property(id, id, id, id, folder, when, slash, (square, hole, area, k, above, at, slash) => {
      const atMs = Math.trunc(at.getTime() / 1000) * 1000;
      const stamp = new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+Z/g, "").replace("T", "_");
      const name = `FoilHole_${hole}_Data_${area}_${k}_${stamp}`;
      const path = [...above, "Images-Disc1", `GridSquare_${square}`, "Data", `${name}.xml`];
      const found = fileKindOf(path.join(slash));
      assert.ok(found.kind === "micrograph-image");
      assert.deepEqual(
        [found.squareId, found.holeId, found.areaId, found.k, found.stem, found.stamp.wallMs],
        [square, hole, area, k, name, atMs],
      );
      assert.equal(found.folder, above.join("/"));
    }),
    { seed: 1 },
  );
});

Deno.test("no path whatsoever is too strange to be asked about", () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "EpuSession.dm",
      "GridSquare_",
      "FoilHole_1_Data_",
      "_Fractions",
      ".xml",
      "Images-Disc",
    ),
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 8 }),
      fc.constantFrom("", "/", "\\"),
      (parts, between) => {
        const found = fileKindOf(parts.join(between));
        assert.ok(found.rank >= 0);
      },
    ),
    { seed: 1 },
  );
});
