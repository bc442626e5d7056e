import assert from "node:assert/strict";
import { filesFromListing, generateFiles, readListing } from "../../lib/epu/tools/mod.ts";
import { findProjects, validate, type Validation } from "../../lib/epu/validate/mod.ts";
import { RULES } from "../../lib/epu/validate/rules.ts";
import { epuSample } from "../epu_samples.ts";
import { MemoryFolder } from "./memory_folder.ts";
import { visitListing } from "./visit_listing.ts";

const PLAN = { micrographs: 60, squares: 30, holesPerSquare: 40, areas: 3, seed: 3, lateShare: 0 };

function generated(): { folder: MemoryFolder; project: string } {
  const folder = new MemoryFolder(generateFiles(PLAN));
  const project = folder.paths().find((path) => path.endsWith("/EpuSession.dm"))!
    .replace("/EpuSession.dm", "");
  return { folder, project };
}

async function all(folder: MemoryFolder, root = ""): Promise<Validation[]> {
  const path = root === "" ? MemoryFolder.ROOT : `${MemoryFolder.ROOT}/${root}`;
  return await Array.fromAsync(validate(folder, path));
}

async function only(folder: MemoryFolder, root = ""): Promise<Validation> {
  const found = await all(folder, root);
  assert.equal(found.length, 1);
  return found[0]!;
}

const stemsOf = (folder: MemoryFolder) =>
  folder.paths().filter((path) => /_Data_[^/]*\d\.xml$/.test(path));

Deno.test("a whole session is valid, and every list agrees with the files", async () => {
  const { folder, project } = generated();
  const found = await only(folder);
  assert.equal(found.folder, project);
  assert.equal(found.valid, true);
  assert.deepEqual(
    Object.keys(found.totals).filter((code) =>
      !["movies-elsewhere", "holes-unfinished", "hole-without-micrographs"].includes(code)
    ),
    [],
  );
  assert.equal(found.counts.micrographs, 60);
  assert.equal(found.counts.micrographsListed, 60);
  assert.equal(found.counts.squares, 30);
  assert.equal(found.counts.squaresListed, 30);
  assert.equal(found.counts.areas, 3);
  assert.equal(found.session?.epuVersion, "3.9.1.8206");
});

Deno.test("validity is apart from completeness", async () => {
  const { folder, project } = generated();
  folder.remove((path) => path === `${project}/Metadata/${squareOf(folder)}.dm`);
  const found = await only(folder);
  assert.equal(found.valid, true);
  assert.equal(found.complete, false);
  assert.equal(found.totals["square-without-metadata"], 1);
  assert.equal(found.totals["folder-without-metadata"], 1);
});

const squareOf = (folder: MemoryFolder) =>
  folder.paths().find((path) => path.includes("Images-Disc1/GridSquare_"))!.split("/").find((
    part,
  ) => part.startsWith("GridSquare_"))!;

Deno.test("session, metadata and images are required, each by its own error", async () => {
  for (
    const [code, gone] of [
      ["session-missing", "EpuSession.dm"],
      ["metadata-missing", "Metadata"],
      ["images-missing", "Images-Disc1"],
    ] as const
  ) {
    const { folder, project } = generated();
    folder.remove((path) =>
      path === `${project}/${gone}` || path.startsWith(`${project}/${gone}/`)
    );
    const found = await only(folder);
    assert.equal(found.valid, false, code);
    assert.deepEqual(
      found.findings.filter(({ severity }) => severity === "error").map((one) => one.code),
      [code],
    );
  }
});

Deno.test("an exposure in EPU's list without a file, and a file that is not in it, are both told", async () => {
  const { folder } = generated();
  const [first] = stemsOf(folder);
  const stem = first!.split("/").at(-1)!.replace(".xml", "");
  const bytes = folder.files.get(`${MemoryFolder.ROOT}/${first}`)!;
  folder.remove((path) => path.includes(stem));
  const other = stem.replace(/\d{6}$/, "235959");
  folder.put(first!.replace(stem, other), bytes);
  const { findings, valid } = await only(folder);
  const find = (code: string) => findings.filter((one) => one.code === code);
  assert.deepEqual(find("ledger-entry-without-file").map(({ where }) => where), [stem]);
  assert.deepEqual(find("file-without-ledger-entry").map(({ where }) => where), [other]);
  assert.equal(valid, true);
});

