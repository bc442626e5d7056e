import type { Viewer } from "../../components/experiments.ts";
import {
  type Experiment,
  type Experiments,
  ExperimentState,
  isTerminal,
  type OutputFile,
  ownerLabel,
  TERMINAL,
} from "../../lib/experiments/mod.ts";

/** Lists of experiments as their addresses ask for them: whose, in which state, with which words. */

export interface ListQuery {
  /** `me`, `all`, or what others may read of an owner. */
  readonly owner: string;
  /** `any`, `ended`, `open`, or one state. */
  readonly state: string;
  readonly text: string;
  /** Only experiments with a smaller number; `null`: from the newest. */
  readonly cursor: number | null;
}

export interface Found {
  readonly experiments: Experiment[];
  /** Cursor of the next page; `null` at the end. */
  readonly next: number | null;
  /** The search went so far back and found too few; `next` goes on. */
  readonly lookedAt: number | null;
}

/** Rows of one page, and how many records and run folders one request looks at for them. */
const ROWS = 25;
const RECORDS_MOST = 2000;
const FOLDERS_MOST = 200;
const PAGE = 200;
/** Owners offered: those of the latest so many. */
const OWNERS_OF = 200;

export function listQuery(query: URLSearchParams, first: Pick<ListQuery, "owner" | "state">) {
  const word = (name: string, otherwise: string) => query.get(name)?.slice(0, 100) || otherwise;
  const cursor = query.get("cursor") ?? "";
  return {
    owner: word("owner", first.owner),
    state: statesOf(word("state", first.state)) === null ? first.state : word("state", first.state),
    text: word("q", "").trim(),
    cursor: /^\d{1,9}$/.test(cursor) && Number(cursor) > 0 ? Number(cursor) : null,
  };
}

/** The states a filter's word stands for; `null`: there is no such word. */
export function statesOf(word: string): readonly ExperimentState[] | null {
  if (word === "any") return ExperimentState.options;
  if (word === "ended") return TERMINAL;
  if (word === "open") return ExperimentState.options.filter((state) => !isTerminal(state));
  const one = ExperimentState.safeParse(word);
  return one.success ? [one.data] : null;
}

/** The page of experiments a query asks for, newest first; with `inFiles`, its words may be names of files. */
export async function findExperiments(
  experiments: Pick<Experiments, "list" | "files">,
  { owner, state, text, cursor }: ListQuery,
  viewer: Pick<Viewer, "owner">,
  inFiles = false,
): Promise<Found> {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const found: Experiment[] = [];
  let looked = 0;
  let folders = 0;
  let next = cursor;
  const fits = async (one: Experiment) => {
    if (owner !== "me" && owner !== "all" && ownerLabel(one.owner) !== owner) return false;
    const missing = words.filter((word) => !saidOf(one).includes(word));
    if (missing.length === 0) return true;
    if (!inFiles || one.startedAtMs === null || folders >= FOLDERS_MOST) return false;
    folders++;
    const names = (await experiments.files(one.id)).map(({ path }) => path.toLowerCase());
    return missing.every((word) => names.some((name) => name.includes(word)));
  };
  for (;;) {
    const page = await experiments.list({
      limit: PAGE,
      states: statesOf(state) ?? ExperimentState.options,
      ...(owner === "me" ? { owner: viewer.owner } : {}),
      ...(next === null ? {} : { cursor: next }),
    });
    for (const one of page.experiments) {
      if (found.length === ROWS) return { experiments: found, next, lookedAt: null };
      if (await fits(one)) found.push(one);
      next = one.number;
    }
    looked += page.experiments.length;
    if (page.next === null) return { experiments: found, next: null, lookedAt: null };
    if (looked >= RECORDS_MOST || folders >= FOLDERS_MOST) {
      return { experiments: found, next, lookedAt: looked };
    }
  }
}

/** What the words of a search are looked for in. */
function saidOf({ number, title, owner, kind, state, phase, error, parameters }: Experiment) {
  return [
    `${number} ${title} ${ownerLabel(owner)} ${kind} ${state.replace("_", " ")}`,
    phase ?? "",
    error?.text ?? "",
    ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`),
  ].join(" ").toLowerCase();
}

/** Whose experiments there are, by what others may read of them. */
export async function ownersOf(experiments: Pick<Experiments, "list">): Promise<string[]> {
  const { experiments: latest } = await experiments.list({ limit: OWNERS_OF });
  return [...new Set(latest.map(({ owner }) => ownerLabel(owner)))].toSorted();
}

/** Files of each, and those whose files were removed after their time. */
export async function filesOf(
  experiments: Pick<Experiments, "files" | "hasFolder">,
  list: readonly Experiment[],
): Promise<{ files: Record<string, OutputFile[]>; gone: string[] }> {
  const files: Record<string, OutputFile[]> = {};
  const gone: string[] = [];
  await Promise.all(list.map(async ({ id, startedAtMs }) => {
    if (startedAtMs === null) return;
    if (await experiments.hasFolder(id)) files[id] = await experiments.files(id);
    else gone.push(id);
  }));
  return { files, gone };
}
