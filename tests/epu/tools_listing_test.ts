import assert from "node:assert/strict";
import { readEpuFile } from "../../lib/epu/read/mod.ts";
import { anonymousPaths, filesFromListing, readListing } from "../../lib/epu/tools/mod.ts";
import { visitListing } from "./visit_listing.ts";

const OPTIONS = { seed: 1, storagePath: "Z:\\bi00000-1", version: "3.9.1.8206" };
const GRID7 = "Supervisor_20250129_134723_36_bi37708-28_grid7_EPU/";

Deno.test("every file of a real visit's tree is found, with its folder", () => {
  const paths = readListing(visitListing());
  assert.equal(new Set(paths).size, 10_105);
  const grid7 = paths.filter((path) => path.startsWith(GRID7));
  assert.equal(grid7.filter((path) => path.includes("Metadata/GridSquare_")).length, 419);
  assert.equal(grid7.filter((path) => /\/Data\/.*\.xml$/.test(path)).length, 3344);
});

Deno.test("a listing may be tree's plain letters, find's or dir's; what leads out of the folder is refused", () => {
  const wanted = ["a/EpuSession.dm", "a/Metadata/GridSquare_1.dm"];
  const listings = [
    ".\n|-- a\n|   |-- EpuSession.dm\n|   `-- Metadata\n|       `-- GridSquare_1.dm\n",
    "./a\n./a/EpuSession.dm\n./a/Metadata\n./a/Metadata/GridSquare_1.dm\n",
    "D:\\data\\a\\EpuSession.dm\r\nD:\\data\\a\\Metadata\\GridSquare_1.dm\r\n",
    "/mnt/data/a/EpuSession.dm\n/mnt/data/a/Metadata/GridSquare_1.dm\n",
  ];
  assert.deepEqual(listings.slice(0, 2).map(readListing), [wanted, wanted]);
  for (const listing of listings.slice(2)) {
    assert.deepEqual(readListing(listing), ["EpuSession.dm", "Metadata/GridSquare_1.dm"]);
  }
  assert.throws(() => readListing("a/../../b.xml\n"), { name: "UnsafePath" });
  assert.throws(() => readListing("\n\n"), { name: "RangeError" });
});

Deno.test("a skeleton of a real visit reads as the visit's names say", () => {
  const squares = new Map<number, { holes: number; listed: number; imaged: boolean }>();
  let areas = 0;
  let mode: string | null = null;
  let micrographs = 0;
  for (const { path, bytes } of filesFromListing(readListing(visitListing()), OPTIONS)) {
    if (!path.startsWith(GRID7)) continue;
    if (!/\.(xml|dm)$/.test(path)) {
      assert.equal(bytes.length, 0, path);
      continue;
    }
    const reading = readEpuFile(path, bytes);
    assert(reading.ok, path);
    assert.deepEqual(reading.value.findings, [], path);
    const { file } = reading.value;
    if (file.kind === "session") {
      areas = file.areas.length;
      mode = file.clusteringMode;
    } else if (file.kind === "square-metadata") {
      squares.set(file.squareId, {
        holes: file.holes.length,
        listed: file.ledger.length,
        imaged: file.imageBaseFileName !== null,
      });
    } else if (file.kind === "micrograph-image") micrographs++;
  }
  assert.deepEqual([areas, mode, micrographs], [8, "ClusteringWithImageBeamShift", 3344]);
  assert.equal(squares.size, 419);
  const all = [...squares.values()];
  assert.equal(all.filter(({ imaged }) => imaged).length, 8);
  assert.equal(all.reduce((sum, { listed }) => sum + listed, 0), 3344);
  // 418 holes were exposed; five more have an image and nothing else.
  assert.equal(all.reduce((sum, { holes }) => sum + holes, 0), 423);
});

Deno.test("anonymous paths keep EPU's own names and dates, and nobody else's", () => {
  const paths = readListing(visitListing());
  const anonymous = anonymousPaths(paths);
  assert.equal(new Set(anonymous).size, paths.length);
  assert.deepEqual(anonymous.filter((path) => /bi37708|grid|ractice|_EPU/.test(path)), []);
  assert.deepEqual(
    anonymousPaths([
      "Jane Doe/notes.txt",
      "Jane Doe/Supervisor_20250129_134723_jane/EpuSession.dm",
    ]),
    ["folder_1/file_2.txt", "folder_1/Supervisor_20250129_134723_3/EpuSession.dm"],
  );
});
