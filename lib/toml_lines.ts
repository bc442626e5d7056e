/**
 * Where each key of a valid TOML text stands: dotted path (`server.port`, `agents.0.id`, headers too)
 * to its line, counted from 1. A parser gives values without places; this gives the places.
 * Inline tables and the elements of plain arrays have no line of their own; ask for their parent.
 * Source: TOML 1.0.0, "Keys", "Table", "Array of Tables".
 */
export function tomlLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  /** Tables of each `[[array]]` seen so far, by dotted path. */
  const counts = new Map<string, number>();
  const note = (path: string, line: number) => {
    if (!lines.has(path)) lines.set(path, line);
  };
  let table: string[] = [];
  let at = 0;
  let line = 1;

  const skipTo = (end: number) => {
    for (; at < end; at++) if (text[at] === "\n") line++;
  };
  const resolve = (keys: readonly string[]): string[] => {
    const path: string[] = [];
    for (const key of keys) {
      path.push(key);
      const count = counts.get(path.join("."));
      if (count !== undefined) path.push(String(count - 1));
    }
    return path;
  };

  while (at < text.length) {
    const char = text[at]!;
    if (/\s/.test(char)) skipTo(at + 1);
    else if (char === "#") skipTo(endOfLine(text, at));
    else if (char === "[") {
      const isArray = text[at + 1] === "[";
      const { keys, end } = readKeys(text, at + (isArray ? 2 : 1));
      if (isArray) {
        const parent = [...resolve(keys.slice(0, -1)), keys.at(-1) ?? ""].join(".");
        note(parent, line);
        counts.set(parent, (counts.get(parent) ?? 0) + 1);
      }
      table = resolve(keys);
      note(table.join("."), line);
      skipTo(endOfLine(text, end));
    } else {
      const { keys, end } = readKeys(text, at);
      const path = [...table];
      for (const key of keys) {
        path.push(key);
        note(path.join("."), line);
      }
      skipTo(endOfValue(text, end + 1));
    }
  }
  return lines;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Reads `a."b c".'d'` up to the character that ends it (`=` or `]`). */
function readKeys(text: string, from: number): { keys: string[]; end: number } {
  const keys: string[] = [];
  let at = from;
  for (;;) {
    while (text[at] === " " || text[at] === "\t" || text[at] === ".") at++;
    const char = text[at];
    if (char === undefined || char === "=" || char === "]" || char === "\n") break;
    if (char === '"' || char === "'") {
      const end = endOfString(text, at);
      const inner = text.slice(at + 1, end - 1);
      keys.push(char === '"' ? unescaped(inner) : inner);
      at = end;
    } else {
      const end = at + Math.max(1, text.slice(at).search(/[^A-Za-z0-9_-]|$/));
      keys.push(text.slice(at, end));
      at = end;
    }
  }
  return { keys, end: at };
}

function unescaped(inner: string): string {
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    return inner;
  }
}

/** One past the closing quote of the string that starts at `from`, three-quoted ones included. */
function endOfString(text: string, from: number): number {
  const quote = text[from]!;
  const fence = text.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote;
  for (let at = from + fence.length; at < text.length; at++) {
    if (quote === '"' && text[at] === "\\") at++;
    else if (text.startsWith(fence, at)) {
      let end = at + fence.length;
      // A three-quoted string may end in up to two quotes of its own.
      while (fence.length === 3 && text[end] === quote) end++;
      return end;
    }
  }
  return text.length;
}

/** Where the value that starts at `from` ends: the line's end outside brackets and strings. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const char = text[at]!;
    if (char === '"' || char === "'") {
      at = endOfString(text, at);
      continue;
    }
    if (char === "#") {
      at = endOfLine(text, at);
      continue;
    }
    if (char === "[" || char === "{") depth++;
    if (char === "]" || char === "}") depth--;
    if (char === "\n" && depth <= 0) return at;
    at++;
  }
  return at;
}
