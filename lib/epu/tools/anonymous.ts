/** Names that EPU itself gives, and that tell of nobody. */
const EPU_FOLDER =
  /^(Images-Disc\d+|Metadata|Data|FoilHoles|GridSquare_\d+|atlas|Atlas|Sample\d+)$/;
const EPU_FILE =
  /^(EpuSession\.dm|Atlas\.dm|Sample\.dm|ScreeningSession\.dm|(Atlas|Tile|GridSquare|FoilHole)_[\d_]+(Data_[\d_]+)?(_[Ff]ractions|_EER)?\.\w+)$/;

/**
 * The same paths without names of people, visits and projects: whatever EPU did not name itself becomes a
 * number, session folders keep their date. The same name gets the same number throughout.
 */
export function anonymousPaths(paths: readonly string[]): string[] {
  const given = new Map<string, string>();
  const nameOf = (part: string, isFile: boolean): string => {
    if ((isFile ? EPU_FILE : EPU_FOLDER).test(part)) return part;
    const known = given.get(part);
    if (known !== undefined) return known;
    const stamp = /_(\d{8}_\d{6})(?=_|$)/.exec(part)?.[1];
    const ending = isFile ? /\.[A-Za-z0-9]+$/.exec(part)?.[0] ?? "" : "";
    const number = given.size + 1;
    const name = stamp !== undefined && part.startsWith("Supervisor_")
      ? `Supervisor_${stamp}_${number}`
      : `${isFile ? "file" : "folder"}_${number}${ending}`;
    given.set(part, name);
    return name;
  };
  return paths.map((path) => {
    const parts = path.split("/");
    return parts.map((part, i) => nameOf(part, i === parts.length - 1)).join("/");
  });
}
