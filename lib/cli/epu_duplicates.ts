import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DuplicateGroup } from "../epu/tools/mod.ts";
import { CommandFailed, type CommandSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { columns } from "./text.ts";

export const epuDuplicates: CommandSpec = {
  name: "epu duplicates",
  summary: "List foil holes with more than one image, and which of them counts",
  positionals: "DIR",
  options: {
    summary: { help: "Only how many" },
    json: { help: "As JSON" },
  },
  notes: [
    "EPU looks again until it is content with a hole's place; the latest look counts. DIR is an EPU folder, " +
    "or a file with the listing of one.",
  ],
  async run(args, host) {
    const { duplicateHoles, readListing } = await import("../epu/tools/mod.ts");
    const { readEpuFile } = await import("../epu/read/mod.ts");
    const given = resolve(host.cwd, args.positionals[0]!);
    let groups: DuplicateGroup[];
    try {
      groups = statSync(given).isDirectory()
        ? duplicateHoles(filesBelow(given), (path) => {
          const reading = readEpuFile(path, readFileSync(join(given, path)));
          if (!reading.ok || reading.value.file.kind !== "hole-image") return null;
          return reading.value.file.acquired?.atMs ?? null;
        })
        : duplicateHoles(readListing(new TextDecoder().decode(readFileSync(given))));
    } catch (error) {
      throw new CommandFailed(
        EXIT.unreadable,
        `Cannot read "${args.positionals[0]}": ${(error as Error).message}`,
      );
    }
    const files = groups.reduce((sum, { observations }) => sum + observations.length, 0);
    const average = groups.length === 0 ? 0 : Math.round(files / groups.length * 100) / 100;
    if (args.flag("json")) {
      const summary = {
        total_groups: groups.length,
        total_files: files,
        average_files_per_group: average,
      };
      const report = args.flag("summary") ? { summary } : { summary, duplicates: byHole(groups) };
      host.out(JSON.stringify(report, null, 2));
      return EXIT.ok;
    }
    if (!args.flag("summary") && groups.length > 0) {
      const rows = groups.flatMap(({ holeId, squareId, observations }) =>
        observations.map(({ path, stamp, isInForce }, i) => [
          i === 0 ? String(holeId) : "",
          i === 0 ? String(squareId) : "",
          stamp,
          isInForce ? "counts" : "",
          path,
        ])
      );
      for (const line of columns(["Hole", "Square", "Time", "", "File"], rows)) host.out(line);
    }
    host.out(`${groups.length} holes with ${files} images, ${average} each`);
    return EXIT.ok;
  },
};

/** By the hole's name; where two squares have a hole of one number, with the square's folder. */
function byHole(groups: readonly DuplicateGroup[]): Record<string, unknown> {
  const seen = new Map<number, number>();
  for (const { holeId } of groups) seen.set(holeId, (seen.get(holeId) ?? 0) + 1);
  return Object.fromEntries(groups.map(({ holeId, squareId, folder, observations }) => [
    seen.get(holeId) === 1 ? `FoilHole_${holeId}` : `${folder}/FoilHole_${holeId}`,
    observations.map(({ stamp, path, isInForce }) => ({
      timestamp: stamp,
      path,
      gridsquare_id: squareId,
      in_force: isInForce,
    })),
  ]));
}

function* filesBelow(dir: string, folder = ""): Generator<string> {
  for (const entry of readdirSync(join(dir, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dir, path);
    else if (entry.isFile()) yield path;
  }
}
