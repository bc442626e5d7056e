/** Why the data folder cannot be used; the message says what to do. */
export class DataFolderError extends Error {
  override readonly name: string = "DataFolderError";
}

/** It cannot be made or written. */
export class DataFolderUnwritable extends DataFolderError {
  override readonly name = "DataFolderUnwritable";
}

/** Its disk has no room. */
export class DataFolderFull extends DataFolderError {
  override readonly name = "DataFolderFull";
}

/** Another process owns it. */
export class DataFolderOwned extends DataFolderError {
  override readonly name = "DataFolderOwned";
  constructor(
    message: string,
    /** The owner's process, where it can be told. */
    readonly pid: number | null,
  ) {
    super(message);
  }
}

/** One of its files is damaged. */
export class DataFolderDamaged extends DataFolderError {
  override readonly name = "DataFolderDamaged";
  constructor(
    message: string,
    readonly file: string,
    /** Stamp of the newest backup, if there is one. */
    readonly backup: string | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A restore was cut off half way. */
export class DataFolderRestoreUnfinished extends DataFolderError {
  override readonly name = "DataFolderRestoreUnfinished";
}

/** There is no such backup, or it is not what its manifest says. */
export class DataFolderBackupUnfit extends DataFolderError {
  override readonly name = "DataFolderBackupUnfit";
}

/** What a failed file operation in the folder means: no room, or no right. */
export function fileError(doing: string, cause: unknown): DataFolderError {
  const found = cause instanceof Error ? cause.message : String(cause);
  // ENOSPC 28, EDQUOT 122; SQLite says it in words.
  if (/os error (28|122)\b|disk is full/.test(found)) {
    return new DataFolderFull(`Cannot ${doing}: ${found}. Free some space and try again`, {
      cause,
    });
  }
  return new DataFolderUnwritable(`Cannot ${doing}: ${found}`, { cause });
}
