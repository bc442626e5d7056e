/** The store cannot be read or written: disk, file or closed store. */
export class KvUnavailable extends Error {
  override readonly name = "KvUnavailable";
  /** The commit may have reached the disk all the same: read before trying again. */
  readonly maybeWritten: boolean;
  constructor(message: string, options: ErrorOptions & { maybeWritten?: boolean } = {}) {
    super(message, options);
    this.maybeWritten = options.maybeWritten ?? false;
  }
}

/** A transaction lost its check more often than `ATTEMPTS_MAX`: somebody else writes to the file. */
export class ContentionError extends Error {
  override readonly name = "ContentionError";
}

export function closedError(): KvUnavailable {
  return new KvUnavailable("The store is closed");
}

/** `: <message>` of what was caught, for the end of a message. */
export function because(cause: unknown): string {
  return cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : "";
}
