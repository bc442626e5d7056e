import type { EventDraft } from "./events.ts";

/** Nested deeper than this is a circle, or nothing a person reads. */
const DEPTH_MAX = 32;

/**
 * The draft as it will be stored: its own copy, every field a string, `data` exactly what JSON can carry,
 * for the stream, the export and the mirrors pass it on as JSON.
 *
 * @throws {TypeError} naming the field, e.g. `Event "device.setpoint": data.value is NaN, which JSON cannot carry`.
 */
export function checkedDraft(draft: EventDraft): Required<EventDraft> {
  const { type, subject, actor, text, data = {} } = draft;
  for (const [name, value] of Object.entries({ type, subject, actor, text })) {
    if (typeof value !== "string") throw new TypeError(`Event "${type}": ${name} is not a string`);
  }
  if (type === "") throw new TypeError("An event needs a type");
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw new TypeError(`Event "${type}": data is not an object`);
  }
  return { type, subject, actor, text, data: jsonCopy(data, type, "data", 0) as Data };
}

type Data = Record<string, unknown>;

function jsonCopy(value: unknown, type: string, path: string, depth: number): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw unfit(type, path, String(value));
    case "object":
      break;
    default:
      throw unfit(type, path, `a ${typeof value}`);
  }
  if (value === null) return null;
  if (depth >= DEPTH_MAX) throw unfit(type, path, `nested deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) {
    return Array.from(value, (part, i) => jsonCopy(part, type, `${path}[${i}]`, depth + 1));
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw unfit(type, path, `a ${value.constructor?.name ?? "special object"}`);
  }
  const copy: Data = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue;
    if (name === "__proto__") throw unfit(type, path, `keyed "__proto__"`);
    copy[name] = jsonCopy(part, type, `${path}.${name}`, depth + 1);
  }
  return copy;
}

function unfit(type: string, path: string, found: string): TypeError {
  return new TypeError(`Event "${type}": ${path} is ${found}, which JSON cannot carry`);
}
