import { type JsonSchema, type OpenApiDocument } from "./openapi.ts";
import { refName, resolved } from "./openapi_examples.ts";

/** One field of a schema as the documentation lists it. */
export interface FieldText {
  /** Dotted below the schema: `limits.memoryMb`, `errors[].path`. */
  readonly name: string;
  readonly required: boolean;
  readonly type: string;
  /** The named schema behind it, to be linked. */
  readonly ref: string | null;
  /** Bounds, choices, default: `1 to 100`, `one of a, b`. */
  readonly rule: string;
  readonly description: string;
}

const DEPTH_MAX = 4;

/** The fields of an object schema, nested ones beneath their parent; named schemas are not entered. */
export function fieldsOf(document: OpenApiDocument, given: JsonSchema): FieldText[] {
  return collect(document, resolved(document, given), "", 0);
}

function collect(
  document: OpenApiDocument,
  schema: JsonSchema,
  path: string,
  depth: number,
): FieldText[] {
  const fields: FieldText[] = [];
  const properties = (schema.properties ?? {}) as Record<string, JsonSchema>;
  const required = new Set((schema.required ?? []) as string[]);
  for (const [key, field] of Object.entries(properties)) {
    const name = path === "" ? key : `${path}.${key}`;
    fields.push({
      name,
      required: required.has(key),
      type: typeText(document, field),
      ref: innerRef(field),
      rule: ruleText(field),
      description: String(field.description ?? ""),
    });
    const inner = innerObject(field);
    if (inner !== null && depth < DEPTH_MAX) {
      fields.push(...collect(document, inner.schema, name + inner.suffix, depth + 1));
    }
  }
  for (const part of (schema.allOf ?? []) as JsonSchema[]) {
    fields.push(...collect(document, resolved(document, part), path, depth + 1));
  }
  return fields;
}

/** `integer`, `list of text`, `Device or null`. */
export function typeText(document: OpenApiDocument, schema: JsonSchema): string {
  const ref = refName(schema);
  if (ref !== null) return ref;
  const choices = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (choices !== undefined) {
    return [...new Set(choices.map((choice) => typeText(document, choice)))].join(" or ");
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const types = ([] as unknown[]).concat(schema.type ?? []).map(String);
  if (types.length === 0) return schema.allOf === undefined ? "anything" : "object";
  return types.map((type) => {
    switch (type) {
      case "string":
        return "text";
      case "array": {
        const items = schema.items as JsonSchema | undefined;
        return items === undefined ? "list" : `list of ${typeText(document, items)}`;
      }
      case "object": {
        const values = schema.additionalProperties;
        return schema.properties === undefined && typeof values === "object" && values !== null &&
            Object.keys(values).length > 0
          ? `object of ${typeText(document, values as JsonSchema)}`
          : "object";
      }
      default:
        return type;
    }
  }).join(" or ");
}

function innerRef(schema: JsonSchema): string | null {
  const items = schema.items as JsonSchema | undefined;
  const choices = ([] as JsonSchema[]).concat(
    (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) as JsonSchema[],
  );
  return refName(schema) ?? (items === undefined ? null : refName(items)) ??
    choices.map(refName).find((name) => name !== null) ?? null;
}

/** An object written out in place, or a list of such. */
function innerObject(schema: JsonSchema): { schema: JsonSchema; suffix: string } | null {
  if (schema.properties !== undefined) return { schema, suffix: "" };
  const items = schema.items as JsonSchema | undefined;
  if (items?.properties !== undefined) return { schema: items, suffix: "[]" };
  const choice = ((schema.anyOf ?? []) as JsonSchema[]).find((c) => c.properties !== undefined);
  return choice === undefined ? null : { schema: choice, suffix: "" };
}

export function ruleText(schema: JsonSchema): string {
  const rules: string[] = [];
  const { minimum, maximum, exclusiveMinimum, minLength, maxLength, maxItems } = schema;
  const values = schema.enum as unknown[] | undefined;
  if (values !== undefined) {
    rules.push(
      `one of ${values.map((v) => typeof v === "string" ? v : JSON.stringify(v)).join(", ")}`,
    );
  }
  // zod writes the safe integers as bounds of every integer; they say nothing.
  const low = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) rules.push(`${low} to ${high}`);
  else if (low !== undefined) rules.push(`at least ${low}`);
  else if (high !== undefined) rules.push(`at most ${high}`);
  if (exclusiveMinimum !== undefined) rules.push(`more than ${exclusiveMinimum}`);
  if (minLength !== undefined && minLength !== 1) rules.push(`at least ${minLength} characters`);
  if (maxLength !== undefined) rules.push(`at most ${maxLength} characters`);
  if (maxItems !== undefined) rules.push(`at most ${maxItems} entries`);
  if (schema.default !== undefined) rules.push(`default ${JSON.stringify(schema.default)}`);
  return rules.join("; ");
}
