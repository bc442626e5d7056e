/** The file cannot be read or written now; what was asked may be asked again later. */
export class TelemetryUnavailable extends Error {
  override readonly name = "TelemetryUnavailable";
  constructor(message: string, readonly full: boolean, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What is in the file is not what SQLite wrote there. */
export class TelemetryCorrupt extends Error {
  override readonly name = "TelemetryCorrupt";
}

const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** SQLite's error as one of ours. Errors while opening carry no `errcode`, so its text is read as well. */
export function classify(cause: unknown, what: string): Error {
  if (cause instanceof TelemetryUnavailable || cause instanceof TelemetryCorrupt) return cause;
  const { errcode, message } = cause as { errcode?: number; message?: string };
  const found = message ?? String(cause);
  const primary = errcode === undefined ? undefined : errcode & 0xff;
  if (
    primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB ||
    /not a database|malformed|no such (table|column)|has \d+ columns/.test(found)
  ) {
    return new TelemetryCorrupt(`${what}: ${found}`, { cause });
  }
  const full = primary === SQLITE_FULL || /disk is full|ENOSPC/.test(found);
  return new TelemetryUnavailable(`${what}: ${found}`, full, { cause });
}
