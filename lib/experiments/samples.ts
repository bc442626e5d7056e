import { join } from "node:path";
import type { ScriptKind } from "./model.ts";

/** A script that ships with Holdfast, offered where people submit their own. */
export interface Sample {
  /** File name. */
  readonly id: string;
  readonly title: string;
  readonly kind: ScriptKind;
  readonly text: string;
}

/** What both languages' versions of a sample are called. */
export function sampleName({ id }: Sample): string {
  return id.replace(/\.\w+$/, "");
}

/**
 * The sample scripts in `folder`, by file name. A script's title is its first comment or docstring line.
 */
export async function loadSamples(folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    const match = /^([a-z0-9_]+)\.(py|ts)$/.exec(name);
    if (!isFile || match === null || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(join(folder, name));
    samples.push({
      id: name,
      title: titleOf(text) ?? match[1]!.replaceAll("_", " "),
      kind: match[2] === "py" ? "python" : "typescript",
      text,
    });
  }
  return samples.sort((a, b) => a.id.localeCompare(b.id));
}

function titleOf(text: string): string | null {
  const first = text.split("\n").find((line) => line.trim() !== "" && !line.startsWith("#!"));
  const title = first?.replace(/^\s*("""|\/\*\*?|\/\/|#)\s*/, "").replace(/\s*("""|\*\/)\s*$/, "")
    .replace(/\.$/, "");
  return title === undefined || title === "" || title === first ? null : title;
}
