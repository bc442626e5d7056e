import { createHash } from "node:crypto";
import type { FileEntry, Finding } from "../model.ts";
import {
  type EpuFile,
  HEAD_BYTES,
  isComplete,
  type NamedFile,
  readEpuFile,
  TAIL_BYTES,
} from "../read/mod.ts";

/** What became of one file, as `Ingest` takes it. */
export interface TakenFile {
  readonly root: string;
  readonly path: string;
  readonly kind: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly digest: string | null;
  readonly state: FileEntry["state"];
  readonly tries: number;
  readonly error: string | null;
  readonly file: EpuFile | null;
  readonly findings: readonly Finding[];
  readonly unchanged?: boolean;
}

/** Codes of findings, the same as those of a validation. */
const CODES = {
  "not-xml": "broken-xml",
  refused: "refused-xml",
  incomplete: "refused-xml",
} as const;

export type Reading =
  /** Being written, or cut off: look again later. */
  | { readonly kind: "unfinished"; readonly text: string }
  | { readonly kind: "same" }
  | {
    readonly kind: "read";
    readonly state: "taken" | "foreign" | "unreadable";
    readonly digest: string;
    readonly error: string | null;
    readonly file: EpuFile | null;
    readonly findings: readonly Finding[];
  };

/** Pure: what the bytes of one file come to, `known` being the digest of what was taken of it last. */
export function readingOf(
  path: string,
  named: NamedFile,
  bytes: Uint8Array,
  known: string | null,
): Reading {
  const tail = bytes.subarray(Math.max(0, bytes.length - TAIL_BYTES));
  const head = bytes.subarray(0, HEAD_BYTES);
  // A cheap look; what is no XML at all never gets a closing tag and is told by the reader.
  const looksLikeXml = bytes.length === 0 || head.some((byte) => byte === 0x3c);
  if (looksLikeXml && !isComplete(tail, head)) {
    return {
      kind: "unfinished",
      text: bytes.length === 0 ? "It is empty" : "Its root is not closed",
    };
  }
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest === known) return { kind: "same" };
  const read = readEpuFile(path, bytes, named);
  if (!read.ok) {
    const { kind, text } = read.refusal;
    if (kind === "unfinished") return { kind: "unfinished", text };
    return {
      kind: "read",
      state: "unreadable",
      digest,
      error: text,
      file: null,
      findings: [{
        code: CODES[kind],
        severity: "error",
        path,
        where: kind === "not-xml"
          ? `line ${read.refusal.line}, column ${read.refusal.column}`
          : null,
        text,
        consequence: "Nothing of this file is known",
      }],
    };
  }
  const { file, findings } = read.value;
  if (file.kind === "foreign" || file.kind === "unknown") {
    const what = file.kind === "foreign" ? file.product : `the root "${file.rootName}"`;
    return {
      kind: "read",
      state: "foreign",
      digest,
      error: `Not EPU's: ${what}`,
      file,
      findings: [...findings, {
        code: file.kind === "foreign" ? "other-product" : "unknown-content",
        severity: "info",
        path,
        where: null,
        text: `This is ${what}, not a file of an EPU session`,
        consequence: "It is left alone",
      }],
    };
  }
  return { kind: "read", state: "taken", digest, error: null, file, findings };
}
