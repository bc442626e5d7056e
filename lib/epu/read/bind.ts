import type { Findings } from "./findings.ts";
import { SCHEMA_INSTANCE, SERIALIZATION, shortNamespace } from "./namespaces.ts";
import { type OpenList, OpenRecord } from "./open_record.ts";
import { Refused } from "./refused.ts";
import { childNode, type CompiledRecord, type LeafField, type ShapeNode } from "./shape.ts";

/** An attribute as the parser gives it. */
export interface XmlAttribute {
  readonly uri: string;
  readonly local: string;
  readonly value: string;
}

interface Frame {
  local: string;
  /** Where the element stands in its parent's shape; `null` where no path goes. */
  place: ShapeNode | null;
  /** Where its children are looked up. */
  inner: ShapeNode | null;
  /** `z:Id`. */
  id: string | null;
  logStart: number;
  hasChild: boolean;
  /** A child was found in the shape. */
  hasKnownChild: boolean;
  /** Null or a reference: nothing of its content counts. */
  isVoid: boolean;
}

const OPENED = Symbol("a list was opened");
/**
 * What all references of a file may bring in, in fields and in blocks of text: without it a list referred to
 * a hundred thousand times would multiply. Real files refer to some thousand fields.
 */
const REFERRED_MAX = 1_000_000;
const TEXT_BLOCK = 64;

/**
 * Fills records from a stream of elements along a shape. Knows .NET's DataContract rules: null entries,
 * arrays with spare places, and objects that are written once and referred to afterwards: a reference
 * carries `i:nil` as well, so it is resolved before null is believed.
 */
export class Binder<T> {
  readonly #root: OpenRecord;
  readonly #records: OpenRecord[];
  readonly #frames: Frame[] = [];
  #depth = -1;
  #text = "";
  /** Text of every leaf that has an id. */
  readonly #texts = new Map<string, string>();
  /** For everything else with an id that a path goes through: which part of the log it wrote. */
  readonly #written = new Map<string, { place: ShapeNode; from: number; to: number }>();
  readonly #logPlaces: ShapeNode[] = [];
  readonly #logValues: unknown[] = [];
  #referred = 0;

  /** `rootUri` is the root's namespace: under whatever name, it is the one the shape expects there. */
  constructor(
    shape: CompiledRecord<T>,
    private readonly rootUri: string,
    private readonly rootNamespace: string,
    private readonly findings: Findings,
  ) {
    this.#root = new OpenRecord(shape);
    this.#records = [this.#root];
  }

  open(uri: string, local: string, attributes: Readonly<Record<string, XmlAttribute>>): void {
    const depth = ++this.#depth;
    this.#text = "";
    const parent = depth === 0 ? null : this.#frames[depth - 1]!;
    if (parent !== null) parent.hasChild = true;
    const place = parent === null
      ? this.#root.shape.node
      : parent.inner === null
      ? null
      : childNode(parent.inner, this.#shortNamespace(uri), local);
    if (parent !== null && (place !== null || isBookkeeping(uri, local))) {
      parent.hasKnownChild = true;
    }
    const frame = this.#frameAt(depth, local, place);
    let reference: string | null = null;
    let isNil = false;
    let size: number | null = null;
    for (const name in attributes) {
      const { uri, local, value } = attributes[name]!;
      if (uri === SERIALIZATION) {
        if (local === "Id") frame.id = value;
        else if (local === "Ref") reference = value;
        else if (local === "Size" && /^\d{1,9}$/.test(value)) size = Number(value);
      } else if (uri === SCHEMA_INSTANCE && local === "nil") isNil = value === "true";
    }
    if (reference !== null) {
      frame.isVoid = true;
      if (place !== null) this.#follow(place, reference);
    } else if (isNil) {
      frame.isVoid = true;
      if (place !== null && place.item !== null) this.#push(place, null);
    } else if (place !== null) this.#enter(frame, place, size);
  }

  text(text: string): void {
    this.#text = this.#text === "" ? text : this.#text + text;
  }

  close(): void {
    const frame = this.#frames[this.#depth]!;
    const { place, id, isVoid } = frame;
    if (!isVoid) {
      if (place !== null) {
        this.#noteUnknown(frame, place);
        if (this.#depth > 0) this.#leave(frame, place);
      }
      if (id !== null) this.#remember(id, frame);
    }
    this.#text = "";
    this.#depth--;
  }

  /** Ids are unique in what EPU writes; where they are not, the object written last counts. */
  #remember(id: string, { place, logStart, hasChild }: Frame): void {
    if (hasChild) this.#texts.delete(id);
    else this.#texts.set(id, this.#text);
    if (hasChild && place !== null && this.#depth > 0) {
      this.#written.set(id, { place, from: logStart, to: this.#logPlaces.length });
    } else this.#written.delete(id);
  }

  /** Once the root is closed. */
  finish(): T {
    return this.#finished(this.#root) as T;
  }

  #shortNamespace(uri: string): string | null {
    return uri === this.rootUri ? this.rootNamespace : shortNamespace(uri);
  }

