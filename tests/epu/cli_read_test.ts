import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type CliHost, EXIT, runCli } from "../../lib/cli/mod.ts";
import { generateFiles } from "../../lib/epu/tools/mod.ts";
import { epuMicrograph, epuSample } from "../epu_samples.ts";

interface Outcome {
  code: number;
  out: string;
  err: string;
}

async function hf(cwd: string, ...args: string[]): Promise<Outcome> {
  const out: string[] = [];
  const err: string[] = [];
  const host: CliHost = {
    version: "0.0.0",
    env: {},
    cwd,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    readSecret: () => Promise.reject(new RangeError("nobody asks")),
    serve: () => Promise.reject(new RangeError("nobody serves")),
    agent: () => Promise.reject(new RangeError("nobody is an agent")),
  };
  const code = await runCli(["epu", ...args], host);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

async function withFolder(
  files: Iterable<{ path: string; bytes: Uint8Array }>,
  test: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-epu-" });
  try {
    for (const { path, bytes } of files) {
      await Deno.mkdir(dirname(join(dir, path)), { recursive: true });
      await Deno.writeFile(join(dir, path), bytes);
    }
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const SESSION = { path: "EpuSession.dm", bytes: epuSample("3.11/EpuSession.dm") };
const SQUARE = {
  path: "Metadata/GridSquare_4590776.dm",
  bytes: epuSample("3.7/GridSquare_4590776.dm"),
};
const HOLE = {
  path: "Images-Disc1/GridSquare_8999138/FoilHoles/FoilHole_9015889_20250108_154725.xml",
  bytes: epuSample("3.9.1/FoilHole_9015889_20250108_154725.xml"),
};
const STEM = "FoilHole_9015883_Data_9017347_6_20250108_154915";
const MICROGRAPH = {
  path: `Images-Disc1/GridSquare_8999138/Data/${STEM}.xml`,
  bytes: epuMicrograph(`${STEM}.xml`).bytes,
};

const value = (out: string, label: string) => new RegExp(`^${label} {2,}(.*)$`, "m").exec(out)?.[1];

Deno.test("each kind of file is shown with its units", async () => {
  const atlas = { path: "Sample4/Atlas/Atlas.dm", bytes: epuSample("3.7/Atlas.dm") };
  const image = {
    path: "Images-Disc1/GridSquare_8999138/GridSquare_20250108_151151.xml",
    bytes: epuSample("3.9.1/GridSquare_20250108_151151.xml"),
  };
  await withFolder([SESSION, atlas, SQUARE, image, HOLE, MICROGRAPH], async (dir) => {
    const shown = async (kind: string, path: string) => {
      const { code, out, err } = await hf(dir, "parse", kind, path);
      assert.deepEqual([code, err], [EXIT.ok, ""], kind);
      return out;
    };
    const session = await shown("session", SESSION.path);
    assert.equal(value(session, "EPU id"), "26042510");
    assert.equal(value(session, "started"), "2025-02-26 10:01:48Z");
    assert.equal(value(session, "zone"), "60 min");
    assert.equal(value(session, "clustering radius"), "12 µm");
    assert.equal(value(session, "square ids"), "382");
    assert.match(session, /26042520 +26042522 +-800 nm, -1 µm/);
    const atlasText = await shown("atlas", atlas.path);
    assert.equal(value(atlasText, "links"), "306");
    assert.equal(value(atlasText, "acquired"), "2024-04-05 09:17:53Z (written +01:00)");
    const square = await shown("gridsquare-metadata", SQUARE.path);
    assert.equal(value(square, "  near a grid bar"), "291");
    assert.equal(value(square, "  Completed"), "217");
    assert.equal(value(await shown("gridsquare", image.path), "square id"), "8999138");
    assert.equal(value(await shown("foilhole", HOLE.path), "rotation"), "-3.08619 rad");
    const micrograph = await shown("micrograph", MICROGRAPH.path);
    assert.equal(value(micrograph, "dose"), "14.4108 e/Å²");
    assert.equal(value(micrograph, "applied defocus"), "-2.7 µm");
    assert.equal(value(micrograph, "slit width"), "20 eV");
  });
});

Deno.test("with --json a file is one document, the reader's own", async () => {
  await withFolder([MICROGRAPH], async (dir) => {
    const { code, out } = await hf(dir, "parse", "micrograph", MICROGRAPH.path, "--json");
    assert.equal(code, EXIT.ok);
    const { file, findings } = JSON.parse(out);
    assert.equal(file.uniqueId, "a57ec324-5326-43a3-8dc6-ee3424aa5814");
    assert.equal(file.acquired.zoneMin, 0);
    assert.deepEqual(findings, []);
  });
});

Deno.test("a wrong kind, a cut file, a missing one and a wrong word each end in their own way", async () => {
  const cut = { path: "cut/EpuSession.dm", bytes: SESSION.bytes.slice(0, 5000) };
  const other = { path: "tomo/Session.dm", bytes: epuSample("tomography/Session.dm") };
  await withFolder([SESSION, HOLE, cut, other], async (dir) => {
    const failed = async (...args: string[]) => {
      const { code, out, err } = await hf(dir, "parse", ...args);
      assert.equal(out, "");
      return [code, err] as const;
    };
    assert.deepEqual(await failed("atlas", SESSION.path), [
      EXIT.failed,
      `holdfast: "${join(dir, SESSION.path)}" is not an atlas: it is an EPU session`,
    ]);
    assert.match(
      (await failed("session", cut.path))[1],
      /is not finished: The file ends at line 1/,
    );
    assert.match((await failed("session", other.path))[1], /another product, Tomography/);
    assert.deepEqual((await failed("session", "nothing"))[0], EXIT.unreadable);
    assert.deepEqual((await failed("session", "cut"))[0], EXIT.unreadable);
    assert.deepEqual((await failed("sesion", SESSION.path))[0], EXIT.usage);
    assert.deepEqual((await failed("session"))[0], EXIT.usage);
    assert.deepEqual((await failed("dir", "nothing"))[0], EXIT.unreadable);
    assert.match((await failed("grid", "tomo"))[1], /There is no EpuSession.dm/);
    assert.match((await failed("dir", "tomo"))[1], /holds no files of EPU's/);
  });
});

Deno.test("a folder is read whole, a session a line, or every file as JSON", async () => {
  const plan = { micrographs: 20, squares: 10, holesPerSquare: 12, areas: 2, seed: 5 };
  await withFolder(generateFiles(plan), async (dir) => {
    const table = await hf(dir, "parse", "dir", ".");
    assert.equal(table.code, EXIT.ok);
    assert.match(
      table.out,
      /^Folder +EPU +Squares +Listed +Holes +Micrographs +Findings +Refused$/m,
    );
    assert.match(table.out, /3\.9\.1\.8206 +10 +10 +\d+ +20 +0 +0$/m);
    assert.match(table.err, /^\d+ files in \d+\.\d s$/);

    const { out, code } = await hf(dir, "parse", "dir", ".", "--json");
    assert.equal(code, EXIT.ok);
    const { files } = JSON.parse(out) as { files: { path: string; file: { kind: string } }[] };
    const kinds = files.map(({ file }) => file.kind);
    assert.equal(kinds.filter((kind) => kind === "micrograph-image").length, 20);
    assert.equal(kinds.filter((kind) => kind === "square-metadata").length, 10);

    const micrograph = files.find(({ file }) => file.kind === "micrograph-image")!.path;
    await Deno.truncate(join(dir, micrograph), 700);
    const cut = await hf(dir, "parse", "dir", ".");
    assert.equal(cut.code, EXIT.failed);
    assert.ok(cut.err.includes(`unfinished  ${micrograph}: `), cut.err);
    assert.match(cut.out, / 19 +0 +1$/m);
  });
});

Deno.test("validate ends with 0, 1, 2 or 3, and tells complete apart from valid", async () => {
  const plan = {
    micrographs: 20,
    squares: 10,
    holesPerSquare: 12,
    areas: 2,
    seed: 5,
    lateShare: 0,
  };
  await withFolder(generateFiles(plan), async (dir) => {
    const whole = await hf(dir, "validate", ".");
    assert.equal(whole.code, EXIT.ok, whole.out);
    assert.match(whole.out, /: valid, /);
    const json = JSON.parse((await hf(dir, "validate", ".", "--json")).out);
    assert.equal(json.valid, true);
    assert.equal(json.sessions.length, 1);
    assert.equal(json.sessions[0].counts.micrographs, 20);

    const project = join(dir, json.sessions[0].folder);
    const [metadata] = [...Deno.readDirSync(join(project, "Metadata"))];
    await Deno.remove(join(project, "Metadata", metadata!.name));
    const incomplete = await hf(dir, "validate", ".");
    assert.equal(incomplete.code, EXIT.ok);
    assert.match(incomplete.out, /: valid, not complete$/m);
    assert.match(incomplete.out, /warning {2}square-without-metadata/);

    await Deno.remove(join(project, "EpuSession.dm"));
    const invalid = await hf(dir, "validate", ".");
    assert.equal(invalid.code, 1);
    assert.match(invalid.out, /INVALID, not complete/);
    assert.match(invalid.out, /error {4}session-missing/);
    assert.equal((await hf(dir, "validate")).code, 2);
    assert.equal((await hf(dir, "validate", "not-here")).code, 3);
  });
});

Deno.test("few findings of a kind are shown, and how many more there are", async () => {
  await withFolder([SESSION, SQUARE, HOLE], async (dir) => {
    const short = await hf(dir, "validate", ".");
    assert.equal(short.out.match(/square-without-metadata {2}/g)?.length, 3);
    assert.match(short.out, /square-without-metadata: 379 more, shown with "-v"/);
    const long = await hf(dir, "validate", ".", "-v");
    assert.equal(long.out.match(/square-without-metadata {2}/g)?.length, 200);
    assert.match(long.out, /square-without-metadata: 182 more$/m);
    assert.match(long.out, /Its holes and its place are unknown/);
  });
});

Deno.test("a link that leads out of the folder is named and not followed", async () => {
  await withFolder([SESSION, SQUARE, HOLE], async (dir) => {
    await withFolder([MICROGRAPH], async (outside) => {
      await Deno.symlink(outside, join(dir, "Images-Disc1/GridSquare_1"));
      await Deno.symlink(join(outside, MICROGRAPH.path), join(dir, `Images-Disc1/${STEM}.xml`));
      const { sessions } = JSON.parse((await hf(dir, "validate", ".", "--json")).out);
      assert.equal(sessions[0].totals["link-skipped"], 2);
      assert.equal(sessions[0].counts.micrographs, 0);
      assert.match((await hf(dir, "parse", "dir", ".")).out, / 0 +0 +0$/m);
    });
  });
});
