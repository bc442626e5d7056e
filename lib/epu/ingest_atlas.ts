import type { Finding } from "./model.ts";

/** A drive or folder of the EPU machine, and where it stands on this one. */
export interface DriveMapping {
  /** As EPU writes it: `D:\`, `G:\atlas`. */
  readonly from: string;
  /** Absolute, here. */
  readonly to: string;
}

export interface AtlasPlace {
  readonly root: string;
  /** Below the root, forward slashes. */
  readonly path: string;
}

export type AtlasChoice =
  | { readonly kind: "found"; readonly atlas: AtlasPlace }
  | { readonly kind: "unnamed" }
  | { readonly kind: "missing" }
  | { readonly kind: "several"; readonly candidates: readonly AtlasPlace[] };

/** An EPU path on this machine, forward slashes; `null` where no drive is mapped. */
export function mappedPath(epuPath: string, drives: readonly DriveMapping[]): string | null {
  const path = slashed(epuPath);
  // A folder of a drive that is mapped by itself comes before its drive.
  for (const { from, to } of drives.toSorted((a, b) => b.from.length - a.from.length)) {
    const prefix = slashed(from).replace(/\/+$/, "");
    const rest = path.slice(prefix.length);
    // Windows does not tell upper from lower case.
    if (path.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) continue;
    if (rest !== "" && !rest.startsWith("/")) continue;
    return slashed(to).replace(/\/+$/, "") + rest;
  }
  return null;
}

/**
 * Which of the known atlas files a session means: the one its path leads to, else the only one whose last four
 * segments agree. Never a guess among several.
 */
export function chooseAtlas(
  atlasPath: string | null,
  known: readonly AtlasPlace[],
  { drives, dirOf }: {
    readonly drives: readonly DriveMapping[];
    readonly dirOf: (root: string) => string;
  },
): AtlasChoice {
  if (atlasPath === null || atlasPath.trim() === "") return { kind: "unnamed" };
  const mapped = mappedPath(atlasPath, drives);
  if (mapped !== null) {
    const there = known.find(({ root, path }) =>
      sameText(`${slashed(dirOf(root)).replace(/\/+$/, "")}/${path}`, mapped)
    );
    if (there !== undefined) return { kind: "found", atlas: there };
  }
  const wanted = lastSegments(slashed(atlasPath));
  const candidates = known.filter(({ root, path }) =>
    sameText(lastSegments(`${slashed(dirOf(root))}/${path}`), wanted)
  );
  const [only, ...more] = candidates;
  if (only === undefined) return { kind: "missing" };
  return more.length === 0 ? { kind: "found", atlas: only } : { kind: "several", candidates };
}

function lastSegments(path: string): string {
  return path.split("/").filter((part) => part !== "").slice(-4).join("/");
}

function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}

function sameText(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** What a person should know of how a session's atlas was looked for. */
export function atlasFindings(
  choice: AtlasChoice,
  path: string,
  atlasPath: string | null,
): Finding[] {
  const finding = { severity: "warning", path, where: "AtlasId" } as const;
  switch (choice.kind) {
    case "found":
    case "unnamed":
      return [];
    case "missing":
      return [{
        ...finding,
        code: "atlas-unreachable",
        text: `The atlas "${atlasPath}" is in none of the folders that are watched`,
        consequence: "Squares have no place on the atlas until it is found; name its folder in " +
          "atlas_roots, or the drive in drives",
      }];
    case "several":
      return [{
        ...finding,
        code: "atlas-ambiguous",
        text: `The atlas "${atlasPath}" may be any of ${
          choice.candidates.slice(0, 5).map(({ root, path }) => `"${root}/${path}"`).join(", ")
        }`,
        consequence: "None is taken; name the drive in drives, so that the path leads to one",
      }];
  }
}
