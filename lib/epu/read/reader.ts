import { accept, refuse, type Result } from "../../result.ts";
import { ATLAS, atlasFile } from "./atlas.ts";
import { Binder, type XmlAttribute } from "./bind.ts";
import type { EpuFile, EpuReading, ReadRefusal, ReadResult } from "./files.ts";
import { Findings } from "./findings.ts";
import { FRACTIONS, fractionsFile } from "./fractions.ts";
import { IMAGE, imageFile } from "./image.ts";
import { fileKindOf, type NamedFile } from "./names.ts";
import { SERIALIZATION, shortNamespace } from "./namespaces.ts";
import { type Origin, versionIn } from "./origin.ts";
import { SESSION, sessionFile } from "./session.ts";
import { compile, type RecordSpec } from "./shape.ts";
import { SQUARE, squareMetadataFile } from "./square.ts";
import { XmlStream } from "./xml_stream.ts";

/** One kind of root element. */
interface RootReader {
  readonly namespace: string;
  /** Kinds of names such a file has; "other" always passes. */
  readonly kinds: readonly NamedFile["kind"][];
  start(uri: string, origin: () => Origin): Reading;
}

/** One file being read. */
interface Reading {
  open(uri: string, local: string, attributes: Readonly<Record<string, XmlAttribute>>): void;
  text(text: string): void;
  close(): void;
  finish(): Result<EpuFile, ReadRefusal>;
}

function rootReader<T>(
  spec: RecordSpec<T>,
  kinds: readonly NamedFile["kind"][],
  toFile: (raw: T, origin: Origin) => Result<EpuFile, ReadRefusal>,
): RootReader {
  const shape = compile(spec);
  return {
    namespace: spec.namespace,
    kinds,
    start(uri, origin) {
      const binder = new Binder(shape, uri, spec.namespace, origin().findings);
      return {
        open: (uri, local, attributes) => binder.open(uri, local, attributes),
        text: (text) => binder.text(text),
        close: () => binder.close(),
        finish: () => toFile(binder.finish(), origin()),
      };
    },
  };
}

const IMAGE_KINDS = ["square-image", "hole-image", "micrograph-image"] as const;

const ROOTS: ReadonlyMap<string, RootReader> = new Map([
  [
    "EpuSessionXml",
    rootReader(SESSION, ["session"], (raw, origin) => {
      return accept(sessionFile(raw, origin));
    }),
  ],
  [
    "AtlasSessionXml",
    rootReader(ATLAS, ["atlas"], (raw, origin) => {
      return accept(atlasFile(raw, origin));
    }),
  ],
  ["GridSquareXml", rootReader(SQUARE, ["square-metadata"], squareMetadataFile)],
  ["MicroscopeImage", rootReader(IMAGE, IMAGE_KINDS, imageFile)],
  [
    "Acquisition",
    rootReader(FRACTIONS, ["fractions"], (raw, origin) => {
      return accept(fractionsFile(raw, origin));
    }),
  ],
]);

/**
 * Reads one file as its bytes come. `path` is where the file lies below the watched folder: ids that only
 * names carry come from it; `named` overrides what it says, for a file under a name of its own. Which reader
 * a file gets, its root element decides. Nothing is kept but what the file says, so memory does not grow with
 * what no field needs.
 */
export class EpuFileReader {
  readonly #findings: Findings;
  readonly #named: NamedFile;
  readonly #path: string;
  readonly #xml: XmlStream;
  #reading: Reading | null = null;
  #root: { local: string; uri: string; version: string | null } | null = null;
  #declared: string | null = null;

