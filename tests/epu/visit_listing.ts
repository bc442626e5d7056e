import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** What `tree` printed of a real visit; see the README beside it. */
export function visitListing(): string {
  const file = join(import.meta.dirname!, "../data/epu_listing/visit.txt.gz");
  return new TextDecoder().decode(gunzipSync(readFileSync(file)));
}
