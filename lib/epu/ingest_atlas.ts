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
