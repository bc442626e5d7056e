/** One element, as a plain tree. */
export interface PlainElement {
  readonly uri: string;
  readonly local: string;
  readonly attributes: readonly {
    readonly uri: string;
    readonly local: string;
    readonly value: string;
  }[];
  readonly children: PlainElement[];
  /** Of its own, without its children's. */
  text: string;
  /** Characters from the beginning. */
  readonly start: number;
  end: number;
}

const TOKEN =
  /<!--[^]*?-->|<!\[CDATA\[([^]*?)\]\]>|<\?[^]*?\?>|<\/([^\s>]+)\s*>|<([^\s\/>]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|[^<]+/g;
const NAMED: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

/**
 * The tree of well-formed XML, by nothing but a pattern: slow, simple, and no relative of the reader it is
 * to check.
 */
export function plainTree(text: string): PlainElement {
  let root: PlainElement | null = null;
  const open: { element: PlainElement; prefixes: ReadonlyMap<string, string> }[] = [];
  for (const token of text.matchAll(TOKEN)) {
    const [whole, cdata, closing, opening, attributeText, isEmpty] = token;
    const parent = open.at(-1);
    if (closing !== undefined) {
      open.pop()!.element.end = token.index + whole.length;
    } else if (opening !== undefined) {
      const attributes = attributesIn(attributeText!);
      const prefixes = new Map(parent?.prefixes ?? [["xml", "xml"]]);
      for (const [name, value] of attributes) {
        if (name === "xmlns") prefixes.set("", value);
        else if (name.startsWith("xmlns:")) prefixes.set(name.slice(6), value);
      }
      const element: PlainElement = {
        ...named(opening, prefixes, prefixes.get("") ?? ""),
        attributes: attributes.map(([name, value]) => ({ ...named(name, prefixes, ""), value })),
        children: [],
        text: "",
        start: token.index,
        end: token.index + whole.length,
      };
      parent?.element.children.push(element);
      root ??= element;
      if (isEmpty !== "/") open.push({ element, prefixes });
    } else if (parent !== undefined && cdata !== undefined) parent.element.text += lines(cdata);
    else if (parent !== undefined && !whole.startsWith("<")) {
      parent.element.text += unescaped(lines(whole));
    }
  }
  if (root === null) throw new RangeError("No element");
  return root;
}

function named(name: string, prefixes: ReadonlyMap<string, string>, bare: string) {
  const colon = name.indexOf(":");
  return colon === -1
    ? { uri: bare, local: name }
    : { uri: prefixes.get(name.slice(0, colon)) ?? "?", local: name.slice(colon + 1) };
}

function attributesIn(text: string): [string, string][] {
  return [...text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map((
    [, name, double, single],
  ) => [name!, unescaped((double ?? single)!).replace(/[\t\n\r]/g, " ")]);
}

const lines = (text: string) => text.replace(/\r\n?/g, "\n");

function unescaped(text: string): string {
  return text.replace(
    /&(#x[0-9a-fA-F]+|#\d+|\w+);/g,
    (_, entity: string) =>
      entity.startsWith("#x")
        ? String.fromCodePoint(parseInt(entity.slice(2), 16))
        : entity.startsWith("#")
        ? String.fromCodePoint(Number(entity.slice(1)))
        : NAMED[entity]!,
  );
}
