import type { Findings } from "./findings.ts";
import type { NamedFile } from "./names.ts";

/** What a file's reader is told besides its elements. */
export interface Origin {
  /** As given, forward slashes. */
  readonly path: string;
  /** What the path says by itself. */
  readonly named: NamedFile;
  /** Of EPU, from the root's `z:Assembly`. */
  readonly epuVersion: string | null;
  readonly findings: Findings;
}

/** `Applications.Epu.Persistence, Version=3.9.1.8206, Culture=...` to `3.9.1.8206`. */
export function versionIn(assembly: string | undefined): string | null {
  return /\bVersion=(\d+(?:\.\d+){1,3})\b/.exec(assembly ?? "")?.[1] ?? null;
}

const OLDEST = [1, 2];
const NEWEST = [3, 13];

/** Says so when a file comes from an EPU that no reader was written against; its fields are read all the same. */
export function noteVersion({ epuVersion, findings }: Origin): void {
  const consequence =
    "Fields that this version names otherwise count as unknown; compare a few values with EPU's own";
  if (epuVersion === null) {
    findings.add({
      code: "unknown-epu-version",
      severity: "info",
      where: null,
      text: "The file does not say which EPU wrote it",
      consequence,
    });
    return;
  }
  const [major = 0, minor = 0] = epuVersion.split(".").map(Number);
  const isKnown = !isBefore([major, minor], OLDEST) && !isBefore(NEWEST, [major, minor]);
  if (isKnown) return;
  findings.add({
    code: "unknown-epu-version",
    severity: "warning",
    where: null,
    text: `Written by EPU ${epuVersion}; known are ${OLDEST.join(".")} to ${NEWEST.join(".")}`,
    consequence,
  });
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  return a[0]! !== b[0]! ? a[0]! < b[0]! : a[1]! < b[1]!;
}
