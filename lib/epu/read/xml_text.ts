/** Bytes decoded at once: more would only hold more of a file in memory. */
const SLICE_BYTES = 65_536;
const BOMS: readonly { readonly bytes: readonly number[]; readonly encoding: Encoding }[] = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: "utf-8" },
  { bytes: [0xff, 0xfe], encoding: "utf-16le" },
  { bytes: [0xfe, 0xff], encoding: "utf-16be" },
];

export type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/**
 * The text of an XML file from its bytes, however they are cut into chunks. The encoding is told from the
 * first bytes alone: EPU declares none, and a declaration cannot make UTF-8 bytes anything else.
 */
export class XmlText {
  encoding: Encoding | null = null;
  /** UTF-16 without the mark that has to stand before it. */
  lacksMark = false;
  /** Bytes that are no text of the encoding were met; they read as U+FFFD. */
  isDamaged = false;
  #decoder: TextDecoder | null = null;
  #first: Uint8Array = new Uint8Array(0);

  *push(chunk: Uint8Array): Generator<string> {
    let bytes = chunk;
    if (this.#decoder === null) {
      bytes = this.#first.length === 0 ? chunk : joined(this.#first, chunk);
      if (bytes.length < 4) {
        this.#first = bytes.slice();
        return;
      }
      this.#start(bytes);
    }
    for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
      const text = this.#decoder!.decode(bytes.subarray(from, from + SLICE_BYTES), {
        stream: true,
      });
      if (text === "") continue;
      if (text.includes("\uFFFD")) this.isDamaged = true;
      yield text;
    }
  }

  /** What was held back; `isCut` when the bytes end inside a character. */
  end(): { text: string; isCut: boolean } {
    if (this.#decoder === null) {
      this.#start(this.#first);
      const text = this.#decoder!.decode(this.#first, { stream: true });
      return { text, isCut: this.#decoder!.decode() !== "" };
    }
    return { text: "", isCut: this.#decoder.decode() !== "" };
  }

  #start(bytes: Uint8Array): void {
    const marked = BOMS.find((bom) => bom.bytes.every((byte, i) => bytes[i] === byte));
    const guessed = bytes[0] === 0x3c && bytes[1] === 0
      ? "utf-16le"
      : bytes[0] === 0 && bytes[1] === 0x3c
      ? "utf-16be"
      : "utf-8";
    this.encoding = marked?.encoding ?? guessed;
    this.lacksMark = marked === undefined && guessed !== "utf-8";
    this.#decoder = new TextDecoder(this.encoding);
    this.#first = new Uint8Array(0);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
