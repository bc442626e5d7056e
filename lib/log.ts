import type { Clock } from "./clock.ts";
import { LogFile } from "./log_file.ts";
import { redact, redactText } from "./redact.ts";

/** From most to least. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured log: one sentence, and fields that a machine can read. Secrets in either are redacted. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** A log that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Log;
}

export interface LogOptions {
  readonly clock: Clock;
  readonly level: LogLevel;
  /** `-v` once: debug lines on stderr and in the file; twice: stacks on stderr too. */
  readonly verbosity?: number;
  /** Path of the current file; rotated ones get `.1`, `.2`. Without it, stderr only. */
  readonly file?: string;
  readonly sizeKb?: number;
  readonly files?: number;
  /** Where people read: takes whole lines. Without it, the process's stderr. */
  readonly stderr?: (line: string) => void;
}

/** The process's own log, which somebody must close. */
export interface OpenLog extends Log {
  /** Resolves when every line so far is handed to the operating system. */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** For the last moments of a process: what is still waiting, written at once. */
  flushSync(): void;
}

/**
 * Opens the log. Lines go to stderr at once and to the file in batches, without waiting for the disk; a
 * disk that is full or gone costs one warning, and lines go on to stderr.
 */
export function openLog(options: LogOptions): OpenLog {
  const { clock, verbosity = 0 } = options;
  const stderr = options.stderr ?? toStderr;
  const level: LogLevel = verbosity > 0 ? "debug" : options.level;
  const file = options.file === undefined ? null : new LogFile({
    path: options.file,
    clock,
    sizeBytesMax: (options.sizeKb ?? 1024) * 1024,
    filesMax: options.files ?? 5,
    onTrouble: (text) => stderr(humanLine(clock.nowMs(), "warn", text, {}, false)),
  });
  const write: Write = (lineLevel, message, fields) => {
    if (LOG_LEVELS.indexOf(lineLevel) < LOG_LEVELS.indexOf(level)) return;
    const atMs = clock.nowMs();
    const clean = redact(fields) as Record<string, unknown>;
    const text = redactText(message);
    stderr(humanLine(atMs, lineLevel, text, clean, verbosity > 1));
    file?.write(jsonLine(atMs, lineLevel, text, clean));
  };
  return Object.assign(logOver(write, {}), {
    flush: () => file?.flush() ?? Promise.resolve(),
    close: () => file?.close() ?? Promise.resolve(),
    flushSync: () => file?.flushSync(),
  });
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

/** A log that keeps its lines in `lines`, as JSON; what tests of other domains look at. */
export function memoryLog(clock: Clock): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const write: Write = (level, message, fields) => {
    const clean = redact(fields) as Record<string, unknown>;
    lines.push(jsonLine(clock.nowMs(), level, redactText(message), clean).trimEnd());
  };
  return { log: logOver(write, {}), lines };
}

type Write = (level: LogLevel, message: string, fields: Record<string, unknown>) => void;

function logOver(write: Write, own: Record<string, unknown>): Log {
  const at = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) =>
    write(level, message, { ...own, ...fields });
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => logOver(write, { ...own, ...fields }),
  };
}

function jsonLine(
  atMs: number,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown>,
): string {
  return JSON.stringify({ ...fields, at: new Date(atMs).toISOString(), level, message }) + "\n";
}

function humanLine(
  atMs: number,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown>,
  withStacks: boolean,
): string {
  const stacks: string[] = [];
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined).map(
    ([key, value]) => `${key}=${shortly(value, stacks)}`,
  );
  const line = [
    new Date(atMs).toISOString().slice(11, 19),
    level.toUpperCase().padEnd(5),
    printable(message),
    ...shown,
  ].join(" ");
  if (!withStacks || stacks.length === 0) return line;
  return [line, ...stacks.flatMap((s) => s.split("\n")).map((s) => `    ${printable(s)}`)].join(
    "\n",
  );
}

/** One field on one line; an error by its name and message. */
function shortly(value: unknown, stacks: string[]): string {
  if (typeof value === "string") {
    return /^[\w.:/@+-]+$/.test(value) ? value : printable(JSON.stringify(value));
  }
  const error = value as { name?: unknown; message?: unknown; stack?: unknown } | null;
  if (typeof error === "object" && typeof error?.stack === "string") {
    stacks.push(error.stack);
    return printable(JSON.stringify(`${String(error.name)}: ${String(error.message)}`));
  }
  return printable(JSON.stringify(value));
}

/** Nothing that moves a terminal's cursor or starts a line of its own. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (char) => char === "\n" ? "\\n" : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function toStderr(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  try {
    for (let sent = 0; sent < bytes.length;) sent += Deno.stderr.writeSync(bytes.subarray(sent));
  } catch {
    // A closed stderr has no reader, and there is nowhere left to say so.
  }
}
