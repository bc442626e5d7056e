import type { Finding } from "../model.ts";
import { type RuleCode, RULES } from "./rules.ts";

/** Findings of one kind that are kept in full; the rest is counted, so that memory does not grow with damage. */
const KEPT_PER_CODE = 200;

export interface ProjectCounts {
  squaresListed: number | null;
  squares: number;
  squaresImaged: number;
  holes: number;
  holesSelected: number;
  holesFinished: number;
  holesImaged: number;
  areas: number | null;
  micrographs: number;
  /** In EPU's own ledger. */
  micrographsListed: number;
  movies: number;
  filesRead: number;
  bytesRead: number;
}

/** What is to be said of one session's folder. */
export interface Validation {
  /** Below the folder that was asked about; "" for itself. */
  readonly folder: string;
  /** No finding is an error. */
  readonly valid: boolean;
  /** Nothing that the session and EPU's lists name is missing, unfinished or cut short. */
  readonly complete: boolean;
  readonly session: {
    readonly name: string;
    readonly epuId: number | null;
    readonly epuVersion: string | null;
    readonly startedAtMs: number | null;
  } | null;
  readonly counts: Readonly<ProjectCounts>;
  /** Errors first, then in the order in which they were met; at most 200 of a code. */
  readonly findings: readonly Finding[];
  /** How many there are of each code, also of those not kept. */
  readonly totals: Readonly<Record<string, number>>;
}

/** Of the reader's findings those that say something is missing which EPU's lists name. */
const READER_GAPS: readonly string[] = ["short-list"];

const RANK = { error: 0, warning: 1, info: 2 };

/** Gathers what is found in one project. */
export class Report {
  readonly counts: ProjectCounts = {
    squaresListed: null,
    squares: 0,
    squaresImaged: 0,
    holes: 0,
    holesSelected: 0,
    holesFinished: 0,
    holesImaged: 0,
    areas: null,
    micrographs: 0,
    micrographsListed: 0,
    movies: 0,
    filesRead: 0,
    bytesRead: 0,
  };
  session: Validation["session"] = null;
  readonly #kept: Finding[] = [];
  readonly #totals = new Map<string, number>();
  #isValid = true;
  #isComplete = true;

  constructor(private readonly folder: string) {}

  add(code: RuleCode, path: string, text: string, where: string | null = null): void {
    const { severity, consequence, isGap } = RULES[code];
    if (isGap) this.#isComplete = false;
    this.take({ code, severity, path, where, text, consequence });
  }

  /** One of the reader's. */
  take(finding: Finding): void {
    const count = (this.#totals.get(finding.code) ?? 0) + 1;
    this.#totals.set(finding.code, count);
    if (finding.severity === "error") this.#isValid = false;
    if (READER_GAPS.includes(finding.code)) this.#isComplete = false;
    if (count <= KEPT_PER_CODE) this.#kept.push(finding);
  }

  validation(): Validation {
    return {
      folder: this.folder,
      valid: this.#isValid,
      complete: this.#isComplete,
      session: this.session,
      counts: this.counts,
      findings: this.#kept.toSorted((a, b) => RANK[a.severity] - RANK[b.severity]),
      totals: Object.fromEntries(this.#totals),
    };
  }
}