  constructor(path: string, named: NamedFile = fileKindOf(path)) {
    this.#path = path.replaceAll("\\", "/");
    this.#named = named;
    this.#findings = new Findings(this.#path);
    this.#xml = new XmlStream({
      open: (uri, local, attributes) => {
        if (this.#root === null) this.#begin(uri, local, attributes);
        this.#reading?.open(uri, local, attributes);
      },
      text: (text) => this.#reading?.text(text),
      close: () => this.#reading?.close(),
      declared: (encoding) => this.#declared = encoding,
    });
  }

  /** `false`: the rest of the file cannot change the result. */
  push(chunk: Uint8Array): boolean {
    return this.#xml.push(chunk);
  }

  end(): ReadResult {
    const refusal = this.#xml.end();
    if (refusal !== null) return refuse(refusal);
    this.#noteEncoding();
    const file = this.#reading === null ? accept(this.#stranger()) : this.#reading.finish();
    if (!file.ok) return file;
    const reading: EpuReading = { file: file.value, findings: this.#findings.all() };
    return accept(reading);
  }

  #begin(uri: string, local: string, attributes: Readonly<Record<string, XmlAttribute>>): void {
    const assembly = Object.values(attributes).find((attribute) =>
      attribute.uri === SERIALIZATION && attribute.local === "Assembly"
    );
    this.#root = { local, uri, version: versionIn(assembly?.value) };
    const reader = ROOTS.get(local);
    if (reader === undefined) return;
    const isExpected = this.#named.kind === "other" || reader.kinds.includes(this.#named.kind);
    if (!isExpected) return;
    if (shortNamespace(uri) !== reader.namespace) {
      this.#findings.add({
        code: "unknown-namespace",
        severity: "warning",
        where: local,
        text: `"${local}" is in the namespace "${uri}", which no known EPU writes`,
        consequence: "It is read as the known one; fields that moved count as unknown",
      });
    }
    this.#reading = reader.start(uri, () => this.#origin());
  }

  #origin(): Origin {
    return {
      path: this.#path,
      named: this.#named,
      epuVersion: this.#root?.version ?? null,
      findings: this.#findings,
    };
  }

  /** Well-formed, and no reader took it. */
  #stranger(): EpuFile {
    const [local, uri] = [named(this.#root!.local), named(this.#root!.uri)];
    if (/tomography/i.test(local) || /tomography/i.test(uri)) {
      return { kind: "foreign", product: "Tomography", rootName: local };
    }
    if (this.#named.kind !== "other" && this.#named.kind !== "bookkeeping") {
      this.#findings.add({
        code: "content-is-not-what-the-name-says",
        severity: "error",
        where: local,
        text: `A file with the name of a ${this.#named.kind} begins with "${local}"`,
        consequence: "Nothing is taken from it",
      });
    }
    return { kind: "unknown", rootName: local, rootNamespace: uri };
  }

  #noteEncoding(): void {
    const { encoding, lacksMark, isDamaged } = this.#xml.source;
    const declared = this.#declared;
    const isContradicted = declared !== null &&
      (encoding === "utf-8"
        ? !["utf-8", "us-ascii", "ascii"].includes(declared)
        : !declared.startsWith("utf-16"));
    if (isContradicted || lacksMark || isDamaged) {
      this.#findings.add({
        code: "wrong-encoding",
        severity: isDamaged ? "warning" : "info",
        where: null,
        text: isContradicted
          ? `The file declares "${declared}" and is ${encoding}`
          : lacksMark
          ? `The file is ${encoding} without a byte order mark`
          : `The file holds bytes that are not ${encoding}`,
        consequence: isDamaged
          ? "Texts with such bytes count as unknown"
          : `It is read as ${encoding}`,
      });
    }
    if (this.#xml.isPadded) {
      this.#findings.add({
        code: "padded-with-zeros",
        severity: "info",
        where: null,
        text: "Zeros stand behind the end of the document",
        consequence: "They are passed over",
      });
    }
  }
}

/** Of a name, as much as tells what it is. */
function named(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}

/** What the whole file `bytes` at `path` says; see `EpuFileReader`. */
export function readEpuFile(path: string, bytes: Uint8Array, named?: NamedFile): ReadResult {
  const reader = new EpuFileReader(path, named);
  reader.push(bytes);
  return reader.end();
}

/** The same from chunks, such as a file's `readable`; stops reading where nothing more can be learnt. */
export async function readEpuStream(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  named?: NamedFile,
): Promise<ReadResult> {
  const reader = new EpuFileReader(path, named);
  for await (const chunk of chunks) if (!reader.push(chunk)) break;
  return reader.end();
}
