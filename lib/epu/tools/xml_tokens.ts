/** XML cut into its pieces, each as it stands in the file. */
export type XmlToken =
  | { readonly kind: "open"; readonly raw: string; readonly name: string }
  | { readonly kind: "empty"; readonly raw: string; readonly name: string }
  | { readonly kind: "close"; readonly raw: string; readonly name: string }
  | { readonly kind: "text" | "cdata" | "comment" | "instruction"; readonly raw: string };

/** Not XML that can be laid out anew without harm. */
export class XmlUnreadable extends Error {
  override readonly name = "XmlUnreadable";
}

const MARKUP: readonly [string, string, "cdata" | "comment" | "instruction"][] = [
  ["<!--", "-->", "comment"],
  ["<![CDATA[", "]]>", "cdata"],
  ["<?", "?>", "instruction"],
];
const NAME = /^<\/?([^\s/>"'=<]+)/;

/** @throws {XmlUnreadable} for markup that does not end, and for a DOCTYPE, which EPU never writes. */
export function* xmlTokens(text: string): Generator<XmlToken> {
  for (let at = 0; at < text.length;) {
    if (text[at] !== "<") {
      const end = text.indexOf("<", at);
      const raw = text.slice(at, end === -1 ? undefined : end);
      yield { kind: "text", raw };
      at += raw.length;
      continue;
    }
    const markup = MARKUP.find(([start]) => text.startsWith(start, at));
    if (markup !== undefined) {
      const [start, stop, kind] = markup;
      const end = text.indexOf(stop, at + start.length);
      if (end === -1) throw new XmlUnreadable(`The ${kind} at ${place(text, at)} does not end`);
      yield { kind, raw: text.slice(at, end + stop.length) };
      at = end + stop.length;
      continue;
    }
    if (text.startsWith("<!", at)) {
      throw new XmlUnreadable(`A declaration (DOCTYPE) at ${place(text, at)} is not taken`);
    }
    const raw = text.slice(at, tagEnd(text, at));
    const name = NAME.exec(raw)?.[1];
    if (name === undefined) throw new XmlUnreadable(`There is no tag at ${place(text, at)}`);
    const kind = raw[1] === "/" ? "close" : raw.endsWith("/>") ? "empty" : "open";
    yield { kind, raw, name };
    at += raw.length;
  }
}

/** Behind the `>` that ends the tag; one in an attribute's value does not. */
function tagEnd(text: string, start: number): number {
  let quote = "";
  for (let at = start + 1; at < text.length; at++) {
    const c = text[at]!;
    if (quote !== "") {
      if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === ">") return at + 1;
    else if (c === "<") break;
  }
  throw new XmlUnreadable(`The tag at ${place(text, start)} does not end`);
}

function place(text: string, at: number): string {
  const before = text.slice(0, at);
  return `line ${before.split("\n").length}, column ${at - before.lastIndexOf("\n")}`;
}
