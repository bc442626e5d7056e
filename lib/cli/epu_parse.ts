import { resolve } from "node:path";
import type { EpuFile, EpuFileKind, EpuReading, ReadRefusal } from "../epu/read/mod.ts";
import {
  type CliHost,
  type CommandArgs,
  CommandFailed,
  type CommandSpec,
  UsageError,
} from "./command.ts";
import { findingLines, JSON_OPTION, whyUnreadable } from "./epu_output.ts";
import { parseFolder } from "./epu_parse_folder.ts";
import { showFile } from "./epu_show.ts";
import { EXIT } from "./exit_codes.ts";

/** The original's word for each kind of file, and ours. */
const FILE_KINDS: Readonly<Record<string, { kind: EpuFileKind; text: string }>> = {
  session: { kind: "session", text: "an EPU session" },
  atlas: { kind: "atlas", text: "an atlas" },
  "gridsquare-metadata": { kind: "square-metadata", text: "a grid square's metadata" },
  gridsquare: { kind: "square-image", text: "a grid square's image" },
  foilhole: { kind: "hole-image", text: "a foil hole's image" },
  micrograph: { kind: "micrograph-image", text: "a micrograph" },
};
const FOLDER_KINDS = ["dir", "grid"];
const KINDS = [...FOLDER_KINDS, ...Object.keys(FILE_KINDS)];

export const epuParse: CommandSpec = {
  name: "epu parse",
  summary: "Read EPU's files and show what they say",
  positionals: "KIND PATH",
  options: JSON_OPTION,
  notes: [
    `KIND is one of ${
      KINDS.join(", ")
    }. "dir" reads every session's files below a folder, "grid" those of ` +
    "one session; the others read one file.",
    "What a file is, its content decides; ids that only names carry come from its name and folders.",
    `Ends with 0, with ${EXIT.failed} when a file is cut, broken or of another kind, with ${EXIT.unreadable} ` +
    "when PATH cannot be read.",
  ],
  async run(args, host) {
    const [kind, given] = args.positionals as [string, string];
    const path = resolve(host.cwd, given);
    if (FOLDER_KINDS.includes(kind)) {
      return await parseFolder({ path, isGrid: kind === "grid" }, args, host);
    }
    const wanted = FILE_KINDS[kind];
    if (wanted === undefined) {
      throw new UsageError(`"${kind}" is none of ${KINDS.join(", ")}`);
    }
    return await parseFile(path, wanted, args, host);
  },
};

async function parseFile(
  path: string,
  wanted: { kind: EpuFileKind; text: string },
  args: CommandArgs,
  host: CliHost,
): Promise<number> {
  const { readEpuStream } = await import("../epu/read/mod.ts");
  const { diskSource } = await import("../epu/validate/mod.ts");
  let result;
  try {
    result = await readEpuStream(path, diskSource.read(path));
  } catch (error) {
    throw new CommandFailed(EXIT.unreadable, `Cannot read "${path}": ${whyUnreadable(error)}`);
  }
  if (!result.ok) throw new CommandFailed(EXIT.failed, refusalText(path, result.refusal));
  const { file, findings } = result.value;
  if (file.kind !== wanted.kind) {
    throw new CommandFailed(EXIT.failed, `"${path}" is not ${wanted.text}: ${strangerText(file)}`);
  }
  show(result.value, args, host);
  return findings.some(({ severity }) => severity === "error") ? EXIT.failed : EXIT.ok;
}

function show(reading: EpuReading, args: CommandArgs, host: CliHost): void {
  if (args.flag("json")) {
    host.out(JSON.stringify(reading, null, 2));
    return;
  }
  showFile(host, reading.file, args.verbosity > 0);
  for (const line of findingLines(reading.findings, args.verbosity > 0)) host.err(line);
}

function refusalText(path: string, refusal: ReadRefusal): string {
  switch (refusal.kind) {
    case "unfinished":
      return `"${path}" is not finished: ${refusal.text}`;
    case "not-xml":
      return `"${path}" is not XML: ${refusal.text}`;
    case "refused":
    case "incomplete":
      return `"${path}" is refused: ${refusal.text}`;
  }
}

function strangerText(file: EpuFile): string {
  switch (file.kind) {
    case "foreign":
      return `it is of another product, ${file.product}`;
    case "unknown":
      return `its root is "${file.rootName}"`;
    case "other-image":
      return "it is an image whose name does not say of what";
    default: {
      const known = Object.values(FILE_KINDS).find(({ kind }) => kind === file.kind);
      return `it is ${known?.text ?? `of the kind "${file.kind}"`}`;
    }
  }
}
