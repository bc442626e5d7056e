/**
 * A control form from an operation's JSON Schema, and arguments back from what a person filled in. The
 * same code runs on the server for a plain form post and in the browser for a live one.
 */

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  /** `%`, `ml/s`; empty where there is none. */
  readonly unit: string;
  readonly kind: "number" | "integer" | "boolean" | "choice" | "text";
  readonly required: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  /** Words for no choice, where one may be left open; default: unchanged. */
  readonly none?: string;
  readonly initial?: string;
}

interface SchemaLike {
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: SchemaLike[];
  oneOf?: SchemaLike[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
  properties?: Record<string, SchemaLike>;
  required?: string[];
  "x-unit"?: string;
}

/** Fields in the schema's order; properties that are neither numbers, words nor yes/no are left to the API. */
export function fieldsOf(args: Record<string, unknown>): Field[] {
  const schema = args as SchemaLike;
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const field = fieldOf(name, property, (schema.required ?? []).includes(name));
    return field === null ? [] : [field];
  });
}

function fieldOf(name: string, property: SchemaLike, required: boolean): Field | null {
  const inner = withoutNull(property);
  const base = {
    name,
    label: property.title ?? inner.title ?? name.replaceAll("_", " "),
    required: required && property.default === undefined,
    initial: property.default === undefined || property.default === null
      ? undefined
      : String(property.default),
  };
  const unit = property["x-unit"] ?? inner["x-unit"] ?? "";
  // Descriptions for programs begin with the unit, which stands beside the field here.
  const described = property.description ?? inner.description ?? "";
  const hint = unit !== "" && described.startsWith(unit)
    ? described.slice(unit.length).replace(/^[;,]\s*/, "")
    : described;
  if (inner.enum !== undefined) {
    return { ...base, hint, unit, kind: "choice", choices: inner.enum.map(String) };
  }
  switch (inner.type) {
    case "boolean":
      return { ...base, hint, unit, kind: "boolean" };
    case "integer":
    case "number": {
      const min = inner.minimum ?? inner.exclusiveMinimum;
      const max = inner.maximum ?? inner.exclusiveMaximum;
      // Many descriptions say it in words of their own: "0 dark to 255 full".
      const said = [min, max].every((limit) =>
        limit !== undefined && new RegExp(`(^|\\D)${limit}(\\D|$)`).test(hint)
      );
      const limits = said ? "" : rangeText(min, max);
      return {
        ...base,
        hint: [hint, limits].filter((part) => part !== "").join("; "),
        unit,
        kind: inner.type,
        min,
        max,
      };
    }
    case "string":
      return { ...base, hint, unit, kind: "text" };
    default:
      return null;
  }
}

/** `anyOf: [T, null]` and `type: [T, "null"]` are an optional T. */
function withoutNull(property: SchemaLike): SchemaLike {
  const options = property.anyOf ?? property.oneOf;
  const known = options?.filter(({ type }) => type !== "null");
  if (known?.length === 1) return { ...property, ...known[0] };
  if (known !== undefined && known.every((one) => typeof one.const === "string")) {
    return { ...property, type: "string", enum: known.map((one) => one.const) };
  }
  if (Array.isArray(property.type)) {
    return { ...property, type: property.type.find((type) => type !== "null") };
  }
  return property;
}

function rangeText(min?: number, max?: number): string {
  // The largest safe integers are how a schema says "no limit".
  const low = min !== undefined && min > Number.MIN_SAFE_INTEGER ? min : undefined;
  const high = max !== undefined && max < Number.MAX_SAFE_INTEGER ? max : undefined;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return `at least ${low}`;
  return high === undefined ? "" : `at most ${high}`;
}

/**
 * Arguments from the form's text. An empty optional field is left out; a number that cannot be read is
 * passed on as text, so that the driver's own check names it.
 */
export function argsFrom(
  fields: readonly Field[],
  text: (name: string) => string | null,
): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const { name, kind } of fields) {
    const value = text(name)?.trim() ?? "";
    if (kind === "boolean") args[name] = ["on", "true", "1"].includes(value);
    else if (value === "") continue;
    else if (kind === "number" || kind === "integer") {
      const number = Number(value.replace(",", "."));
      args[name] = Number.isFinite(number) ? number : value;
    } else args[name] = value;
  }
  return args;
}

/** What is wrong with each field, from the `errors` of a problem: `args.duty` belongs to `duty`. */
export function errorsByField(errors: unknown): Record<string, string> {
  if (!Array.isArray(errors)) return {};
  return Object.fromEntries(
    errors.map(({ path, message }) => [String(path).replace(/^(body\.)?(args\.)?/, ""), message]),
  );
}

/** A name for one command that nothing else has. Not `randomUUID`: browsers keep that from plain HTTP. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether a form can give every argument that is required; else the operation is for programs. */
export function isFormable(args: Record<string, unknown>): boolean {
  const names = new Set(fieldsOf(args).map(({ name }) => name));
  return ((args as SchemaLike).required ?? []).every((name) => names.has(name));
}
