import assert from "node:assert/strict";
import { duplicateHoles, readListing } from "../../lib/epu/tools/mod.ts";
import { visitListing } from "./visit_listing.ts";

const at = (square: number, hole: number, stamp: string) =>
  `p/Images-Disc1/GridSquare_${square}/FoilHoles/FoilHole_${hole}_${stamp}.xml`;

Deno.test("the first project of a real visit has 34 holes that EPU looked at twice to four times", () => {
  const paths = readListing(visitListing()).filter((path) =>
    path.startsWith("Supervisor_20250129_134723_36_bi37708-28_grid7_EPU/")
  );
  const groups = duplicateHoles(paths);
  assert.equal(groups.length, 34);
  const counts = groups.map(({ observations }) => observations.length);
  assert.deepEqual([Math.min(...counts), Math.max(...counts)], [2, 4]);
});

Deno.test("a hole of the same number in another square is another hole, and each time counts once", () => {
  const groups = duplicateHoles([
    at(1, 5, "20250108_154715"),
    at(1, 5, "20250108_154725"),
    at(2, 5, "20250108_154735"),
    at(1, 6, "20250108_154715"),
    at(1, 5, "20250108_154725").replaceAll("/", "\\"),
    at(1, 5, "20250108_154726").replace(".xml", ".jpg"),
  ]);
  assert.deepEqual(
    groups.map(({ squareId, holeId, observations }) => [squareId, holeId, observations.length]),
    [[1, 5, 2]],
  );
});

Deno.test("the last look by the manifest's time is in force, by the name's where manifests do not say", () => {
  const paths = [at(1, 5, "20251026_023000"), at(1, 5, "20251026_021000")];
  const inForce = (acquired?: (path: string) => number | null) =>
    duplicateHoles(paths, acquired)[0]!.observations.filter(({ isInForce }) => isInForce)
      .map(({ stamp }) => stamp);
  assert.deepEqual(inForce(), ["20251026_023000"]);
  // The clock was put back in between.
  assert.deepEqual(inForce((path) => path.includes("021000") ? 2000 : 1000), ["20251026_021000"]);
  assert.deepEqual(inForce((path) => path.includes("021000") ? 2000 : null), ["20251026_023000"]);
});
