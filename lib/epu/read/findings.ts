import type { Finding } from "../model.ts";

/** Distinct findings of one file that are kept; the rest is counted. */
const KEPT_MAX = 100;

/** Names in a file may be of any length; what is said of it is for people. */
const TEXT_CHARS_MAX = 400;

type Note = Omit<Finding, "path">;

/** What is to be said of one file: the same thing at the same place is said once, with its number. */
export class Findings {
  readonly #kept = new Map<string, { note: Note; times: number }>();
  #dropped = 0;

  constructor(private readonly path: string) {}

  add(given: Note): void {
    const note = { ...given, where: cut(given.where), text: cut(given.text) };
    const key = `${note.code} ${note.where}`;
    const known = this.#kept.get(key);
    if (known !== undefined) known.times++;
    else if (this.#kept.size < KEPT_MAX) this.#kept.set(key, { note, times: 1 });
    else this.#dropped++;
  }

  all(): Finding[] {
    const path = this.path;
    const all: Finding[] = [...this.#kept.values()].map(({ note, times }) => ({
      ...note,
      path,
      text: times === 1 ? note.text : `${note.text} (first of ${times})`,
    }));
    if (this.#dropped > 0) {
      all.push({
        code: "more-findings",
        severity: "warning",
        path,
        where: null,
        text: `${this.#dropped} more places are not listed`,
        consequence: "Something is wrong with the file as a whole",
      });
    }
    return all;
  }
}

function cut<T extends string | null>(text: T): T {
  return text === null || text.length <= TEXT_CHARS_MAX
    ? text
    : `${text.slice(0, TEXT_CHARS_MAX)}…` as T;
}
