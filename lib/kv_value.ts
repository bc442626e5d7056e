import { serialize } from "node:v8";

/** Limits of Deno KV: one encoded key, one encoded value. */
export const KEY_BYTES_MAX = 2048;
export const VALUE_BYTES_MAX = 65_536;

/** A key with what the store's limits and our maps need of it. */
export interface KeyRef {
  readonly key: Deno.KvKey;
  /** One text for one key: two keys with the same text are the same key. */
  readonly text: string;
  /** Upper bound of the encoded length. */
  readonly bytes: number;
}

/** @throws {TypeError} if it is empty, too long, or has a part Deno KV does not take. */
export function keyRef(key: Deno.KvKey): KeyRef {
  if (key.length === 0) throw new TypeError("A key needs at least one part");
  let text = "";
  let bytes = 0;
  for (const part of key) {
    switch (typeof part) {
      case "string":
        text += `s${part.length}:${part}`;
        bytes += 2 + stringBytesMax(part);
        break;
      case "number":
        text += Object.is(part, -0) ? "n-0;" : `n${part};`;
        bytes += 9;
        break;
      case "boolean":
        text += part ? "t" : "f";
        bytes += 1;
        break;
      case "bigint":
        text += `i${part};`;
        bytes += 4 + part.toString(16).length;
        break;
      default:
        if (!(part instanceof Uint8Array)) {
          throw new TypeError(`The key part ${String(part)} is not a string, number or bytes`);
        }
        text += `u${part.length}:${part.join()};`;
        bytes += 2 + 2 * part.length;
    }
  }
  if (bytes > KEY_BYTES_MAX) {
    throw new TypeError(
      `The key ${keyName(key)} has up to ${bytes} bytes, more than ${KEY_BYTES_MAX}`,
    );
  }
  return { key, text, bytes };
}

/** For messages: `["locks","lock","stirrer"]`, shortened. */
export function keyName(key: Deno.KvKey): string {
  const text = JSON.stringify(key, (_, part) => typeof part === "bigint" ? `${part}n` : part);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** UTF-8 length, zero bytes counted twice as the key encoding escapes them. */
function stringBytesMax(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0) bytes += 1;
    else if (unit >= 0x800) bytes += 2;
    else if (unit >= 0x80) bytes += 1;
  }
  return bytes;
}

/** Nested deeper than this, or in a circle, a value takes the slow way through `structuredClone`. */
const DEPTH_MAX = 100;
const SLOW = Symbol("slow");

/**
 * A copy that shares nothing mutable with `value`, with the shapes a trip through the store would give.
 * Plain objects and arrays are copied by hand, ten times faster than `structuredClone`.
 *
 * @throws {DOMException} `DataCloneError` for what cannot be stored, e.g. a function.
 */
export function copyOf(value: unknown): unknown {
  const copy = plainCopy(value, 0);
  return copy === SLOW ? structuredClone(value) : copy;
}

function plainCopy(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? SLOW : value;
  }
  if (depth > DEPTH_MAX) return SLOW;
  if (Array.isArray(value)) {
    const copy = new Array(value.length);
    for (let i = 0; i < value.length; i++) {
      const part = plainCopy(value[i], depth + 1);
      if (part === SLOW || (part === undefined && !(i in value))) return SLOW;
      copy[i] = part;
    }
    return copy;
  }
  if (value instanceof Deno.KvU64) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return SLOW;
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const part = plainCopy((value as Record<string, unknown>)[name], depth + 1);
    if (part === SLOW || name === "__proto__") return SLOW;
    copy[name] = part;
  }
  return copy;
}

/**
 * Stored length of a value in bytes: exact above `VALUE_BYTES_MAX`, else an upper bound some bytes too
 * high for each part of it, reckoned forty times faster than by serialising.
 * Source: V8 `value-serializer.cc`, format version 15.
 */
export function bytesOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  const bytes = plainBytes(value, 0) + 2;
  return bytes <= VALUE_BYTES_MAX ? bytes : serialize(value).length;
}

function plainBytes(value: unknown, depth: number): number {
  switch (typeof value) {
    case "string":
      return stringBytes(value);
    case "number":
      return 9;
    case "boolean":
    case "undefined":
      return 1;
    case "bigint":
      return 12 + Math.ceil(value.toString(16).length / 2);
    case "function":
    case "symbol":
      return NaN;
    case "object":
      return value === null ? 1 : objectBytes(value, depth);
  }
}

function objectBytes(value: object, depth: number): number {
  if (value instanceof Deno.KvU64) return 8;
  if (depth > DEPTH_MAX) return NaN;
  let bytes = 12;
  if (Array.isArray(value)) {
    // A sparse array writes each index before its element.
    for (const part of value) bytes += 6 + plainBytes(part, depth + 1);
    return bytes;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return NaN;
  for (const name of Object.keys(value)) {
    bytes += stringBytes(name) +
      plainBytes((value as Record<string, unknown>)[name], depth + 1);
  }
  return bytes;
}

// deno-lint-ignore no-control-regex
const TWO_BYTE = /[^\u0000-\u00ff]/;

function stringBytes(text: string): number {
  return 6 + (TWO_BYTE.test(text) ? 2 * text.length : text.length);
}
