import { resolve } from "node:path";
import type { Validation } from "../epu/validate/mod.ts";
import { type CliHost, CommandFailed, type CommandSpec } from "./command.ts";
import { findingLines, JSON_OPTION, showFields, whyUnreadable } from "./epu_output.ts";
import { EXIT } from "./exit_codes.ts";

export const epuValidate: CommandSpec = {
  name: "epu validate",
  summary: "Tell whether a folder is an EPU session's, and whether it is whole",
  positionals: "PATH",
  options: {
    ...JSON_OPTION,
    "atlas-root": {
      value: "DIR",
      multiple: true,
      help: "Look for atlases below this folder too; repeat",
    },
  },
  notes: [
    "PATH is a session's folder, or a visit's with several. Every xml is read.",
    "A session is valid when nothing found is an error. It is complete when all that EPU's own lists name " +
    "is there and finished; one that still runs is valid and not complete.",
    `Ends with 0 when every session is valid, with ${EXIT.failed} when one is not, with ${EXIT.usage} for a ` +
    `wrong command line, with ${EXIT.unreadable} when PATH cannot be read.`,
  ],
  async run(args, host) {
    const { diskSource, validate } = await import("../epu/validate/mod.ts");
    const path = resolve(host.cwd, args.positionals[0]!);
    const atlasRoots = args.list("atlas-root").map((root) => resolve(host.cwd, root));
    try {
      await diskSource.list(path);
    } catch (error) {
      throw new CommandFailed(EXIT.unreadable, `Cannot read "${path}": ${whyUnreadable(error)}`);
    }
    const isJson = args.flag("json");
    const all: Validation[] = [];
    let isValid = true;
    for await (const one of validate(diskSource, path, { atlasRoots })) {
      isValid &&= one.valid;
      if (isJson) all.push(one);
      else show(host, one, args.verbosity > 0);
    }
    if (isJson) {
      const complete = all.every((one) => one.complete);
      host.out(JSON.stringify({ path, valid: isValid, complete, sessions: all }, null, 2));
    }
    return isValid ? EXIT.ok : EXIT.failed;
  },
};

function show(host: CliHost, one: Validation, isLong: boolean): void {
  const { counts, session, totals } = one;
  host.out(
    `${one.folder === "" ? "." : one.folder}: ${one.valid ? "valid" : "INVALID"}, ${
      one.complete ? "complete" : "not complete"
    }`,
  );
  showFields(host, [
    ["  session", session === null ? "-" : `${session.name} (EPU ${session.epuVersion ?? "?"})`],
    [
      "  squares",
      `${counts.squares} of ${counts.squaresListed ?? "?"} listed, ${counts.squaresImaged} imaged`,
    ],
    [
      "  holes",
      `${counts.holes}, ${counts.holesSelected} selected, ${counts.holesFinished} finished`,
    ],
    [
      "  micrographs",
      `${counts.micrographs}, ${counts.micrographsListed} in EPU's list, ${
        counts.areas ?? "?"
      } expected a hole`,
    ],
    ["  movies", String(counts.movies)],
    ["  read", `${counts.filesRead} files, ${(counts.bytesRead / 1e6).toFixed(1)} MB`],
  ]);
  const shown = isLong ? one.findings : firstOfEach(one);
  for (const line of findingLines(shown, isLong)) host.out(`  ${line}`);
  for (const [code, count] of Object.entries(totals)) {
    const left = count - shown.filter((finding) => finding.code === code).length;
    if (left > 0) host.out(`  ${code}: ${left} more${isLong ? "" : ', shown with "-v"'}`);
  }
  host.out("");
}

const EACH_MAX = 3;

function firstOfEach({ findings }: Validation): Validation["findings"] {
  const seen = new Map<string, number>();
  return findings.filter(({ code }) => {
    const count = (seen.get(code) ?? 0) + 1;
    seen.set(code, count);
    return count <= EACH_MAX;
  });
}
