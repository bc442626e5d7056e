/** Durations in milliseconds. */
export interface WatchSettings {
  /** Between two scans of everything; a scan that takes long stretches it. */
  readonly rescanMs: number;
  /** Between two equal looks at a file before it is read. */
  readonly settleMs: number;
  /** A file that stays unfinished for so long is told as truncated. */
  readonly truncatedMs: number;
  /** One `.dm` is read at most this often. */
  readonly rewriteMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Failed reads in a row after which the file is told as unreadable; it is tried on all the same. */
  readonly triesToTell: number;
  /** A folder whose share does not answer for so long is told as away. */
  readonly silenceMs: number;
  /** A larger file is not read. */
  readonly bytesMax: number;
  /** One batch: files, and bytes of what was read for it. */
  readonly batchFiles: number;
  readonly batchBytes: number;
}

export const WATCH_SETTINGS: WatchSettings = {
  rescanMs: 10_000,
  settleMs: 1000,
  truncatedMs: 300_000,
  rewriteMs: 5000,
  retryMinMs: 1000,
  retryMaxMs: 60_000,
  triesToTell: 3,
  silenceMs: 30_000,
  bytesMax: 32 * 1024 * 1024,
  batchFiles: 48,
  batchBytes: 1024 * 1024,
};
