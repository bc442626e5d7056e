import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const FOLDER = join(import.meta.dirname!, "data/epu");

/** A real file of EPU; see `tests/data/epu/README.md`. `name` is below that folder, without `.gz`. */
export function epuSample(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gunzipSync(Deno.readFileSync(join(FOLDER, `${name}.gz`))));
}

export interface EpuSample {
  /** As in the source: ends in `Images-Disc1/GridSquare_<id>/Data/<name>.xml`. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** 114 micrographs of EPU 2.6, 3.8.1 and 3.9.1, and 60 Falcon lists. */
export function epuMicrographs(): EpuSample[] {
  const lines = new TextDecoder().decode(epuSample("micrographs.jsonl")).trimEnd().split("\n");
  return lines.map((line) => {
    const { path, text } = JSON.parse(line) as { path: string; text: string };
    return { path, bytes: new TextEncoder().encode(text) };
  });
}

/** The one whose path ends so. @throws {RangeError} */
export function epuMicrograph(ending: string): EpuSample {
  const found = epuMicrographs().find(({ path }) => path.endsWith(ending));
  if (found === undefined) throw new RangeError(`There is no sample "${ending}"`);
  return found;
}
