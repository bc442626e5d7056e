import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { type CliHost, type CommandArgs, type CommandSpec, UsageError } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

export const epuFormatXml: CommandSpec = {
  name: "epu format-xml",
  summary: "Lay out EPU's one-line XML for people to read, without changing what it says",
  positionals: "PATHS...",
  options: {
    "in-place": { help: "Change the files themselves; otherwise one file's text goes to stdout" },
    out: { value: "FILE", help: "Where one file's text goes in place of stdout" },
    recursive: { short: "r", help: "Of folders, every .xml and .dm below" },
    backup: { short: "b", help: "With --in-place: keep FILE.<time>.bak" },
    "dry-run": { short: "d", help: "With --in-place: only say which files would change" },
    json: { help: "What was done as JSON" },
  },
  notes: [
    "Text is never touched, and the result is read again with another parser: where the two differ, the " +
    "file is left as it is. A formatted file is no longer EPU's byte for byte.",
    "Ends with 0 when all went well, with 3 when a file could not be read or is not XML.",
  ],
  async run(args, host) {
    const inPlace = args.flag("in-place");
    for (const name of ["backup", "dry-run", "json"]) {
      if (args.flag(name) && !inPlace) throw new UsageError(`--${name} is for --in-place`);
    }
    if (inPlace && args.text("out") !== undefined) {
      throw new UsageError("--out does not go with --in-place");
    }
    const found = filesOf(args, host);
    if (found.unreadable && found.files.length === 0) return EXIT.unreadable;
    if (!inPlace && found.files.length !== 1) {
      throw new UsageError(`${found.files.length} files: give one, or --in-place`);
    }
    const code = inPlace
      ? await formatAll(found.files, args, host)
      : await formatOne(found.files[0]!, args, host);
    return found.unreadable ? EXIT.unreadable : code;
  },
};

function filesOf(args: CommandArgs, host: CliHost): { files: string[]; unreadable: boolean } {
  const files: string[] = [];
  let unreadable = false;
  const walk = (path: string, isGiven: boolean) => {
    try {
      if (!statSync(path).isDirectory()) {
        if (isGiven || /\.(xml|dm)$/i.test(path)) files.push(path);
      } else if (args.flag("recursive")) {
        for (const entry of readdirSync(path, { withFileTypes: true })) {
          // A link may lead out of the folder, or round in it.
          if (!entry.isSymbolicLink()) walk(join(path, entry.name), false);
        }
      } else throw new UsageError(`"${path}" is a folder; --recursive takes what is in it`);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      host.err(`Cannot read "${path}": ${(error as Error).message}`);
      unreadable = true;
    }
  };
  for (const given of args.positionals) walk(resolve(host.cwd, given), true);
  return { files: files.sort(), unreadable };
}

async function formatOne(file: string, args: CommandArgs, host: CliHost): Promise<number> {
  const { formatXml } = await import("../epu/tools/mod.ts");
  let text: Uint8Array;
  try {
    text = formatXml(readFileSync(file));
  } catch (error) {
    host.err(`"${file}": ${(error as Error).message}`);
    return EXIT.unreadable;
  }
  const out = args.text("out");
  if (out === undefined) host.out(new TextDecoder().decode(text).replace(/\n$/, ""));
  else writeFileSync(resolve(host.cwd, out), text, { flag: "wx" });
  return EXIT.ok;
}

async function formatAll(
  files: readonly string[],
  args: CommandArgs,
  host: CliHost,
): Promise<number> {
  const { formatFile } = await import("../epu/tools/mod.ts");
  const dryRun = args.flag("dry-run");
  const done: { file: string; isChanged: boolean; backup: string | null; error: string | null }[] =
    [];
  for (const file of files) {
    try {
      const keepBackup = args.flag("backup");
      const result = formatFile(file, { clock: systemClock, keepBackup, dryRun });
      done.push({ file, ...result, error: null });
      if (!args.flag("json") && (result.isChanged || args.verbosity > 0)) {
        host.out(
          `${result.isChanged ? (dryRun ? "would change" : "changed") : "unchanged"}  ${file}`,
        );
      }
    } catch (error) {
      const { message } = error as Error;
      done.push({ file, isChanged: false, backup: null, error: message });
      host.err(`"${file}": ${message}`);
    }
  }
  if (args.flag("json")) host.out(JSON.stringify(done, null, 2));
  return done.some(({ error }) => error !== null) ? EXIT.unreadable : EXIT.ok;
}
