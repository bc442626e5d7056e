import type { SEVERITIES } from "../model.ts";

/** What validation says besides the reader's own findings. */
interface Rule {
  readonly severity: (typeof SEVERITIES)[number];
  /** The acquisition is not whole while it holds. */
  readonly isGap: boolean;
  readonly consequence: string;
}

/** An `error` makes a folder invalid; a gap makes it incomplete, which it also is while EPU still works. */
export const RULES = {
  "session-missing": {
    severity: "error",
    isGap: true,
    consequence: "Nothing says what was to be acquired: no squares, no areas, no atlas",
  },
  "metadata-missing": {
    severity: "error",
    isGap: true,
    consequence: "Holes are known only from the names of images",
  },
  "images-missing": {
    severity: "error",
    isGap: true,
    consequence: "There is nothing to process",
  },
  "session-truncated": {
    severity: "error",
    isGap: true,
    consequence: "Nothing is taken from the session until it is whole",
  },
  "truncated-xml": {
    severity: "warning",
    isGap: true,
    consequence: "Nothing is taken from the file until it is whole; EPU may still be writing it",
  },
  "broken-xml": {
    severity: "error",
    isGap: true,
    consequence: "Nothing can be taken from the file; copy it again from the microscope",
  },
  "refused-xml": {
    severity: "error",
    isGap: true,
    consequence: "Nothing is taken from the file: EPU writes no such file",
  },
  "unreadable-file": {
    severity: "error",
    isGap: true,
    consequence: "What it holds is not known",
  },
  "vanished": {
    severity: "info",
    isGap: true,
    consequence: "It was removed or renamed while the folder was looked through; look again",
  },
  "other-product": {
    severity: "error",
    isGap: true,
    consequence: "The folder is of another program, and is not read",
  },
  "square-without-metadata": {
    severity: "warning",
    isGap: true,
    consequence: "Its holes and its place are unknown",
  },
  "square-not-listed": {
    severity: "warning",
    isGap: false,
    consequence: "It may be left over from another session on the same grid",
  },
  "folder-without-metadata": {
    severity: "warning",
    isGap: true,
    consequence: "Its holes are known only from the names of images",
  },
  "atlas-not-named": {
    severity: "info",
    isGap: false,
    consequence: "Squares have no place on a map of the grid",
  },
  "atlas-unreachable": {
    severity: "warning",
    isGap: true,
    consequence: "Squares have no place on a map of the grid",
  },
  "atlas-ambiguous": {
    severity: "warning",
    isGap: true,
    consequence: "None is taken; say which with a drive mapping",
  },
  "hole-without-micrographs": {
    severity: "info",
    isGap: false,
    consequence: "It was centred and not exposed, or only for its cluster's sake",
  },
  "ledger-entry-without-file": {
    severity: "warning",
    isGap: true,
    consequence: "EPU has taken the exposure, and its files are not here",
  },
  "file-without-ledger-entry": {
    severity: "warning",
    isGap: false,
    consequence: "EPU's list is older than the file, or the file is of another session",
  },
  "micrograph-without-xml": {
    severity: "warning",
    isGap: true,
    consequence: "How it was taken is unknown: dose, defocus, time",
  },
  "hole-short-of-exposures": {
    severity: "warning",
    isGap: true,
    consequence: "Exposures of the hole's areas are still to come, or are lost",
  },
  "holes-unfinished": {
    severity: "info",
    isGap: true,
    consequence: "The acquisition goes on, or was ended early",
  },
  "misplaced-image": {
    severity: "info",
    isGap: false,
    consequence: "It is of no square; its like in the square's folder counts",
  },
  "movie-missing": {
    severity: "warning",
    isGap: true,
    consequence: "The micrograph cannot be corrected for motion",
  },
  "movies-elsewhere": {
    severity: "info",
    isGap: false,
    consequence: "Movies are kept in another place, or were not saved",
  },
  "movie-empty": {
    severity: "warning",
    isGap: true,
    consequence: "The micrograph cannot be corrected for motion",
  },
  "link-skipped": {
    severity: "info",
    isGap: false,
    consequence: "What it leads to is not looked at",
  },
} as const satisfies Record<string, Rule>;

export type RuleCode = keyof typeof RULES;
