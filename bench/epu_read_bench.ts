/**
 * How fast EPU's files are read: our reader on real files, beside the XML parser it stands on doing nothing.
 *
 * deno run -A bench/epu_read_bench.ts
 */
import { SaxesParser } from "saxes";
import { EpuFileReader, readEpuFile } from "../lib/epu/read/mod.ts";
import { epuMicrographs, epuSample } from "../tests/epu_samples.ts";
import { tellFigures } from "./figures.ts";

const ROUNDS = 15;
/** Of the parser's own speed; the rest is what finding, checking and keeping the fields costs. */
const SHARE_MIN = 0.5;
const SLICE_BYTES = 65_536;

interface Sample {
  readonly path: string;
  readonly bytes: Uint8Array;
}

interface Row {
  readonly what: string;
  readonly megabytes: number;
  readonly oursMs: number;
  readonly parserMs: number;
}

const one = (path: string, name: string): Sample[] => [{ path, bytes: epuSample(name) }];
const SETS: readonly (readonly [string, readonly Sample[]])[] = [
  ["square, 570 holes", one("Metadata/GridSquare_4590776.dm", "3.7/GridSquare_4590776.dm")],
  ["the same, pretty", one("Metadata/GridSquare_4590776.dm", "3.7/GridSquare_4590776.pretty.dm")],
  ["atlas, 222 squares", one("Atlas/Atlas.dm", "3.7/Atlas.dm")],
  ["session, 382 squares", one("EpuSession.dm", "3.11/EpuSession.dm")],
  ["174 image files", epuMicrographs()],
];

const rows = SETS.map(([what, samples]) => measure(what, samples));
console.log("file                     MB     ours MB/s   parser MB/s   share");
for (const { what, megabytes, oursMs, parserMs } of rows) {
  console.log(
    [
      what.padEnd(22),
      megabytes.toFixed(2).padStart(6),
      (megabytes / oursMs * 1000).toFixed(0).padStart(11),
      (megabytes / parserMs * 1000).toFixed(0).padStart(13),
      `${(parserMs / oursMs * 100).toFixed(0)} %`.padStart(7),
    ].join(" "),
  );
}
const growthMb = memoryOfLargeFile();
console.log(`\na square file of 30 MB in chunks: heap grows by ${growthMb.toFixed(0)} MB`);

const [square] = rows;
const images = rows.at(-1)!;
const share = square!.parserMs / square!.oursMs;
tellFigures([
  {
    what: "EPU reader, square file of 2.3 MB, share of the bare parser's speed",
    measured: `${(share * 100).toFixed(0)} %, ${
      (square!.megabytes / square!.oursMs * 1000).toFixed(0)
    } MB/s`,
    target: `${SHARE_MIN * 100} %`,
    holds: share >= SHARE_MIN,
  },
  {
    what: "EPU reader, image files of 14 KB",
    measured: `${(174 / images.oursMs * 1000).toFixed(0)} files/s`,
  },
  { what: "EPU reader, heap for a file of 30 MB", measured: `${growthMb.toFixed(0)} MB` },
]);

/** The quickest round of each, taken in turns, so that a busy machine hurts both alike. */
function measure(what: string, samples: readonly Sample[]): Row {
  let oursMs = Infinity;
  let parserMs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    oursMs = Math.min(oursMs, timed(() => samples.forEach(readOne)));
    parserMs = Math.min(parserMs, timed(() => samples.forEach(({ bytes }) => parseOnly(bytes))));
  }
  const bytes = samples.reduce((sum, sample) => sum + sample.bytes.length, 0);
  return { what, megabytes: bytes / 1e6, oursMs, parserMs };
}

function timed(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function readOne({ path, bytes }: Sample): void {
  const result = readEpuFile(path, bytes);
  if (!result.ok) throw new RangeError(`"${path}" was refused: ${result.refusal.text}`);
}

/** Bytes to elements with namespaces, and nothing kept. */
function parseOnly(bytes: Uint8Array): void {
  const parser = new SaxesParser({ xmlns: true });
  let elements = 0;
  parser.on("opentag", () => elements++);
  parser.on("closetag", () => elements--);
  parser.on("text", () => {});
  const decoder = new TextDecoder();
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    parser.write(decoder.decode(bytes.subarray(from, from + SLICE_BYTES), { stream: true }));
  }
  parser.close();
  if (elements !== 0) throw new RangeError("The parser lost an element");
}

/** MB of heap at its highest while the holes of one square are repeated up to 30 MB of file. */
function memoryOfLargeFile(): number {
  const text = new TextDecoder().decode(epuSample("3.7/GridSquare_4590776.dm"));
  const from = text.indexOf("<b:KeyValuePairOfintTargetLocation");
  const to = text.lastIndexOf("</a:m_serializationArray>");
  const encode = (part: string) => new TextEncoder().encode(part);
  const [head, holes, tail] = [text.slice(0, from), text.slice(from, to), text.slice(to)];
  const body = encode(holes);
  const reader = new EpuFileReader("Metadata/GridSquare_4590776.dm");
  const before = Deno.memoryUsage().heapUsed;
  let peak = before;
  reader.push(encode(head));
  for (let sent = head.length; sent + body.length < 30e6; sent += body.length) {
    for (let at = 0; at < body.length; at += SLICE_BYTES) {
      if (!reader.push(body.subarray(at, at + SLICE_BYTES))) {
        throw new RangeError("The reader stopped early");
      }
      peak = Math.max(peak, Deno.memoryUsage().heapUsed);
    }
  }
  reader.push(encode(tail));
  const result = reader.end();
  if (!result.ok) throw new RangeError(`The large file was refused: ${result.refusal.text}`);
  return (peak - before) / 1e6;
}
