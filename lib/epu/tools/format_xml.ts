import { createHash } from "node:crypto";
import { SaxesParser } from "saxes";
import { type XmlToken, xmlTokens, XmlUnreadable } from "./xml_tokens.ts";

const INDENT = "  ";
const DEPTH_MAX = 256;

interface Element {
  readonly open: string;
  readonly name: string;
  close: string;
  readonly children: (Element | XmlToken)[];
}

/**
 * The same XML with each element on a line of its own, where elements hold nothing but elements. Text is
 * never touched, nor anything in an element that holds text beside elements: there, white space may matter.
 * What comes out parses to the same tree, which is checked with another parser.
 *
 * @throws {XmlUnreadable} when the bytes are not UTF-8, not well-formed, or have a DOCTYPE.
 */
export function formatXml(bytes: Uint8Array): Uint8Array {
  const text = decode(bytes);
  const lines: string[] = [];
  for (const node of treeOf(text)) {
    if ("children" in node) layOut(node, 0, lines);
    else if (node.kind !== "text") lines.push(node.raw);
    else if (node.raw.trim() !== "") {
      throw new XmlUnreadable("There is text outside the root element");
    }
  }
  const formatted = new TextEncoder().encode(lines.join("\n") + "\n");
  if (digestOfTree(formatted) !== digestOfTree(bytes)) {
    throw new XmlUnreadable("Laid out anew it would not be the same; it is left as it is");
  }
  return formatted;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new XmlUnreadable("It is not UTF-8", { cause });
  }
}

function treeOf(text: string): (Element | XmlToken)[] {
  const top: (Element | XmlToken)[] = [];
  const stack: Element[] = [];
  for (const token of xmlTokens(text)) {
    const into = stack.at(-1)?.children ?? top;
    if (token.kind === "open") {
      const element = { open: token.raw, name: token.name, close: "", children: [] };
      into.push(element);
      stack.push(element);
      if (stack.length > DEPTH_MAX) {
        throw new XmlUnreadable(`Elements lie deeper than ${DEPTH_MAX} in each other`);
      }
    } else if (token.kind === "close") {
      const element = stack.pop();
      if (element?.name !== token.name) {
        throw new XmlUnreadable(
          `"${token.raw}" closes ${element === undefined ? "nothing" : `"${element.name}"`}`,
        );
      }
      element.close = token.raw;
    } else into.push(token);
  }
  const open = stack.pop();
  if (open !== undefined) throw new XmlUnreadable(`"${open.name}" is not closed`);
  return top;
}

function layOut(element: Element, depth: number, lines: string[]): void {
  const indent = INDENT.repeat(depth);
  if (!holdsOnlyElements(element)) {
    lines.push(indent + rawOf(element));
    return;
  }
  lines.push(indent + element.open);
  for (const child of element.children) {
    if ("children" in child) layOut(child, depth + 1, lines);
    else if (child.kind !== "text") lines.push(indent + INDENT + child.raw);
  }
  lines.push(indent + element.close);
}

function holdsOnlyElements({ open, children }: Element): boolean {
  if (/\sxml:space\s*=\s*["']preserve["']/.test(open)) return false;
  const isBlank = (node: Element | XmlToken) =>
    !("children" in node) && node.kind === "text" && /^[ \t\r\n]*$/.test(node.raw);
  const others = children.filter((node) => !isBlank(node));
  return others.length > 0 &&
    others.every((node) => "children" in node || (node.kind !== "text" && node.kind !== "cdata")) &&
    others.some((node) => "children" in node || node.kind === "empty");
}

function rawOf({ open, close, children }: Element): string {
  return open + children.map((node) => "children" in node ? rawOf(node) : node.raw).join("") +
    close;
}

/**
 * A digest of what a parser makes of the XML: names, attributes, text, comments and instructions in order.
 * White space between the elements of an element that holds nothing else does not count.
 *
 * @throws {XmlUnreadable} when it is not well-formed.
 */
export function digestOfTree(bytes: Uint8Array): string {
  const hash = createHash("sha256");
  const stack: { parts: string[]; texts: string[]; elements: number; isCounted: boolean }[] = [
    { parts: [], texts: [], elements: 0, isCounted: false },
  ];
  const part = (...words: string[]) => stack.at(-1)!.parts.push(JSON.stringify(words));
  const parser = new SaxesParser({ xmlns: false });
  parser.on("error", (error) => {
    throw new XmlUnreadable(error.message);
  });
  parser.on("doctype", () => {
    throw new XmlUnreadable("A declaration (DOCTYPE) is not taken");
  });
  parser.on("opentag", ({ name, attributes }) => {
    stack.at(-1)!.elements++;
    const isKept = (attributes as Record<string, string>)["xml:space"] === "preserve";
    part("open", name, JSON.stringify(Object.entries(attributes).sort()));
    stack.push({ parts: [], texts: [], elements: 0, isCounted: isKept });
  });
  const onText = (text: string) => {
    stack.at(-1)!.parts.push(`text ${JSON.stringify(text)}`);
    stack.at(-1)!.texts.push(text);
  };
  parser.on("text", onText);
  parser.on("cdata", (text) => {
    stack.at(-1)!.isCounted = true;
    onText(text);
  });
  parser.on("comment", (text) => part("comment", text));
  parser.on("processinginstruction", ({ target, body }) => part("instruction", target, body));
  parser.on("closetag", ({ name }) => {
    const { parts, texts, elements, isCounted } = stack.pop()!;
    const isText = isCounted || elements === 0 || texts.some((text) => text.trim() !== "");
    const own = isText ? parts : parts.filter((one) => !one.startsWith("text "));
    const digest = createHash("sha256").update(own.join("\n")).digest("hex");
    part("close", name, digest);
  });
  parser.write(decode(bytes)).close();
  const top = stack[0]!.parts.filter((one) => !one.startsWith("text "));
  return hash.update(top.join("\n")).digest("hex");
}
