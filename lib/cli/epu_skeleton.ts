import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { GeneratedFile, WrittenFiles } from "../epu/tools/mod.ts";
import { type CommandArgs, CommandFailed, type CommandSpec, UsageError } from "./command.ts";
import { PLAN_OPTIONS, planAskOf } from "./epu_plan.ts";
import { EXIT } from "./exit_codes.ts";

export const epuSkeleton: CommandSpec = {
  name: "epu skeleton",
  summary: "Build an EPU folder for tests: invented, or with the names of a listing",
  positionals: "[LISTING] DIR",
  options: {
    ...PLAN_OPTIONS,
    anonymous: { help: "With LISTING: no names of people, visits and projects" },
    json: { help: "As JSON" },
  },
  notes: [
    "LISTING is what tree or find printed of a true visit: xml and .dm get content that fits the names, " +
    "anything else is empty. Without it a whole session is invented.",
    "DIR must be empty or not there. The same options give the same bytes.",
  ],
  async run(args, host) {
    const tools = await import("../epu/tools/mod.ts");
    const given = args.positionals.map((one) => resolve(host.cwd, one));
    const dir = given.at(-1)!;
    const files = given.length === 2
      ? listedFiles(tools, args, given[0]!)
      : inventedFiles(tools, args);
    let written: WrittenFiles;
    try {
      tools.requireEmptyFolder(dir);
      written = tools.writeFiles(dir, files, ({ files: count }) => {
        if (args.verbosity > 0) host.err(`${count} files`);
      });
    } catch (error) {
      // Plans are checked as the first file is asked for.
      if (error instanceof RangeError) throw new UsageError(error.message);
      throw new CommandFailed(EXIT.failed, `Cannot build "${dir}": ${(error as Error).message}`);
    }
    if (args.flag("json")) host.out(JSON.stringify({ dir, ...written }));
    else {
      host.out(dir);
      host.err(`${written.files} files, ${(written.bytes / 1e6).toFixed(1)} MB`);
    }
    return EXIT.ok;
  },
};

type Tools = typeof import("../epu/tools/mod.ts");

const NEEDS_PLAN = ["micrographs", "squares", "holes", "areas", "start", "previews"];

function inventedFiles(tools: Tools, args: CommandArgs): Iterable<GeneratedFile> {
  if (args.flag("anonymous")) throw new UsageError("--anonymous is for a LISTING");
  return tools.generateFiles(planAskOf(args));
}

function listedFiles(tools: Tools, args: CommandArgs, listing: string): Iterable<GeneratedFile> {
  const wrong = NEEDS_PLAN.find((name) => args.text(name) !== undefined);
  if (wrong !== undefined) throw new UsageError(`--${wrong} does not go with a LISTING`);
  let paths: string[];
  try {
    paths = tools.readListing(new TextDecoder().decode(readFileSync(listing)));
  } catch (error) {
    throw new CommandFailed(
      EXIT.unreadable,
      `Cannot take "${listing}" as a listing: ${(error as Error).message}`,
    );
  }
  const { seed, visit, version } = tools.planOf(planAskOf(args));
  return tools.filesFromListing(args.flag("anonymous") ? tools.anonymousPaths(paths) : paths, {
    seed,
    version,
    storagePath: `Z:\\${visit}`,
  });
}
