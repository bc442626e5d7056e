import { join } from "node:path";
import type { EpuFile, NamedFile, ReadResult } from "../epu/read/mod.ts";
import type { FolderSource } from "../epu/validate/mod.ts";
import { type CliHost, type CommandArgs, CommandFailed } from "./command.ts";
import { findingLines, whyUnreadable } from "./epu_output.ts";
import { EXIT } from "./exit_codes.ts";
import { columns } from "./text.ts";

/** What was read of one session's folder. */
interface Tally {
  name: string;
  version: string;
  squaresListed: number;
  squares: number;
  holes: number;
  micrographs: number;
  findings: number;
  refused: number;
}

const READ_KINDS: readonly NamedFile["kind"][] = [
  "session",
  "atlas",
  "square-metadata",
  "square-image",
  "hole-image",
  "micrograph-image",
  "fractions",
];

/**
 * Reads every file of EPU's below a folder, one after another. Nothing is kept but counts, so a visit of any
 * size goes through: with `--json` each file is written as it is read.
 */
export async function parseFolder(
  { path, isGrid }: { path: string; isGrid: boolean },
  args: CommandArgs,
  host: CliHost,
): Promise<number> {
  const { diskSource } = await import("../epu/validate/mod.ts");
  const entries = await firstEntries(diskSource, path);
  if (isGrid && !entries.some(({ name }) => name === "EpuSession.dm")) {
    throw new CommandFailed(EXIT.failed, `There is no EpuSession.dm in "${path}"`);
  }
  const startMs = performance.now();
  const output = args.flag("json") ? new JsonOutput(host, path) : null;
  const tallies = new Map<string, Tally>();
  let files = 0;
  for await (const one of readings(diskSource, path, host)) {
    files++;
    take(one, tallies, host, output, args.verbosity > 0);
  }
  output?.end();
  if (files === 0) throw new CommandFailed(EXIT.failed, `"${path}" holds no files of EPU's`);
  if (output === null) showTallies(host, tallies);
  const seconds = (performance.now() - startMs) / 1000;
  host.err(`${files} files in ${seconds.toFixed(1)} s`);
  const isWhole = [...tallies.values()].every(({ refused }) => refused === 0);
  return isWhole ? EXIT.ok : EXIT.failed;
}

async function firstEntries(source: FolderSource, path: string) {
  try {
    return await source.list(path);
  } catch (error) {
    throw new CommandFailed(EXIT.unreadable, `Cannot read "${path}": ${whyUnreadable(error)}`);
  }
}

interface ReadOne {
  /** Below the folder, forward slashes. */
  readonly path: string;
  readonly named: NamedFile;
  readonly result: ReadResult | {
    readonly ok: false;
    readonly refusal: { kind: "unreadable"; text: string };
  };
}

async function* readings(
  source: FolderSource,
  root: string,
  host: CliHost,
  folder = "",
): AsyncGenerator<ReadOne> {
  const { fileKindOf, readEpuStream } = await import("../epu/read/mod.ts");
  let entries;
  try {
    entries = await source.list(join(root, folder));
  } catch (error) {
    host.err(`Cannot read the folder "${folder}": ${whyUnreadable(error)}`);
    return;
  }
  for (const { name, type } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (type === "folder") yield* readings(source, root, host, path);
    if (type !== "file") continue;
    const named = fileKindOf(path);
    if (!READ_KINDS.includes(named.kind)) continue;
    try {
      yield { path, named, result: await readEpuStream(path, source.read(join(root, path))) };
    } catch (error) {
      const text = whyUnreadable(error);
      yield { path, named, result: { ok: false, refusal: { kind: "unreadable", text } } };
    }
  }
}

function take(
  { path, named, result }: ReadOne,
  tallies: Map<string, Tally>,
  host: CliHost,
  output: JsonOutput | null,
  isLong: boolean,
): void {
  // An atlas lies outside every session's folder.
  const tally = "folder" in named && named.kind !== "atlas"
    ? tallyOf(tallies, named.folder)
    : tallyOf(tallies, null);
  if (!result.ok) {
    tally.refused++;
    output?.line({ path, refusal: result.refusal });
    host.err(`${result.refusal.kind}  ${path}: ${result.refusal.text}`);
    return;
  }
  const { file, findings } = result.value;
  tally.findings += findings.length;
  count(tally, file);
  output?.line({ path, file, findings });
  if (isLong && output === null) host.out(`${file.kind.padEnd(16)}  ${path}`);
  for (const line of findingLines(findings, isLong)) host.err(line);
}

const ATLASES = "";

function tallyOf(tallies: Map<string, Tally>, folder: string | null): Tally {
  const key = folder === null ? ATLASES : `/${folder}`;
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = {
      name: folder === null ? "(atlases)" : folder === "" ? "." : folder,
      version: "-",
      squaresListed: 0,
      squares: 0,
      holes: 0,
      micrographs: 0,
      findings: 0,
      refused: 0,
    };
    tallies.set(key, tally);
  }
  return tally;
}

function count(tally: Tally, file: EpuFile): void {
  switch (file.kind) {
    case "session":
      tally.version = file.epuVersion ?? "-";
      tally.squaresListed = file.squareIds?.length ?? 0;
      return;
    case "square-metadata":
      tally.squares++;
      tally.holes += file.holes.length;
      return;
    case "atlas":
      tally.squares += file.squares.length;
      return;
    case "micrograph-image":
      tally.micrographs++;
      return;
    default:
      return;
  }
}

function showTallies(host: CliHost, tallies: ReadonlyMap<string, Tally>): void {
  const heads = [
    "Folder",
    "EPU",
    "Squares",
    "Listed",
    "Holes",
    "Micrographs",
    "Findings",
    "Refused",
  ];
  const rows = [...tallies.values()].map((tally) => [
    tally.name,
    tally.version,
    String(tally.squares),
    String(tally.squaresListed),
    String(tally.holes),
    String(tally.micrographs),
    String(tally.findings),
    String(tally.refused),
  ]);
  for (const line of columns(heads, rows)) host.out(line);
}

/** One document, a file a line, so that nothing waits in memory for its end. */
class JsonOutput {
  #isFirst = true;

  constructor(private readonly host: CliHost, path: string) {
    host.out(`{"path": ${JSON.stringify(path)}, "files": [`);
  }

  line(one: unknown): void {
    this.host.out(`${this.#isFirst ? " " : ","}${JSON.stringify(one)}`);
    this.#isFirst = false;
  }

  end(): void {
    this.host.out("]}");
  }
}