Deno.test("a cut, a broken and an unreadable file are told apart", async () => {
  const { folder, project } = generated();
  const [cut, broken, gone, locked] = stemsOf(folder);
  folder.put(cut!, folder.text(cut!).slice(0, 900));
  folder.put(broken!, folder.text(broken!).replace("</", "< /"));
  folder.broken.set(gone!, "ENOENT");
  folder.broken.set(locked!, "EACCES");
  const found = await only(folder);
  const at = (code: string) => found.findings.find((one) => one.code === code)?.path;
  assert.equal(at("truncated-xml"), cut);
  assert.equal(at("broken-xml"), broken);
  assert.equal(at("vanished"), gone);
  assert.equal(at("unreadable-file"), locked);
  assert.equal(found.valid, false);

  const other = generated();
  const session = `${project}/EpuSession.dm`;
  other.folder.put(session, other.folder.text(session).slice(0, -20));
  const truncated = await only(other.folder);
  assert.equal(truncated.findings[0]?.code, "session-truncated");
  assert.equal(truncated.valid, false);
});

Deno.test("a movie that is missing counts where others are there; where none is, it is said once", async () => {
  const { folder } = generated();
  assert.equal((await only(folder)).totals["movies-elsewhere"], 1);
  const [first, second, ...others] = stemsOf(folder);
  for (const path of others) folder.put(path.replace(".xml", "_Fractions.tiff"), "frames");
  folder.put(first!.replace(".xml", "_fractions.tiff"), "");
  const { totals, findings, counts } = await only(folder);
  assert.equal(counts.movies, 59);
  assert.equal(totals["movies-elsewhere"], undefined);
  assert.equal(totals["movie-empty"], 1);
  assert.deepEqual(
    findings.filter(({ code }) => code === "movie-missing").map(({ path }) =>
      path.split("/").at(-1)
    ),
    [second!.split("/").at(-1)!.replace(".xml", "")],
  );
});

Deno.test("a hole short of its areas, a picture without xml and a misplaced image are told", async () => {
  const { folder, project } = generated();
  const [first, second] = stemsOf(folder);
  folder.put(
    `${project}/Metadata/GridSquare_20240406_102420.xml`,
    epuSample("3.7/GridSquare_20240406_102420.xml"),
  );
  folder.put(second!.replace(".xml", ".jpg"), "picture");
  folder.remove((path) => path === first || path === second);
  const { totals } = await only(folder);
  assert.equal(totals["hole-short-of-exposures"], 1);
  assert.equal(totals["micrograph-without-xml"], 1);
  assert.equal(totals["misplaced-image"], 1);
});

Deno.test("the atlas is found beside the project by the end of its path, and missed aloud", async () => {
  const { folder } = generated();
  assert.ok(
    folder.paths().some((path) => path.endsWith("Atlas/Atlas.dm")),
    "the visit has an atlas",
  );
  assert.equal((await only(folder)).totals["atlas-unreachable"], undefined);
  folder.remove((path) => path.endsWith("/Atlas.dm"));
  assert.equal((await only(folder)).totals["atlas-unreachable"], 1);
});

Deno.test("a session that is done is complete, until one of its lists is short", async () => {
  const { folder, project } = generated();
  for (const path of folder.paths().filter((one) => one.includes("/Metadata/"))) {
    const text = folder.text(path);
    const isDone = (hole: string) => hole.includes(">Completed<");
    folder.put(
      path,
      text.replaceAll(
        /<\w+:value\b[^]*?<\/\w+:value>/g,
        (hole) => isDone(hole) ? hole : hole.replaceAll("Selected>true<", "Selected>false<"),
      ),
    );
  }
  const done = await only(folder);
  assert.deepEqual(done.findings.filter(({ severity }) => severity !== "info"), []);
  assert.equal(done.complete, true, JSON.stringify(done.totals));
  const session = `${project}/EpuSession.dm`;
  const text = folder.text(session);
  assert.match(text, /_size>1</);
  folder.put(session, text.replace(/_size>1</, "_size>9<"));
  const short = await only(folder);
  assert.equal(short.totals["short-list"], 1);
  assert.deepEqual([short.valid, short.complete], [true, false]);
});

