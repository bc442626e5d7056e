import { dirname, join } from "node:path";
import { below, fileAt, type Look } from "./look.ts";

/** Of an atlas's path at the microscope, those that a copy keeps: visit's folder, sample, `Atlas`, file. */
const SEGMENTS_KEPT = 4;

/**
 * Looks for the atlas that a session names. Its path is the microscope's; here it may lie anywhere, so its
 * end is sought below `roots`, the project and the two folders around it. Two candidates are none.
 */
export async function lookAtAtlas(
  look: Look,
  project: string,
  atlasPath: string | null,
  roots: readonly string[],
): Promise<void> {
  const session = below(project, "EpuSession.dm");
  if (atlasPath === null) {
    look.report.add("atlas-not-named", session, "The session names no atlas");
    return;
  }
  const found = await candidates(look, project, atlasPath, roots);
  const [only] = found;
  if (only === undefined) {
    look.report.add("atlas-unreachable", session, `The atlas "${atlasPath}" is not found`);
  } else if (found.length > 1) {
    look.report.add(
      "atlas-ambiguous",
      session,
      `The atlas "${atlasPath}" may be any of ${found.length}: "${found.join('", "')}"`,
    );
  } else {
    const file = await fileAt({ ...look, root: "" }, only);
    if (file !== null && file.kind !== "atlas") {
      look.report.add("other-product", only, `The atlas's file is of the kind "${file.kind}"`);
    }
  }
}

async function candidates(
  look: Look,
  project: string,
  atlasPath: string,
  roots: readonly string[],
): Promise<string[]> {
  const segments = atlasPath.split(/[\\/]/).filter((part) => part !== "" && !part.endsWith(":"));
  if (segments.includes("..")) return [];
  const here = join(look.root, project);
  const around = [...roots, here, dirname(here), dirname(dirname(here))];
  const found = new Set<string>();
  for (const place of [...around, ...await atlasFoldersIn(look, around)]) {
    for (let kept = segments.length; kept >= Math.min(SEGMENTS_KEPT, segments.length); kept--) {
      const path = join(place, ...segments.slice(-kept));
      if (await look.source.size(path) !== null) found.add(path);
    }
  }
  return [...found];
}

/** Sites keep atlases together, under a name that differs in case from the microscope's. */
async function atlasFoldersIn(look: Look, places: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const place of places) {
    try {
      const entries = await look.source.list(place);
      const folders = entries.filter(({ type, name }) =>
        type === "folder" && name.toLowerCase() === "atlas"
      );
      found.push(...folders.map(({ name }) => join(place, name)));
    } catch {
      // What lies around the session need not be ours to list.
    }
  }
  return found;
}
