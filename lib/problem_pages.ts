import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ProblemKind, PROBLEMS } from "./problem.ts";

/** A run of text; `code` is set in the machine's type, `href` leads to a page of this instrument. */
export interface Inline {
  readonly text: string;
  readonly code?: true;
  readonly href?: string;
}

export type Block =
  | { readonly kind: "paragraph"; readonly inlines: Inline[] }
  | { readonly kind: "list"; readonly items: Inline[][] };

/** What `/problems/:kind` says: cause, what it means for the sample, what to do. */
export interface ProblemPage {
  readonly kind: ProblemKind;
  readonly status: number;
  readonly title: string;
  readonly sections: { readonly heading: string; readonly blocks: Block[] }[];
}

const FOLDER = join(import.meta.dirname!, "..", "docs", "problems");

/** The page of one problem, or `null` where there is no such problem. */
export async function problemPage(kind: string): Promise<ProblemPage | null> {
  if (!Object.hasOwn(PROBLEMS, kind)) return null;
  const known = kind as ProblemKind;
  const text = await readFile(join(FOLDER, `${known}.md`), "utf8");
  return { kind: known, status: PROBLEMS[known].status, ...parsePage(text) };
}

/** Every kind there is, for an index. */
export function problemKinds(): { kind: ProblemKind; status: number; title: string }[] {
  return (Object.keys(PROBLEMS) as ProblemKind[]).map((kind) => ({ kind, ...PROBLEMS[kind] }));
}

/** Reads the little Markdown these pages use: headings, paragraphs, `-` lists, code and links. */
export function parsePage(text: string): Pick<ProblemPage, "title" | "sections"> {
  let title = "";
  const sections: { heading: string; blocks: Block[] }[] = [];
  for (const chunk of text.trim().split(/\n{2,}/)) {
    const heading = /^(#{1,2}) (.+)$/.exec(chunk);
    if (heading !== null) {
      if (heading[1] === "#") title = heading[2]!;
      else sections.push({ heading: heading[2]!, blocks: [] });
      continue;
    }
    const block: Block = chunk.startsWith("- ")
      ? { kind: "list", items: chunk.slice(2).split(/\n- /).map(inlinesOf) }
      : { kind: "paragraph", inlines: inlinesOf(chunk) };
    sections.at(-1)?.blocks.push(block);
  }
  return { title, sections };
}

function inlinesOf(text: string): Inline[] {
  const line = text.replaceAll(/\s*\n\s*/g, " ");
  const inlines: Inline[] = [];
  let at = 0;
  for (const match of line.matchAll(/`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g)) {
    if (match.index > at) inlines.push({ text: line.slice(at, match.index) });
    inlines.push(
      match[1] === undefined
        ? { text: match[2]!, href: match[3]! }
        : { text: match[1], code: true },
    );
    at = match.index + match[0].length;
  }
  if (at < line.length) inlines.push({ text: line.slice(at) });
  return inlines;
}
