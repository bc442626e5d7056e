import type { Touched } from "./ingest_ops.ts";
import type { Counts } from "./model.ts";

const ACTOR = "system";

/** Whether rows of entities changed, not only what is kept beside them. */
export function hasEntities(touched: Touched): boolean {
  return touched.acquisition || touched.atlas || touched.squares.size > 0 ||
    touched.micrographs.size > 0;
}

const IDS_MAX = 200;

/** What a live page and whoever passes entities on need: which rows to read again. */
export function changeEvent(
  a: string,
  touched: Touched,
  counts: Counts | null,
  squareId: number | null,
) {
  const { acquisition, atlas, squares, micrographs, holes, files, orphans, findings } = touched;
  if (!hasEntities(touched) && files + orphans + findings === 0) return null;
  const squareIds = new Set(squares);
  if (squareId !== null) squareIds.add(squareId);
  const parts = [
    acquisition ? "session" : "",
    atlas ? "atlas" : "",
    some(squareIds.size, "square"),
    some(holes, "hole"),
    some(micrographs.size, "micrograph"),
    orphans + findings + files === 0 ? "" : some(files, "file"),
  ].filter((part) => part !== "");
  return {
    type: "epu.changed",
    subject: a,
    actor: ACTOR,
    text: parts.join(", ") || "findings",
    data: {
      acquisitionId: a,
      acquisition,
      atlas,
      // More than these: read all of them.
      squareIds: squareIds.size > IDS_MAX ? null : [...squareIds],
      micrographIds: micrographs.size > IDS_MAX ? null : [...micrographs],
      holes,
      files,
      ...(counts === null ? {} : { counts }),
    },
  };
}

function some(count: number, noun: string): string {
  return count === 0 ? "" : `${count} ${noun}${count === 1 ? "" : "s"}`;
}
