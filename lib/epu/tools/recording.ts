/** What happened to one path, whoever recorded it. */
export type RecordedAct =
  | { readonly kind: "folder" }
  /** The whole content, in place. */
  | { readonly kind: "write"; readonly content: ContentRef }
  /** More bytes behind the first `from`. */
  | { readonly kind: "append"; readonly from: number; readonly content: ContentRef }
  | { readonly kind: "truncate" }
  /** A file whose content was left out: so many bytes, all zero, without room on disk. */
  | { readonly kind: "placeholder" }
  | { readonly kind: "delete"; readonly isFolder: boolean }
  | { readonly kind: "move"; readonly to: string; readonly isFolder: boolean }
  /** The recorder could not read it. */
  | { readonly kind: "unreadable"; readonly why: string };

/** Names bytes that the recording holds. */
export type ContentRef = string;

export interface RecordedStep {
  /** Milliseconds since the recording began. */
  readonly offsetMs: number;
  /** Relative, with forward slashes, checked. */
  readonly path: string;
  readonly act: RecordedAct;
  /** Of the file afterwards; `null` where it has none or the recording does not say. */
  readonly size: number | null;
  /** SHA-256 of the file afterwards, in hexadecimal; `null` as for `size`. */
  readonly digest: string | null;
  /** It was there when the recording began. */
  readonly isInitial: boolean;
  readonly mtimeMs: number | null;
}

export interface Recording extends Disposable {
  readonly form: "holdfast" | "epuplayer archive" | "epuplayer json";
  /** Epoch ms; `null`: not said. */
  readonly recordedAtMs: number | null;
  /** The folder that was watched, as it was called there. */
  readonly folder: string;
  readonly platform: string | null;
  readonly steps: readonly RecordedStep[];
  /** What is wrong with the recording without making it useless: a torn end. */
  readonly notes: readonly string[];
  /** @throws {RecordingUnreadable} when the bytes are missing or damaged. */
  content(ref: ContentRef): Uint8Array;
}

/** Not a recording, or one that cannot be read. */
export class RecordingUnreadable extends Error {
  override readonly name = "RecordingUnreadable";
}

/** Bytes of one file that are kept or replayed at once; a larger one is recorded as a placeholder. */
export const CONTENT_BYTES_MAX = 512 * 1024 * 1024;
/** Bytes a sparse placeholder may pretend to have. */
export const PLACEHOLDER_BYTES_MAX = 1024 ** 4;

const BINARY = new Set(
  "jpg jpeg png gif bmp tif tiff webp mrc mrcs eer st gain dat bin raw zip gz".split(" "),
);

/** By its name: an image or movie, of which only the size matters to a reader of EPU's files. */
export function isBinaryName(path: string): boolean {
  const ending = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase();
  return ending !== undefined && BINARY.has(ending);
}
