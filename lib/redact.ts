/** What stands in place of a secret. */
export const REDACTED = "[redacted]";

const SECRET_FIELD =
  /token|secret|passw|passphrase|cookie|authorization|api[_-]?key|credential|^(x-)?session[_-]?id$/i;
/** Names about a secret that hold none: `tokenId`, `tokenCount`, `cookieName`. */
const ABOUT_SECRET = /(token|password|cookie|credential)s?[_-]?(id|count|name|kind|scopes)s?$/i;

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\bhf_[A-Za-z0-9_-]{6,}/g, `hf_${REDACTED}`],
  [/\b(bearer)\s+[A-Za-z0-9+/_.~=-]{4,}/gi, `$1 ${REDACTED}`],
  [/\b([Bb]asic|BASIC|[Dd]igest)\s+(?=\S*[A-Z0-9=])[A-Za-z0-9+/_.~=-]{6,}/g, `$1 ${REDACTED}`],
  [
    /((?:token|secret|passw(?:or)?d|passphrase|cookie|authorization|api[_-]?key|session[_-]?id|holdfast_session)["']?\s*[=:]\s*["']?)(?!\[redacted\]|bearer |basic |digest )[^\s"'&;,}]+/gi,
    `$1${REDACTED}`,
  ],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${REDACTED}@`],
];

const TEXT_MAX = 8192;
const DEPTH_MAX = 6;
const ENTRIES_MAX = 100;

/** Text without tokens, passwords, cookies or credentials in URLs; at most 8 KiB of it. */
export function redactText(text: string): string {
  let out = text.length > TEXT_MAX
    ? `${text.slice(0, TEXT_MAX)}… (${text.length} characters)`
    : text;
  for (const [pattern, replacement] of PATTERNS) out = out.replace(pattern, replacement);
  return out;
}

/**
 * A plain JSON copy of anything, secrets redacted by field name and by what they look like. Errors become
 * name, message, stack and cause. Never throws: cycles, getters that throw and big integers are survived.
 */
export function redact(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case "string":
      return redactText(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
    case "undefined":
      return value;
    case "object":
      break;
    default:
      return String(value);
  }
  if (value === null) return null;
  if (depth >= DEPTH_MAX) return "…";
  if (value instanceof Error) return ofError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) {
    const shown = value.slice(0, ENTRIES_MAX).map((item) => redact(item, depth + 1));
    return value.length > ENTRIES_MAX ? [...shown, `… (${value.length} entries)`] : shown;
  }
  return ofObject(value, depth);
}

function ofObject(value: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value).slice(0, ENTRIES_MAX)) {
    let inner: unknown;
    try {
      inner = (value as Record<string, unknown>)[key];
    } catch {
      inner = "unreadable";
    }
    out[key] = SECRET_FIELD.test(key) && !ABOUT_SECRET.test(key) && inner !== undefined
      ? REDACTED
      : redact(inner, depth + 1);
  }
  return out;
}

function ofError(error: Error, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}
