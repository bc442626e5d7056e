import { SaxesParser } from "saxes";
import type { XmlAttribute } from "./bind.ts";
import type { ReadRefusal, RefusalReason } from "./files.ts";
import { Refused } from "./refused.ts";
import { XmlText } from "./xml_text.ts";

/** Real files: 2.3 MB, 40 280 elements, depth 15, six attributes. */
export const LIMITS = {
  bytes: 32 * 1024 * 1024,
  depth: 64,
  elements: 1_000_000,
  attributes: 64,
} as const;

export interface XmlHandler {
  open(uri: string, local: string, attributes: Readonly<Record<string, XmlAttribute>>): void;
  text(text: string): void;
  close(): void;
  /** From the XML declaration, lower case. */
  declared(encoding: string): void;
}

/** Of what the parser says: it quotes names of any length. */
const TEXT_CHARS_MAX = 200;
const PREDEFINED = { amp: "&", gt: ">", lt: "<", quot: '"', apos: "'" };

/**
 * Well-formed XML from chunks of bytes, within limits: no DOCTYPE, no entities but the five and numbers.
 * `unfinished` is told from `not-xml` by where the parser stumbles: over a character that is there, or over
 * the end. Zeros are a stretch of the file that is not written yet.
 */
export class XmlStream {
  readonly source = new XmlText();
  /** Zeros stand behind the root: the file was made longer than its content. */
  isPadded = false;
  #parser: SaxesParser<{ xmlns: true }>;
  #refusal: ReadRefusal | null = null;
  #bytes = 0;
  #elements = 0;
  #depth = 0;
  #isRootClosed = false;
  #sawZero = false;

  constructor(private readonly handler: XmlHandler) {
    const parser = this.#parser = new SaxesParser({ xmlns: true });
    // The parser's own table inherits from Object: "&constructor;" would come back as a function.
    Object.assign(parser, { ENTITIES: Object.assign(Object.create(null), PREDEFINED) });
    parser.on("error", (error) => this.#stumble(error));
    parser.on("doctype", () => this.#refuse("doctype", "The file declares a document type"));
    parser.on("xmldecl", ({ encoding }) => {
      if (encoding !== undefined) handler.declared(encoding.toLowerCase());
    });
    parser.on("opentag", ({ uri, local, attributes }) => this.#open(uri, local, attributes));
    parser.on("text", (text) => handler.text(text));
    parser.on("cdata", (text) => handler.text(text));
    parser.on("closetag", () => {
      this.#depth--;
      if (this.#depth === 0) this.#isRootClosed = true;
      handler.close();
    });
  }

  /** `false`: nothing further can change what `end` will say. */
  push(chunk: Uint8Array): boolean {
    if (this.#refusal !== null) return false;
    this.#bytes += chunk.length;
    return this.#guarded(() => {
      if (this.#bytes > LIMITS.bytes) {
        this.#refuse("too-large", `The file is larger than ${LIMITS.bytes / 1024 / 1024} MB`);
      }
      for (const text of this.source.push(chunk)) this.#write(text);
    });
  }

  /** `null`: well-formed to the end. */
  end(): ReadRefusal | null {
    this.#guarded(() => {
      const { text, isCut } = this.source.end();
      this.#write(text);
      if (this.#sawZero && !this.#isRootClosed) {
        throw new Refused({
          kind: "unfinished",
          text: `The content ends in zeros at line ${this.#parser.line}`,
        });
      }
      this.isPadded = this.#sawZero;
      if (isCut) {
        throw new Refused({ kind: "unfinished", text: "The file ends inside a character" });
      }
      const { line } = this.#parser;
      try {
        this.#parser.close();
      } catch (error) {
        if (!(error instanceof Refused) || error.refusal.kind !== "not-xml") throw error;
        const text = this.#bytes === 0 ? "The file is empty" : `The file ends at line ${line}`;
        throw new Refused({ kind: "unfinished", text: `${text}, its root is not closed` });
      }
    });
    return this.#refusal;
  }

  #write(text: string): void {
    if (text === "") return;
    const zero = this.#sawZero ? 0 : text.indexOf("\0");
    if (zero === -1) {
      this.#parser.write(text);
      return;
    }
    if (!this.#sawZero && zero > 0) this.#parser.write(text.slice(0, zero));
    this.#sawZero = true;
    if (/^[\0\s]*$/.test(text.slice(zero))) return;
    throw new Refused(
      this.#isRootClosed ? this.#broken("text data outside of root node") : {
        kind: "unfinished",
        text: `The content has a gap of zeros at line ${this.#parser.line}`,
      },
    );
  }

  #open(uri: string, local: string, attributes: Readonly<Record<string, XmlAttribute>>): void {
    if (++this.#depth > LIMITS.depth) {
      this.#refuse("too-deep", `Elements are nested deeper than ${LIMITS.depth}`);
    }
    if (++this.#elements > LIMITS.elements) {
      this.#refuse("too-many-elements", `The file has more than ${LIMITS.elements} elements`);
    }
    let count = 0;
    for (const _ in attributes) count++;
    if (count > LIMITS.attributes) {
      this.#refuse("too-many-attributes", `An element has ${count} attributes`);
    }
    this.handler.open(uri, local, attributes);
  }

  #refuse(reason: RefusalReason, text: string): never {
    throw new Refused({ kind: "refused", reason, text });
  }

  #stumble(error: Error): never {
    throw new Refused(this.#broken(error.message.replace(/^(?:undefined:)?\d+:\d+: /, "")));
  }

  #broken(what: string): ReadRefusal {
    const { line, columnIndex } = this.#parser;
    const text = `Line ${line}, column ${columnIndex}: ${
      what.slice(0, TEXT_CHARS_MAX).replace(/\.$/, "")
    }`;
    return { kind: "not-xml", text, line, column: columnIndex };
  }

  #guarded(work: () => void): boolean {
    if (this.#refusal !== null) return false;
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#refusal = error.refusal;
      return false;
    }
  }
}
