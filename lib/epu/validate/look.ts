import { join } from "node:path";
import { type EpuFile, EpuFileReader, type NamedFile } from "../read/mod.ts";
import type { Report } from "./report.ts";
import type { RuleCode } from "./rules.ts";
import { errorCode, type FolderEntry, type FolderSource } from "./source.ts";

/** One project being looked through. */
export interface Look {
  readonly source: FolderSource;
  /** The folder that was asked about: findings name paths below it. */
  readonly root: string;
  readonly report: Report;
  readonly signal: AbortSignal | undefined;
  /** Micrographs without a movie: said only where some have one. */
  readonly movieless: { path: string; text: string }[];
  movielessCount: number;
}

/** `base` below the folder asked about, forward slashes. */
export function below(...parts: string[]): string {
  return parts.filter((part) => part !== "").join("/").replaceAll("\\", "/");
}

/** `null`, with a finding, when the folder cannot be listed. */
export async function listed(look: Look, folder: string): Promise<FolderEntry[] | null> {
  look.signal?.throwIfAborted();
  let entries: FolderEntry[];
  try {
    entries = await look.source.list(join(look.root, folder));
  } catch (error) {
    const code = errorCode(error);
    look.report.add(
      code === "ENOENT" ? "vanished" : "unreadable-file",
      folder,
      `The folder cannot be listed: ${code}`,
    );
    return null;
  }
  for (const { name } of entries.filter(({ type }) => type === "link")) {
    look.report.add("link-skipped", below(folder, name), "It is a symbolic link");
  }
  return entries.toSorted((a, b) => a.name < b.name ? -1 : 1);
}

/** What the file says, or `null` with a finding. `truncated` is the code for a file that is cut. */
export async function fileAt(
  look: Look,
  path: string,
  options: { truncated?: RuleCode; named?: NamedFile } = {},
): Promise<EpuFile | null> {
  look.signal?.throwIfAborted();
  const { report } = look;
  const reader = new EpuFileReader(path, options.named);
  try {
    for await (const chunk of look.source.read(join(look.root, path))) {
      report.counts.bytesRead += chunk.length;
      if (!reader.push(chunk)) break;
    }
  } catch (error) {
    const code = errorCode(error);
    report.add(
      code === "ENOENT" ? "vanished" : "unreadable-file",
      path,
      `The file cannot be read: ${code}`,
    );
    return null;
  }
  report.counts.filesRead++;
  const result = reader.end();
  if (result.ok) {
    for (const finding of result.value.findings) report.take(finding);
    return result.value.file;
  }
  const { kind, text } = result.refusal;
  switch (kind) {
    case "unfinished":
      report.add(options.truncated ?? "truncated-xml", path, text);
      return null;
    case "not-xml":
      report.add("broken-xml", path, text);
      return null;
    case "refused":
    case "incomplete":
      report.add("refused-xml", path, text);
      return null;
  }
}
