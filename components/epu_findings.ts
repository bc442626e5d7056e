/** What the pages of findings, files and agents show, as plain JSON, and the words for it. */

export const SEVERITY_ORDER = ["error", "warning", "info"] as const;
export type Severity = typeof SEVERITY_ORDER[number];

export interface ShownFinding {
  readonly code: string;
  readonly severity: Severity;
  readonly path: string;
  readonly where: string | null;
  readonly text: string;
  readonly consequence: string;
  readonly firstSeenAtMs: number;
}

export interface ShownOrphan {
  readonly path: string;
  readonly kind: string;
  readonly parentKind: string;
  readonly parentKey: string;
  readonly sinceMs: number;
}

export interface ShownFile {
  readonly path: string;
  readonly kind: string;
  readonly sizeBytes: number;
  readonly state: string;
  readonly tries: number;
  readonly error: string | null;
  readonly digest: string | null;
  readonly firstSeenAtMs: number;
  readonly changedAtMs: number;
}

/** One line of the report: what is said, and whether it holds. */
export interface Check {
  readonly label: string;
  readonly found: string;
  readonly isMet: boolean;
}

/** What is known so far: whether it is an EPU session's folder, and whether all of it is here. */
export interface Verdict {
  readonly valid: boolean;
  readonly complete: boolean;
  readonly validity: readonly Check[];
  readonly completeness: readonly Check[];
}

/** What the address of the page of findings asks for. */
export interface FindingsAsk {
  readonly severity: Severity | null;
  /** Empty: of any kind. */
  readonly code: string;
  /** Part of a path or of what is said; empty: any. */
  readonly text: string;
  /** Findings left out at the top. */
  readonly from: number;
}

export interface FindingsData {
  readonly atMs: number;
  readonly verdict: Verdict;
  /** How many there are at all, whatever is asked for. */
  readonly counts: {
    readonly findings: number;
    readonly orphans: number;
    readonly truncated: number;
  };
  /** Of those asked for: errors first, within a severity the longest known first. */
  readonly findings: readonly ShownFinding[];
  /** How many are asked for, all pages together. */
  readonly found: number;
  readonly codes: readonly string[];
  readonly orphans: readonly ShownOrphan[];
  /** Truncated and unreadable ones. */
  readonly files: readonly ShownFile[];
}

export interface FilesData {
  readonly atMs: number;
  readonly files: readonly ShownFile[];
  readonly next: string | null;
}

export interface ShownConnection {
  readonly id: string;
  readonly clientInfo: string | null;
  readonly state: string;
  readonly openedAtMs: number;
  readonly lastHeartbeatAtMs: number;
  readonly closedAtMs: number | null;
  readonly closeReason: string | null;
}

export interface ShownInstruction {
  readonly id: string;
  readonly type: string;
  readonly priority: string;
  readonly state: string;
  readonly decisionId: string | null;
  readonly deliveries: number;
  readonly createdAtMs: number;
  readonly sentAtMs: number | null;
  readonly receivedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly expiresAtMs: number;
  readonly answer: string | null;
  readonly lateAnswer: string | null;
}

export interface ShownLogLine {
  readonly atMs: number;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
}

export interface ShownSession {
  readonly id: string;
  readonly agentId: string;
  readonly name: string;
  readonly state: string;
  readonly createdAtMs: number;
  readonly lastActivityAtMs: number;
  readonly endedAtMs: number | null;
  readonly connections: readonly ShownConnection[];
  readonly instructions: readonly ShownInstruction[];
  /** Newest first. */
  readonly lines: readonly ShownLogLine[];
}

export interface AgentsData {
  readonly atMs: number;
  readonly sessions: readonly ShownSession[];
}

/** `truncated-xml` as people say it. */
export function codeInWords(code: string): string {
  const words = code.replaceAll("-", " ").replace(/\bxml\b/g, "XML");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Findings of one kind together, in the order in which each kind comes first. */
export function byCode(findings: readonly ShownFinding[]): ShownFinding[][] {
  return [...Map.groupBy(findings, ({ severity, code }) => `${severity} ${code}`).values()];
}

/** What a state of a file means for what is known. */
export function fileStateInWords(state: string): string {
  switch (state) {
    case "settling":
      return "EPU may still be writing it";
    case "taken":
      return "read, and all of it is known";
    case "orphaned":
      return "read, and it waits for its parent";
    case "truncated":
      return "it ends in the middle, and nothing is taken from it";
    case "unreadable":
      return "it cannot be read, and what it holds is not known";
    case "foreign":
      return "of another program";
    case "ignored":
      return "says nothing that is kept";
    case "gone":
      return "it was there, and is no longer";
    default:
      return state;
  }
}

export interface CountsLike {
  readonly squares: number;
  readonly squaresImaged: number;
  readonly holes: number;
  readonly holesSelected: number;
  readonly holesFinished: number;
  readonly micrographs: number;
  readonly exposures: {
    readonly expected: number | null;
    readonly listed: number;
    readonly seen: number;
  };
  readonly orphans: number;
  readonly filesTruncated: number;
}

/**
 * Valid: an EPU session stands in the folder and no finding is an error. Complete: nothing that the session
 * and EPU's lists name is missing, unfinished or cut short. `squaresRead` counts squares with a file of
 * their own.
 */
export function verdictOf(
  { counts, squaresListed, squaresRead, errors, gaps, hasSession }: {
    counts: CountsLike;
    squaresListed: number | null;
    squaresRead: number;
    errors: number;
    /** Findings that say something is missing. */
    gaps: number;
    hasSession: boolean;
  },
): Verdict {
  const { holesSelected, holesFinished, exposures, orphans, filesTruncated } = counts;
  const none = (count: number, noun: string) => count === 0 ? "none" : `${count} ${noun}`;
  const validity: Check[] = [
    {
      label: "The session’s own file",
      found: hasSession ? "read" : "not read",
      isMet: hasSession,
    },
    { label: "Metadata of squares", found: `${squaresRead} read`, isMet: squaresRead > 0 },
    {
      label: "Exposures",
      found: `${counts.micrographs} known`,
      isMet: counts.micrographs > 0,
    },
    { label: "Errors among the findings", found: none(errors, ""), isMet: errors === 0 },
  ];
  const expected = exposures.expected;
  const completeness: Check[] = [
    {
      label: "Squares of the session’s list",
      found: squaresListed === null
        ? `${squaresRead} read; the list is not known`
        : `${squaresRead} of ${squaresListed} read`,
      isMet: squaresListed !== null && squaresRead >= squaresListed,
    },
    {
      label: "Selected holes",
      found: `${holesFinished} of ${holesSelected} finished`,
      isMet: holesSelected > 0 && holesFinished >= holesSelected,
    },
    {
      label: "Exposures EPU lists",
      found: `${exposures.seen} of ${exposures.listed} seen`,
      isMet: exposures.listed > 0 && exposures.seen >= exposures.listed,
    },
    {
      label: "Exposures the template asks for",
      found: expected === null
        ? "the template is not known"
        : `${exposures.seen} of ${expected} seen`,
      isMet: expected !== null && exposures.seen >= expected,
    },
    { label: "Entries without their parent", found: none(orphans, "wait"), isMet: orphans === 0 },
    {
      label: "Truncated files",
      found: none(filesTruncated, ""),
      isMet: filesTruncated === 0,
    },
    { label: "Findings that something is missing", found: none(gaps, ""), isMet: gaps === 0 },
  ];
  return {
    valid: validity.every(({ isMet }) => isMet),
    complete: completeness.every(({ isMet }) => isMet),
    validity,
    completeness,
  };
}