  #frameAt(depth: number, local: string, place: ShapeNode | null): Frame {
    const frame = this.#frames[depth];
    const logStart = this.#logPlaces.length;
    if (frame === undefined) {
      return this.#frames[depth] = {
        local,
        place,
        inner: null,
        id: null,
        logStart,
        hasChild: false,
        hasKnownChild: false,
        isVoid: false,
      };
    }
    frame.local = local;
    frame.place = place;
    frame.inner = null;
    frame.id = null;
    frame.logStart = logStart;
    frame.hasChild = false;
    frame.hasKnownChild = false;
    frame.isVoid = false;
    return frame;
  }

  #enter(frame: Frame, place: ShapeNode, size: number | null): void {
    const record = place.item?.record ?? null;
    if (record === null) frame.inner = place;
    else {
      this.#records.push(new OpenRecord(record));
      frame.inner = record.node;
    }
    if (frame.inner.opens.length > 0) {
      this.#write(frame.inner, OPENED);
      if (size !== null) {
        for (const slot of frame.inner.opens) this.#listAt(slot).declared ??= size;
      }
    }
  }

  #leave(frame: Frame, place: ShapeNode): void {
    if (place.item !== null) {
      const { record, field } = place.item;
      if (record !== null) this.#push(place, this.#finished(this.#records.pop()!));
      else this.#push(place, this.#decoded(field!, frame, this.#text));
      return;
    }
    if (place.leaf !== null) {
      const value = this.#decoded(place.leaf.field, frame, this.#text);
      if (value !== null) this.#write(place, value);
    } else if (place.sizeOf !== null) {
      const size = this.#text.trim();
      if (/^\d{1,9}$/.test(size)) this.#write(place, Number(size));
    }
  }

  /** Content of which no path knows any part is a newer EPU's, or not EPU's. */
  #noteUnknown(frame: Frame, place: ShapeNode): void {
    if (frame.hasChild && !frame.hasKnownChild && isBranch(frame.inner!) && !isLoose(place)) {
      this.#note("unknown-content", `None of the elements in "${frame.local}" is known`);
    }
  }

  /** Trimmed, or `null` with a finding. */
  #decoded(field: LeafField<unknown>, frame: Frame, raw: string): unknown {
    const text = raw.trim();
    if (frame.hasChild) {
      if (!field.isLoose && !isBranch(frame.place!)) {
        this.#note(
          "unexpected-content",
          `"${frame.local}" holds elements where ${field.what} should stand`,
        );
      }
      return null;
    }
    if (text.includes("\uFFFD")) {
      this.#note("wrong-encoding", `The text of "${frame.local}" cannot be decoded`);
      return null;
    }
    const value = field.decode(text);
    if (value === undefined) {
      if (!field.isLoose) {
        this.#note("bad-value", `"${frame.local}" is "${shortened(text)}", not ${field.what}`);
      }
      return null;
    }
    return value;
  }

  #follow(place: ShapeNode, reference: string): void {
    const text = this.#texts.get(reference);
    if (text !== undefined) {
      this.#spend(1 + text.length / TEXT_BLOCK);
      const frame = this.#frames[this.#depth]!;
      const field = place.leaf?.field ?? place.item?.field ?? null;
      if (field !== null) {
        const value = this.#decoded(field, frame, text);
        if (place.item !== null) this.#push(place, value);
        else if (value !== null) this.#write(place, value);
        return;
      }
      // An element without content is an empty array too.
      if (text.trim() === "" && place.item === null) {
        if (place.opens.length > 0) this.#write(place, OPENED);
        return;
      }
    }
    const written = this.#written.get(reference);
    if (written !== undefined && written.place === place) {
      this.#replay(written);
      return;
    }
    // `Version`, `Comparer` and their like are in no shape; what is, must not vanish.
    this.#note(
      "unresolved-reference",
      `"${this.#frames[this.#depth]!.local}" refers to object ${shortened(reference)}, ` +
        (written === undefined ? "which was not read before it" : "which is of another kind"),
    );
    if (place.item !== null) this.#push(place, null);
  }

  #replay({ place, from, to }: { place: ShapeNode; from: number; to: number }): void {
    this.#spend(1 + to - from);
    for (let i = from; i < to; i++) {
      // What was written to records inside is part of the items that were.
      if (this.#logPlaces[i]!.owner !== place.owner) continue;
      if (this.#logPlaces[i]!.item === null) this.#write(this.#logPlaces[i]!, this.#logValues[i]);
      else this.#push(this.#logPlaces[i]!, this.#logValues[i]);
    }
  }

  #spend(referred: number): void {
    this.#referred += referred;
    if (this.#referred <= REFERRED_MAX) return;
    throw new Refused({
      kind: "refused",
      reason: "too-many-references",
      text: `References bring in more than ${REFERRED_MAX} fields`,
    });
  }

  #write(place: ShapeNode, value: unknown): void {
    this.#logPlaces.push(place);
    this.#logValues.push(value);
    if (value === OPENED) {
      for (const slot of place.opens) this.#listAt(slot).isThere = true;
    } else if (place.leaf !== null) {
      const { values } = this.#records.at(-1)!;
      const { slot } = place.leaf;
      if (values[slot] === undefined) values[slot] = value;
      else if (!Object.is(values[slot], value)) {
        this.#note(
          "repeated-element",
          `"${this.#frames[this.#depth]!.local}" stands twice; the first counts`,
        );
      }
    } else if (place.sizeOf !== null) this.#listAt(place.sizeOf).size ??= value as number;
  }

  #push(place: ShapeNode, value: unknown): void {
    this.#logPlaces.push(place);
    this.#logValues.push(value);
    this.#listAt(place.item!.slot).items.push(value);
  }

  #listAt(slot: number): OpenList {
    return this.#records.at(-1)!.listAt(slot);
  }

  #finished(record: OpenRecord): Record<string, unknown> {
    return record.finished((promised, found) =>
      this.#note("short-list", `A list says it has ${promised} entries and has ${found}`)
    );
  }

  #note(
    code:
      | "bad-value"
      | "repeated-element"
      | "short-list"
      | "unexpected-content"
      | "unknown-content"
      | "unresolved-reference"
      | "wrong-encoding",
    text: string,
  ): void {
    const path = this.#frames.slice(0, this.#depth + 1).map(({ local }) => local).join("/");
    this.findings.add({
      code,
      severity: "warning",
      where: path,
      text,
      consequence: code === "short-list"
        ? "Entries are missing that EPU knows"
        : "The value counts as unknown",
    });
  }
}

/** What .NET writes of a dictionary besides its entries: all there is of an empty one. */
function isBookkeeping(uri: string, local: string): boolean {
  return uri === "" && (local === "Version" || local === "Comparer" || local === "HashSize");
}

function isBranch(node: ShapeNode): boolean {
  return node.children.size > 0 || node.byPrefix.length > 0;
}

function isLoose(place: ShapeNode): boolean {
  return place.leaf !== null && place.leaf.field.isLoose;
}

function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
