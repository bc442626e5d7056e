import assert from "node:assert/strict";
import { ATLAS } from "../../lib/epu/read/atlas.ts";
import { Binder } from "../../lib/epu/read/bind.ts";
import { Findings } from "../../lib/epu/read/findings.ts";
import { FRACTIONS } from "../../lib/epu/read/fractions.ts";
import { IMAGE } from "../../lib/epu/read/image.ts";
import {
  EpuFileReader,
  HEAD_BYTES,
  isComplete,
  readEpuFile,
  type ReadResult,
  TAIL_BYTES,
} from "../../lib/epu/read/mod.ts";
import { SESSION } from "../../lib/epu/read/session.ts";
import { compile, type RecordSpec } from "../../lib/epu/read/shape.ts";
import { SQUARE } from "../../lib/epu/read/square.ts";
import { XmlStream } from "../../lib/epu/read/xml_stream.ts";
import { epuMicrograph, epuSample } from "../epu_samples.ts";
import { plainReading } from "./plain_reading.ts";
import { plainTree } from "./plain_xml.ts";
import { Chance, mutant } from "./xml_mutants.ts";

const isLong = Deno.env.get("HOLDFAST_LONG") === "1";
const MUTANTS_SHORT = 250;
const LONG_MS = 11 * 60_000;
/** A hang, not a measurement: the slowest of these files takes some milliseconds. */
const HANG_MS = 20_000;

interface Sample {
  readonly path: string;
  readonly text: string;
}

const SPECS: Readonly<Record<string, RecordSpec<unknown>>> = {
  EpuSessionXml: SESSION,
  AtlasSessionXml: ATLAS,
  GridSquareXml: SQUARE,
  MicroscopeImage: IMAGE,
  Acquisition: FRACTIONS,
};

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Entries of a dictionary behind the first few taken out, so that a change hits what matters. */
function fewer(text: string, entry: string, kept: number): string {
  let count = 0;
  const pattern = new RegExp(`<(\\w:)?${entry}\\w*>[^]*?</(\\w:)?${entry}\\w*>`, "g");
  return text.replaceAll(pattern, (one) => ++count <= kept ? one : "");
}

function samples(): Sample[] {
  const image = "Images-Disc1/GridSquare_8999138";
  const micrograph = epuMicrograph("FoilHole_9015883_Data_9017347_6_20250108_154915.xml");
  const list = epuMicrograph("FoilHole_5330585_Data_5338216_5338218_20200206_170645_Fractions.xml");
  const hole = "FoilHole_9015889_20250108_154725.xml";
  const session = (name: string) =>
    fewer(
      fewer(decode(epuSample(name)), "KeyValuePairOfintSerializedReferenceOfGridSquareXml", 3),
      "KeyValuePairOfExperimentSettingsIdMicroscopeSettings",
      1,
    );
  return [
    { path: "EpuSession.dm", text: session("3.7/EpuSession.dm") },
    { path: "EpuSession.dm", text: session("3.9.1/EpuSession.dm") },
    {
      path: "Metadata/GridSquare_4590776.dm",
      text: fewer(
        decode(epuSample("3.7/GridSquare_4590776.dm")),
        "KeyValuePairOfintTargetLocationXml",
        3,
      ),
    },
    {
      path: "Atlas/Atlas.dm",
      text: fewer(
        fewer(decode(epuSample("3.7/Atlas.dm")), "KeyValuePairOfintNodeXml", 4),
        "TileXml",
        3,
      ),
    },
    { path: `${image}/FoilHoles/${hole}`, text: decode(epuSample(`3.9.1/${hole}`)) },
    { path: micrograph.path, text: decode(micrograph.bytes) },
    { path: list.path, text: decode(list.bytes) },
  ];
}

/** Through the shape alone, so that nothing a file's reader does afterwards hides a difference. */
function bound(spec: RecordSpec<unknown>, bytes: Uint8Array) {
  const findings = new Findings("");
  let binder: Binder<unknown> | null = null;
  const xml = new XmlStream({
    open(uri, local, attributes) {
      binder ??= new Binder(compile(spec), uri, spec.namespace, findings);
      binder.open(uri, local, attributes);
    },
    text: (text) => binder?.text(text),
    close: () => binder!.close(),
    declared: () => {},
  });
  xml.push(bytes);
  assert.equal(xml.end(), null);
  return { raw: binder!.finish(), findings: findings.all() };
}

function inChunks(path: string, bytes: Uint8Array, chance: Chance): ReadResult {
  const reader = new EpuFileReader(path);
  for (let at = 0; at < bytes.length;) {
    const size = 1 + chance.below(chance.of([40, 1000, 50_000]));
    reader.push(bytes.subarray(at, at + size));
    at += size;
  }
  return reader.end();
}

function wholeText(bytes: Uint8Array, isWide: boolean): string {
  const text = new TextDecoder(isWide ? "utf-16le" : "utf-8").decode(bytes);
  return text.replace(/[\0\s]+$/, "");
}

