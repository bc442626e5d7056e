/** Numbers that look random and follow from their seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, limit);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

interface Span {
  readonly start: number;
  /** Behind the opening tag, before the closing one. */
  readonly inside: number;
  readonly insideEnd: number;
  readonly end: number;
}

/** Elements of XML that was well-formed before others had their way with it. */
function spans(text: string): Span[] {
  const found: Span[] = [];
  const open: { start: number; inside: number; name: string }[] = [];
  for (
    const token of text.matchAll(/<(\/?)([A-Za-z_][^\s\/>]*)((?:"[^"]*"|'[^']*'|[^>"'])*?)(\/?)>/g)
  ) {
    const [whole, closing, name, , isEmpty] = token;
    const end = token.index + whole.length;
    if (closing === "/") {
      const own = open.pop();
      if (own === undefined) continue;
      found.push({ start: own.start, inside: own.inside, insideEnd: token.index, end });
    } else if (isEmpty === "/") {
      found.push({ start: token.index, inside: end, insideEnd: end, end });
    } else open.push({ start: token.index, inside: end, name: name! });
  }
  return found;
}

const TEXTS = [
  "",
  "NaN",
  "-INF",
  "1e309",
  "9".repeat(400),
  "0x1F",
  "1,5",
  "-1",
  "true",
  "0",
  "2024-02-30T10:00:00Z",
  "2024-02-29T10:00:00.1234567+14:00",
  "&lt;&amp;&#65;",
  "&nbsp;",
  "&constructor;",
  "&#0;",
  "\u0001",
  "\uFFFD",
  "<![CDATA[5]]>",
  "<!-- 7 -->8",
  "<?pi x?>9",
  " \r\n 12 \t",
  "x".repeat(70_000),
  "𝛼",
];
const ATTRIBUTES = [
  ' i:nil="true"',
  ' i:nil="false"',
  ' z:Ref="1"',
  ' z:Ref="2" i:nil="true"',
  ' z:Ref="5" i:nil="true"',
  ' z:Ref="99999" i:nil="true"',
  ' z:Id="2"',
  ' z:Id="5"',
  ' z:Size="3"',
  ' xmlns="urn:other"',
  ' xmlns=""',
  ' q="1" q="2"',
];

type Change = (text: string, chance: Chance, others: readonly string[]) => string;

const cutOut = (text: string, start: number, end: number, put = "") =>
  text.slice(0, start) + put + text.slice(end);

/** What each does to a file, by name. */
const CHANGES: Readonly<Record<string, Change>> = {
  remove: (text, chance) => {
    const { start, end } = chance.of(spans(text));
    return cutOut(text, start, end);
  },
  repeat: (text, chance) => {
    const { start, end } = chance.of(spans(text));
    return cutOut(text, end, end, text.slice(start, end).repeat(1 + chance.below(3)));
  },
  move: (text, chance) => {
    const all = spans(text);
    const from = chance.of(all);
    const to = chance.of(all).inside;
    const moved = text.slice(from.start, from.end);
    if (to > from.start && to < from.end) return text;
    return to <= from.start
      ? cutOut(cutOut(text, from.start, from.end), to, to, moved)
      : cutOut(cutOut(text, to, to, moved), from.start, from.end);
  },
  swap: (text, chance) => {
    const all = spans(text);
    const [a, b] = [chance.of(all), chance.of(all)].toSorted((x, y) => x.start - y.start);
    if (a!.end > b!.start) return text;
    return text.slice(0, a!.start) + text.slice(b!.start, b!.end) + text.slice(a!.end, b!.start) +
      text.slice(a!.start, a!.end) + text.slice(b!.end);
  },
  say: (text, chance) => {
    const leaves = spans(text).filter(({ inside, insideEnd }) =>
      inside < insideEnd && !text.slice(inside, insideEnd).includes("<")
    );
    if (leaves.length === 0) return text;
    const { inside, insideEnd } = chance.of(leaves);
    return cutOut(text, inside, insideEnd, chance.of(TEXTS));
  },
  attribute: (text, chance) => {
    const { start } = chance.of(spans(text));
    const name = /^<[^\s\/>]+/.exec(text.slice(start, start + 300));
    const at = start + (name?.[0].length ?? 0);
    return cutOut(text, at, at, chance.of(ATTRIBUTES));
  },
  dropAttribute: (text, chance) => {
    const all = [...text.matchAll(/\s(?:z:|i:|xmlns)[^\s=]*="[^"]*"/g)];
    if (all.length === 0) return text;
    const one = chance.of(all);
    return cutOut(text, one.index, one.index + one[0].length);
  },
  refer: (text, chance) => {
    const all = [...text.matchAll(/z:(?:Ref|Id)="(\d+)"/g)];
    if (all.length === 0) return text;
    const one = chance.of(all);
    const id = chance.of(all)[1]!;
    const word = chance.of(["Ref", "Id"]);
    return cutOut(text, one.index, one.index + one[0].length, `z:${word}="${id}"`);
  },
  rename: (text, chance) => {
    const all = [...text.matchAll(/<\/?([A-Za-z][\w:.]*)/g)];
    const name = chance.of(all)[1]!;
    const other = chance.of(all)[1]!;
    return chance.below(2) === 0
      ? text.replaceAll(new RegExp(`(</?)${name}(?=[\\s/>])`, "g"), `$1${other}`)
      : text.replace(name, other);
  },
  namespace: (text, chance) => {
    const all = [...text.matchAll(/"(http:\/\/schemas[^"]*)"/g)];
    if (all.length === 0) return text;
    const put = chance.of(["urn:x", "", chance.of(all)[1]!]);
    const one = chance.of(all);
    return cutOut(text, one.index + 1, one.index + one[0].length - 1, put);
  },
  nest: (text, chance) => {
    const { start, end } = chance.of(spans(text));
    const depth = chance.of([1, 3, 40, 70, 5000]);
    return text.slice(0, start) + "<n>".repeat(depth) + text.slice(start, end) +
      "</n>".repeat(depth) + text.slice(end);
  },
  doctype: (text) => `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>${text}`,
  declaration: (text, chance) => {
    const encoding = chance.of(["utf-8", "utf-16", "windows-1252", "x"]);
    return `<?xml version="${chance.of(["1.0", "1.1"])}" encoding="${encoding}"?>${
      text.replace(/^\s*<\?xml[^?]*\?>/, "")
    }`;
  },
  splice: (text, chance, others) => {
    const other = chance.of(others);
    const { start, end } = chance.of(spans(other));
    const at = chance.of(spans(text)).inside;
    return cutOut(text, at, at, other.slice(start, Math.min(end, start + 20_000)));
  },
  zeros: (text, chance) => {
    const at = chance.below(text.length);
    const length = 1 + chance.below(64);
    return cutOut(text, at, at + (chance.below(2) === 0 ? length : 0), "\0".repeat(length));
  },
  noise: (text, chance) => {
    const at = chance.below(text.length);
    return cutOut(
      text,
      at,
      at + chance.below(4),
      chance.of(["<", ">", "&", "]]>", '"', "é", "/", ""]),
    );
  },
  cut: (text, chance) => text.slice(0, chance.below(text.length)),
  tail: (text, chance) =>
    text + chance.of(["\n", "\0\0", "<x/>", "junk", "<!-- c -->", text.slice(0, 99)]),
};

/** One file made worse; `names` says how. */
export function mutant(
  text: string,
  chance: Chance,
  others: readonly string[],
): { names: string[]; bytes: Uint8Array<ArrayBuffer>; isWide: boolean } {
  const names: string[] = [];
  let changed = text;
  for (let left = 1 + chance.below(4); left > 0 && spans(changed).length > 0; left--) {
    const name = chance.of(Object.keys(CHANGES));
    names.push(name);
    changed = CHANGES[name]!(changed, chance, others);
  }
  const encoding = chance.of(["utf-8", "utf-8", "utf-8", "utf-8", "utf-16le", "latin1"]);
  if (encoding !== "utf-8") names.push(encoding);
  return { names, bytes: encoded(changed, encoding), isWide: encoding === "utf-16le" };
}

function encoded(text: string, encoding: string): Uint8Array<ArrayBuffer> {
  if (encoding === "utf-8") return new TextEncoder().encode(text);
  if (encoding === "latin1") {
    return Uint8Array.from(text, (character) => character.charCodeAt(0) & 255);
  }
  const wide = new Uint16Array(text.length + 1);
  wide[0] = 0xfeff;
  for (let i = 0; i < text.length; i++) wide[i + 1] = text.charCodeAt(i);
  return new Uint8Array(wide.buffer);
}
