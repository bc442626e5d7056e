/**
 * Values as they cross from the server to the islands of a page: a flat table in JSON in which every object
 * stands once and is named by its index, so shared and circular references come back as they were.
 *
 * Carried: null, undefined, booleans, all numbers, bigint, strings, plain objects, arrays with holes, Date,
 * URL, RegExp, Map, Set, Uint8Array. What else there is (signals, slots) is added by `Extension`s.
 */

/** A reference is an index into the table, or one of these. */
const UNDEFINED = -1;
const NULL = -2;
const NAN = -3;
const POSITIVE_INFINITY = -4;
const NEGATIVE_INFINITY = -5;
const NEGATIVE_ZERO = -6;
const HOLE = -7;

const FIXED = new Map<number, unknown>([
  [UNDEFINED, undefined],
  [NULL, null],
  [NAN, NaN],
  [POSITIVE_INFINITY, Infinity],
  [NEGATIVE_INFINITY, -Infinity],
  [NEGATIVE_ZERO, -0],
]);

/** A string, number or boolean as it is, or `[tag, ...]` for everything else. */
type Entry = string | number | boolean | [tag: string, ...unknown[]];
export type Table = Entry[];

/** Carries one more kind of value as another value. */
export interface Packer {
  readonly tag: string;
  /**
   * The value to carry in its place, or `null` when this is not such a value. May throw
   * `NotSerializable` with the `path` it is given.
   */
  pack(value: object, path: string): { value: unknown } | null;
}

/** Makes again what a packer took; in two steps, for its value may lead back to it. */
export interface Unpacker {
  make(): unknown;
  fill(made: unknown, value: unknown): void;
}

/** Thrown for what cannot cross; `path` leads to it from the value given. */
export class NotSerializable extends TypeError {
  override readonly name = "NotSerializable";
  constructor(readonly path: string, readonly what: string) {
    super(`Cannot send ${path} to the browser: ${what}`);
  }
}

/** Packs `value`, whose root is reference 0 or, for a value without an entry, a table `[["Root", ref]]`. */
export function pack(value: unknown, packers: readonly Packer[] = [], path = "value"): Table {
  const table: Table = [];
  const seen = new Map<unknown, number>();

  function refer(value: unknown, path: string): number {
    if (value === undefined) return UNDEFINED;
    if (value === null) return NULL;
    if (typeof value === "number") {
      if (Number.isNaN(value)) return NAN;
      if (value === Infinity) return POSITIVE_INFINITY;
      if (value === -Infinity) return NEGATIVE_INFINITY;
      if (Object.is(value, -0)) return NEGATIVE_ZERO;
    }
    const known = seen.get(value);
    if (known !== undefined) return known;
    const index = table.push(0) - 1;
    seen.set(value, index);
    table[index] = entry(value, path);
    return index;
  }

  function entry(value: unknown, path: string): Entry {
    switch (typeof value) {
      case "string":
      case "number":
      case "boolean":
        return value;
      case "bigint":
        return ["BigInt", String(value)];
      case "function":
        throw new NotSerializable(path, "a function stays on the server");
      case "symbol":
        throw new NotSerializable(path, "a symbol has no meaning elsewhere");
    }
    const object = value as object;
    for (const { tag, pack } of packers) {
      const packed = pack(object, path);
      if (packed !== null) return [tag, refer(packed.value, path)];
    }
    if (Array.isArray(object)) {
      const items: unknown[] = ["Array"];
      for (let i = 0; i < object.length; i++) {
        items.push(i in object ? refer(object[i], `${path}[${i}]`) : HOLE);
      }
      return items as Entry;
    }
    if (object instanceof Date) return ["Date", refer(object.getTime(), path)];
    if (object instanceof URL) return ["URL", object.href];
    if (object instanceof RegExp) return ["RegExp", object.source, object.flags];
    if (object instanceof Uint8Array) return ["Uint8Array", toBase64(object)];
    if (object instanceof Set) {
      return ["Set", ...[...object].map((item, i) => refer(item, `${path}.values()[${i}]`))];
    }
    if (object instanceof Map) {
      const pairs = [...object].flatMap(([key, item], i) => [
        refer(key, `${path}.keys()[${i}]`),
        refer(item, `${path}.values()[${i}]`),
      ]);
      return ["Map", ...pairs];
    }
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      const name = prototype.constructor?.name ?? "unknown";
      throw new NotSerializable(path, `an instance of class ${name} would lose its methods`);
    }
    const members: unknown[] = ["Object"];
    for (const [key, item] of Object.entries(object)) {
      members.push(key, refer(item, `${path}.${key}`));
    }
    return members as Entry;
  }

  const root = refer(value, path);
  return root === 0 ? table : [["Root", root]];
}

/** Gives back what `pack` was given; `unpackers` by the tags of its packers. */
export function unpack(
  table: Table,
  unpackers: Readonly<Record<string, Unpacker>> = {},
): unknown {
  const made = new Map<number, unknown>();

  function resolve(reference: unknown): unknown {
    const index = reference as number;
    if (index < 0) return FIXED.get(index);
    if (made.has(index)) return made.get(index);
    const entry = table[index];
    if (entry === undefined) throw new RangeError(`The page's data has no entry ${index}`);
    if (!Array.isArray(entry)) {
      made.set(index, entry);
      return entry;
    }
    return build(index, entry);
  }

  function keep<T>(index: number, value: T): T {
    made.set(index, value);
    return value;
  }

  function build(index: number, [tag, ...rest]: [string, ...unknown[]]): unknown {
    switch (tag) {
      case "Root":
        return resolve(rest[0]);
      case "BigInt":
        return keep(index, BigInt(rest[0] as string));
      case "Date":
        return keep(index, new Date(resolve(rest[0]) as number));
      case "URL":
        return keep(index, new URL(rest[0] as string));
      case "RegExp":
        return keep(index, new RegExp(rest[0] as string, rest[1] as string));
      case "Uint8Array":
        return keep(index, fromBase64(rest[0] as string));
      case "Array": {
        const array = keep(index, new Array<unknown>(rest.length));
        rest.forEach((reference, i) => {
          if (reference !== HOLE) array[i] = resolve(reference);
        });
        return array;
      }
      case "Set": {
        const set = keep(index, new Set<unknown>());
        for (const reference of rest) set.add(resolve(reference));
        return set;
      }
      case "Map": {
        const map = keep(index, new Map<unknown, unknown>());
        for (let i = 0; i < rest.length; i += 2) map.set(resolve(rest[i]), resolve(rest[i + 1]));
        return map;
      }
      case "Object": {
        const object = keep(index, {});
        for (let i = 0; i < rest.length; i += 2) {
          // Defined, not assigned: a key "__proto__" must stay a key.
          Object.defineProperty(object, rest[i] as string, {
            value: resolve(rest[i + 1]),
            enumerable: true,
            configurable: true,
            writable: true,
          });
        }
        return object;
      }
    }
    const unpacker = unpackers[tag];
    if (unpacker === undefined) throw new TypeError(`The page's data has an unknown "${tag}"`);
    const value = keep(index, unpacker.make());
    unpacker.fill(value, resolve(rest[0]));
    return value;
  }

  return resolve(0);
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
