import type { SessionFile } from "../read/mod.ts";
import { fileKindOf } from "../read/mod.ts";
import { lookAtAtlas } from "./atlas.ts";
import { below, fileAt, listed, type Look } from "./look.ts";
import { Report, type Validation } from "./report.ts";
import type { FolderEntry, FolderSource } from "./source.ts";
import { lookAtSquare } from "./square.ts";

const DISC = /^Images-Disc[1-9]\d*$/;
const SQUARE = /^GridSquare_(\d{1,15})$/;

export interface ValidateOptions {
  /** Folders below which atlases lie, beside those around each project. */
  readonly atlasRoots?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Whether a folder with these entries is a session's, whole or not. */
export function isProject(entries: readonly FolderEntry[]): boolean {
  return entries.some(({ name, type }) =>
    (type === "file" && (name === "EpuSession.dm" || name === "Session.dm")) ||
    (type === "folder" && (name === "Metadata" || DISC.test(name)))
  );
}

/** Looks through the session's folder `project` below `root`: structure, every xml, and EPU's own lists. */
export async function validateProject(
  source: FolderSource,
  root: string,
  project: string,
  { atlasRoots = [], signal }: ValidateOptions,
): Promise<Validation> {
  const report = new Report(project);
  const look: Look = { source, root, report, signal, movieless: [], movielessCount: 0 };
  const entries = await listed(look, project) ?? [];
  const session = await lookAtSession(look, project, entries);
  const metadata = await metadataFiles(look, project, entries);
  const folders = await squareFolders(look, project, entries);
  if (session !== null) await lookAtAtlas(look, project, session.atlasPath, atlasRoots);
  compareLists(look, project, session, metadata, folders);
  const squareIds = new Set([...metadata?.keys() ?? [], ...folders?.keys() ?? []]);
  for (const squareId of [...squareIds].toSorted((a, b) => a - b)) {
    await lookAtSquare(look, {
      metadataPath: metadata?.get(squareId) ?? null,
      folders: folders?.get(squareId) ?? [],
      areas: session?.areas ?? null,
    });
  }
  noteMovies(look, project);
  return report.validation();
}

async function lookAtSession(
  look: Look,
  project: string,
  entries: readonly FolderEntry[],
): Promise<SessionFile | null> {
  const { report } = look;
  const isThere = (name: string) => entries.some((e) => e.name === name && e.type === "file");
  const path = below(project, "EpuSession.dm");
  if (!isThere("EpuSession.dm")) {
    report.add("session-missing", path, "There is no EpuSession.dm");
    if (isThere("Session.dm")) await lookAtOtherSession(look, below(project, "Session.dm"));
    return null;
  }
  const file = await fileAt(look, path, { truncated: "session-truncated" });
  if (file === null) return null;
  if (file.kind === "foreign") {
    report.add("other-product", path, `It is of another product: ${file.product}`);
    return null;
  }
  if (file.kind !== "session") return null;
  const { name, epuId, epuVersion, started, squareIds, areas } = file;
  report.session = { name, epuId, epuVersion, startedAtMs: started?.atMs ?? null };
  report.counts.squaresListed = squareIds?.length ?? null;
  report.counts.areas = areas.length;
  return file;
}

async function lookAtOtherSession(look: Look, path: string): Promise<void> {
  const file = await fileAt(look, path);
  if (file?.kind === "foreign") {
    look.report.add("other-product", path, `It is of another product: ${file.product}`);
  }
}

/** Paths of `.dm` files by square; `null` where there is no `Metadata`. */
async function metadataFiles(
  look: Look,
  project: string,
  entries: readonly FolderEntry[],
): Promise<Map<number, string> | null> {
  const folder = below(project, "Metadata");
  if (!entries.some(({ name, type }) => name === "Metadata" && type === "folder")) {
    look.report.add("metadata-missing", folder, "There is no folder Metadata");
    return null;
  }
  const found = new Map<number, string>();
  for (const { name, type } of await listed(look, folder) ?? []) {
    if (type !== "file") continue;
    const path = below(folder, name);
    const named = fileKindOf(path);
    if (named.kind === "square-metadata") found.set(named.squareId, path);
    else if (named.kind === "square-image") {
      look.report.add("misplaced-image", path, "An image's xml lies among the squares' metadata");
    }
  }
  return found;
}

/** Folders of images by square; `null` where there is no disc. */
async function squareFolders(
  look: Look,
  project: string,
  entries: readonly FolderEntry[],
): Promise<Map<number, string[]> | null> {
  const discs = entries.filter(({ name, type }) => DISC.test(name) && type === "folder");
  if (discs.length === 0) {
    const path = below(project, "Images-Disc1");
    look.report.add("images-missing", path, "There is no folder Images-Disc1 or further");
    return null;
  }
  const found = new Map<number, string[]>();
  for (const disc of discs) {
    const folder = below(project, disc.name);
    for (const { name, type } of await listed(look, folder) ?? []) {
      const squareId = Number(SQUARE.exec(name)?.[1] ?? NaN);
      if (type !== "folder" || Number.isNaN(squareId)) continue;
      found.set(squareId, [...found.get(squareId) ?? [], below(folder, name)]);
    }
  }
  return found;
}

function compareLists(
  { report }: Look,
  project: string,
  session: SessionFile | null,
  metadata: ReadonlyMap<number, string> | null,
  folders: ReadonlyMap<number, readonly string[]> | null,
): void {
  if (metadata === null) return;
  const isListed = session?.squareIds == null ? null : new Set(session.squareIds);
  for (const squareId of isListed ?? []) {
    if (metadata.has(squareId)) continue;
    const path = below(project, "Metadata", `GridSquare_${squareId}.dm`);
    report.add("square-without-metadata", path, `The session lists square ${squareId}`);
  }
  for (const [squareId, path] of metadata) {
    if (isListed === null || isListed.has(squareId)) continue;
    report.add("square-not-listed", path, `The session does not list square ${squareId}`);
  }
  for (const [squareId, [folder]] of folders ?? []) {
    if (metadata.has(squareId)) continue;
    report.add("folder-without-metadata", folder!, `Square ${squareId} has images, no metadata`);
  }
}

/** A folder without any movie was copied or recorded without; one with some has lost the others. */
function noteMovies({ report, movieless, movielessCount }: Look, project: string): void {
  if (movielessCount === 0) return;
  if (report.counts.movies === 0) {
    report.add("movies-elsewhere", project, `No micrograph of ${movielessCount} has a movie here`);
    return;
  }
  for (const { path, text } of movieless) report.add("movie-missing", path, text);
  if (movielessCount > movieless.length) {
    report.add("movie-missing", project, `So have ${movielessCount - movieless.length} more`);
  }
}