Deno.test("two atlases that may be meant are none", async () => {
  const { folder, project } = generated();
  const atlas = folder.paths().find((path) => path.endsWith("Atlas/Atlas.dm"))!;
  const end = atlas.split("/").slice(-4).join("/");
  folder.put(`${project}/${end}`, folder.text(atlas));
  assert.equal((await only(folder)).totals["atlas-ambiguous"], 1);
});

Deno.test("a tomography session is another product's", async () => {
  for (const name of ["Session.dm", "EpuSession.dm"]) {
    const folder = new MemoryFolder([]);
    folder.put(`tomo/${name}`, epuSample("tomography/Session.dm"));
    const found = await only(folder, "tomo");
    assert.ok(found.findings.some(({ code }) => code === "other-product"), name);
    assert.equal(found.valid, false);
  }
});

Deno.test("a symbolic link is named and never followed", async () => {
  const { folder, project } = generated();
  folder.links.add(`${MemoryFolder.ROOT}/${project}/Images-Disc1/GridSquare_9`);
  const { totals, counts } = await only(folder);
  assert.equal(totals["link-skipped"], 1);
  assert.equal(counts.micrographs, 60);
});

Deno.test("findings of one kind are kept up to a number and counted beyond it", async () => {
  const { folder, project } = generated();
  for (let square = 1; square <= 500; square++) {
    folder.put(`${project}/Metadata/GridSquare_${square}.dm`, "<GridSquareXml>");
  }
  const { findings, totals } = await only(folder);
  assert.equal(totals["truncated-xml"], 500);
  assert.equal(findings.filter(({ code }) => code === "truncated-xml").length, 200);
});

Deno.test("a folder without anything of EPU's is told so as one session", async () => {
  const folder = new MemoryFolder([]);
  folder.put("notes/readme.txt", "hello");
  const found = await only(folder);
  assert.deepEqual(
    found.findings.map(({ code }) => code),
    ["session-missing", "metadata-missing", "images-missing"],
  );
  assert.equal(found.folder, "");
});

Deno.test("four of the eight folders of a real visit are valid", async () => {
  // One exposure in ten will do for the structure.
  const paths = readListing(visitListing()).filter((path, i) =>
    !path.includes("/Data/") || i % 10 === 0
  );
  const folder = new MemoryFolder(
    filesFromListing(paths, { seed: 1, version: "3.9.1.8206", storagePath: "Z:\\visit" }),
  );
  // The listing of files shows no empty folders; the visit had two.
  folder.makeFolder("Supervisor_20250130_145409_68");
  folder.makeFolder("Supervisor_20250130_150924_1grid3");
  const projects = await findProjects(folder, MemoryFolder.ROOT);
  assert.equal(projects.length, 8);
  const found = await all(folder);
  const valid = found.filter((one) => one.valid).map(({ folder }) => folder);
  assert.deepEqual(valid, [
    "Supervisor_20250129_134723_36_bi37708-28_grid7_EPU",
    "Supervisor_20250130_133418_68apoferritin",
    "Supervisor_20250130_143856_44Practice",
    "Supervisor_20250130_145409_68practice2",
  ]);
  for (const { folder, totals } of found) {
    if (valid.includes(folder)) continue;
    assert.equal(totals["session-missing"], 1, folder);
    assert.equal(totals["metadata-missing"], 1, folder);
  }
});

Deno.test("the guide names everything that validation may find", () => {
  const guide = Deno.readTextFileSync(`${import.meta.dirname}/../../docs/guides/epu.md`);
  const missing = Object.keys(RULES).filter((code) => !guide.includes(`\`${code}\``));
  assert.deepEqual(missing, []);
});
