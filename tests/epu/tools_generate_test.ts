import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type EpuFile, readEpuFile } from "../../lib/epu/read/mod.ts";
import { generateFiles, generateWrites } from "../../lib/epu/tools/generate.ts";
import type { PlanAsk } from "../../lib/epu/tools/plan.ts";

const SMALL: PlanAsk = { micrographs: 100, squares: 40, holesPerSquare: 60, areas: 3, seed: 7 };

function digest(plan: PlanAsk): string {
  const hash = createHash("sha256");
  for (const { path, bytes, atMs } of generateFiles(plan)) {
    hash.update(`${path} ${atMs}`).update(bytes);
  }
  return hash.digest("hex");
}

/** Every generated xml and `.dm`, read by the reader of true EPU files. */
function readAll(plan: PlanAsk): { path: string; file: EpuFile }[] {
  const files: { path: string; file: EpuFile }[] = [];
  for (const { path, bytes } of generateFiles(plan)) {
    if (path.endsWith(".jpg")) continue;
    const reading = readEpuFile(path, bytes);
    assert(reading.ok, `${path}: ${JSON.stringify(reading)}`);
    assert.deepEqual(reading.value.findings, [], path);
    files.push({ path, file: reading.value.file });
  }
  return files;
}

const ofKind = <K extends EpuFile["kind"]>(files: readonly { file: EpuFile }[], kind: K) =>
  files.map(({ file }) => file).filter((file): file is Extract<EpuFile, { kind: K }> =>
    file.kind === kind
  );

Deno.test("the same plan gives the same bytes, another seed gives others", () => {
  assert.equal(digest(SMALL), digest(SMALL));
  assert.notEqual(digest(SMALL), digest({ ...SMALL, seed: 8 }));
});

Deno.test("every generated file is read without a finding, and says what was planned", () => {
  const files = readAll(SMALL);
  const [session] = ofKind(files, "session");
  const [atlas] = ofKind(files, "atlas");
  const metadata = ofKind(files, "square-metadata");
  const micrographs = ofKind(files, "micrograph-image");
  assert.equal(session?.areas.length, 3);
  assert.equal(session.squareIds?.length, 40);
  assert.equal(session.clusteringMode, "ClusteringWithImageBeamShift");
  assert.equal(session.clusteringRadiusM, 1.2e-5);
  assert.match(session.name, /^Supervisor_\d{8}_\d{6}_bi00000-1_grid\d+$/);
  assert(atlas !== undefined && atlas.tiles.length > 4);
  assert.deepEqual(
    atlas.squares.map(({ squareId }) => squareId).sort(),
    [...session.squareIds].sort(),
  );
  assert(atlas.links.length > atlas.squares.length, "some squares lie on two tiles");
  assert.equal(metadata.length, 40);
  assert.equal(micrographs.length, 100);
  assert.equal(new Set(micrographs.map(({ uniqueId }) => uniqueId)).size, 100);
});

Deno.test("the ledger of the squares lists each micrograph once, and holes add up to the plan", () => {
  const files = readAll(SMALL);
  const visited = ofKind(files, "square-metadata").filter(({ holes }) => holes.length > 0);
  assert(visited.length > 1);
  for (const { holes } of visited) assert.equal(holes.length, 60);
  const listed = visited.flatMap(({ ledger }) => ledger.map(({ stem }) => stem)).sort();
  const stems = files.filter(({ file }) => file.kind === "micrograph-image").map(({ path }) =>
    path.slice(path.lastIndexOf("/") + 1, -4)
  ).sort();
  assert.deepEqual(listed, stems);
  const holes = visited.flatMap((square) => square.holes);
  assert.equal(new Set(holes.map(({ holeId }) => holeId)).size, holes.length);
  assert.equal(holes.filter(({ state }) => state === "Completed").length, 33);
  assert.equal(holes.filter(({ state }) => state === "InProgress").length, 1);
  assert(holes.every(({ selected, nearGridBar }) => !(selected && nearGridBar)));
});

Deno.test("clustered, few holes have an image of their own; unclustered, all that are exposed", () => {
  const imaged = (plan: PlanAsk) => {
    const paths = [...generateFiles(plan)].map(({ path }) => path);
    const holes = (kind: RegExp) =>
      new Set(paths.flatMap((path) => kind.exec(path)?.slice(1, 2) ?? []));
    return {
      imaged: holes(/FoilHoles\/FoilHole_(\d+)_/).size,
      exposed: holes(/Data\/FoilHole_(\d+)_/).size,
      ks: holes(/_Data_\d+_(\d+)_/).size,
    };
  };
  const plan = { ...SMALL, micrographs: 400, holesPerSquare: 300 };
  const clustered = imaged(plan);
  assert(clustered.imaged < clustered.exposed / 8, JSON.stringify(clustered));
  assert(clustered.ks > 10 && clustered.ks <= 25, JSON.stringify(clustered));
  const single = imaged({ ...plan, clustering: false });
  assert.equal(single.imaged, single.exposed);
  assert.equal(single.ks, 3);
});

Deno.test("writes come in the order of time, the last of each path is what the finished session holds", () => {
  const final = new Map<string, Uint8Array>();
  const counts = new Map<string, number>();
  let before = -Infinity;
  for (const write of generateWrites({ ...SMALL, micrographs: 40 })) {
    assert(write.atMs >= before, `${write.path} is written before what came before it`);
    before = write.atMs;
    counts.set(write.path, (counts.get(write.path) ?? 0) + 1);
    final.set(write.path, write.render());
  }
  const files = [...generateFiles({ ...SMALL, micrographs: 40 })];
  assert.equal(files.length, final.size);
  for (const { path, bytes } of files) assert.deepEqual(final.get(path), bytes, path);
  const rewritten = [...counts].filter(([, count]) => count > 1).map(([path]) => path);
  assert(rewritten.length > 1 && rewritten.every((path) => path.endsWith(".dm")));
});

Deno.test("a plan that cannot be followed is refused with what is wrong", () => {
  const wrong = (plan: PlanAsk, text: RegExp) =>
    assert.throws(() => [...generateFiles(plan)], { name: "RangeError", message: text });
  wrong({ micrographs: 5000, squares: 2, holesPerSquare: 60, areas: 3 }, /and the grid has 2/);
  wrong({ micrographs: -1 }, /micrographs/);
  wrong({ visit: "../up" }, /visit/);
});

Deno.test("a session without micrographs is an atlas and a short file for every square", () => {
  const names = [...generateFiles({ micrographs: 0, squares: 3 })].map(({ path }) =>
    path.slice(path.lastIndexOf("/") + 1).replaceAll(/\d+/g, "#")
  );
  assert.equal(names.filter((name) => name === "GridSquare_#.dm").length, 3);
  assert(names.includes("Atlas.dm") && names.includes("EpuSession.dm"));
  assert(!names.some((name) => name.startsWith("FoilHole")));
});