/** @throws when a property does not hold; `true` when the file was read. */
function check(path: string, bytes: Uint8Array, isWide: boolean, chance: Chance): boolean {
  const startMs = performance.now();
  const result = readEpuFile(path, bytes);
  assert.ok(performance.now() - startMs < HANG_MS, "it hangs");
  const chunked = inChunks(path, bytes, chance);
  if (!result.ok) {
    // Where a stumble is noticed may depend on the chunk; what it is may not.
    const kind = chunked.ok ? "ok" : chunked.refusal.kind;
    assert.equal(kind, result.refusal.kind, "chunks change the refusal");
    return false;
  }
  assert.deepEqual(chunked, result, "chunks change the result");
  assert.ok(
    isComplete(bytes.subarray(-TAIL_BYTES), bytes.subarray(0, HEAD_BYTES)),
    "a file that reads whole is called unfinished by its end",
  );
  const { file } = result.value;
  assert.ok(JSON.stringify(file).length < 50 * bytes.length + 10_000, "it grew");
  assert.ok(result.value.findings.length <= 110, "findings without end");
  const tree = plainTree(wholeText(bytes, isWide));
  const spec = SPECS[tree.local];
  if (spec === undefined || file.kind === "unknown" || file.kind === "foreign") return true;
  const { raw, findings } = bound(spec, bytes);
  // What the streaming reader could not follow it says; then the slow one may know more.
  if (findings.some(({ code }) => code === "unresolved-reference")) return true;
  assert.deepEqual(raw, plainReading(spec, tree));
  return true;
}

Deno.test("files damaged in every way never crash the reader, never hang it, and never give a wrong value", () => {
  const all = samples();
  const others = all.map(({ text }) => text);
  for (const { path, text } of all) {
    assert.ok(check(path, new TextEncoder().encode(text), false, new Chance(1)), path);
  }
  const deadlineMs = performance.now() + LONG_MS;
  let read = 0;
  let seed = 0;
  while (isLong ? performance.now() < deadlineMs : seed < MUTANTS_SHORT) {
    seed++;
    const chance = new Chance(seed);
    const { path, text } = chance.of(all);
    const { names, bytes, isWide } = mutant(text, chance, others);
    try {
      if (check(path, bytes, isWide, chance)) read++;
    } catch (error) {
      throw new assert.AssertionError({
        message: `seed ${seed}, ${path}, ${names.join(", ")}: ${(error as Error).message}`,
      });
    }
  }
  // Neither all nothing nor all well: the changes reach behind the parser.
  assert.ok(read > seed * 0.1 && read < seed * 0.9, `${read} of ${seed} were read`);
});

Deno.test("any cut of a file at any byte gives all of it, or not yet", () => {
  for (const { path, text } of samples()) {
    const bytes = new TextEncoder().encode(text);
    const whole = readEpuFile(path, bytes);
    assert.ok(whole.ok);
    const end = new TextEncoder().encode(text.trimEnd()).length;
    // Cutting costs with the square of the length: every byte of a small file, a part of a large one's.
    const step = isLong && bytes.length < 20_000
      ? 1
      : Math.ceil(bytes.length / (isLong ? 3000 : 60));
    const cuts = new Set<number>();
    for (let cut = 0; cut < bytes.length; cut += step) cuts.add(cut);
    for (let cut = Math.max(0, end - 40); cut < bytes.length; cut++) cuts.add(cut);
    for (const cut of cuts) {
      const part = bytes.subarray(0, cut);
      const result = readEpuFile(path, part);
      const name = `${path} cut at ${cut} of ${bytes.length}`;
      if (cut >= end) assert.deepEqual(result, whole, name);
      else {
        assert.equal(result.ok ? "ok" : result.refusal.kind, "unfinished", name);
        assert.equal(
          isComplete(part.subarray(-TAIL_BYTES), part.subarray(0, HEAD_BYTES)),
          false,
          name,
        );
      }
    }
  }
});

Deno.test("a small file cut at every byte is not yet there", () => {
  const text = decode(epuSample("tomography/Session.dm")).trimEnd();
  const bytes = new TextEncoder().encode(text);
  for (let cut = 0; cut < bytes.length; cut++) {
    const result = readEpuFile("Session.dm", bytes.subarray(0, cut));
    assert.equal(result.ok ? "ok" : result.refusal.kind, "unfinished", `cut at ${cut}`);
  }
  const wide = new Uint8Array(2 * text.length + 2);
  wide.set([0xff, 0xfe]);
  for (let i = 0; i < text.length; i++) wide[2 * i + 2] = text.charCodeAt(i);
  for (let cut = 0; cut < wide.length; cut += isLong ? 1 : 5) {
    const result = readEpuFile("Session.dm", wide.subarray(0, cut));
    assert.equal(result.ok ? "ok" : result.refusal.kind, "unfinished", `cut at ${cut} of UTF-16`);
  }
});

Deno.test("the real files cut at places spread over all their length are not yet there", () => {
  const real = [
    ["Metadata/GridSquare_4590776.dm", "3.7/GridSquare_4590776.dm"],
    ["Atlas.dm", "3.7/Atlas.dm"],
    ["EpuSession.dm", "3.11/EpuSession.dm"],
  ];
  const chance = new Chance(4);
  for (const [path, name] of real) {
    const bytes = epuSample(name!);
    for (let i = isLong ? 300 : 5; i > 0; i--) {
      const cut = chance.below(bytes.length - 2);
      const result = readEpuFile(path!, bytes.subarray(0, cut));
      assert.equal(result.ok ? "ok" : result.refusal.kind, "unfinished", `${path} cut at ${cut}`);
    }
  }
});
