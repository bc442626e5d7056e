import fc from "fast-check";

/** The part of JSON Schema that operations use. */
export interface ArgumentSchema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Record<string, ArgumentSchema>;
  readonly required?: string[];
  readonly additionalProperties?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly enum?: unknown[];
  readonly items?: ArgumentSchema;
  readonly prefixItems?: ArgumentSchema[];
}

/** Values that fit a schema, its limits included. */
export function fitting(schema: ArgumentSchema): fc.Arbitrary<unknown> {
  const { minimum = -1e6, maximum = 1e6 } = schema;
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: minimum, max: maximum });
    case "number":
      return fc.oneof(
        fc.constantFrom(minimum, maximum),
        fc.double({ min: minimum, max: maximum, noNaN: true }),
      );
    case "array": {
      if (schema.prefixItems !== undefined) return fc.tuple(...schema.prefixItems.map(fitting));
      const size = { minLength: schema.minItems ?? 0, maxLength: schema.maxItems ?? 10 };
      return fc.array(fitting(schema.items ?? {}), size);
    }
    case "object": {
      const fields = Object.entries(schema.properties ?? {});
      return fc.record(
        Object.fromEntries(fields.map(([name, field]) => [name, fitting(field)])),
        { requiredKeys: schema.required ?? [], noNullPrototype: true },
      );
    }
    default:
      throw new TypeError(`no values for ${JSON.stringify(schema)}`);
  }
}

/** One example that fits, the middle of every range. */
export function example(schema: ArgumentSchema): Record<string, unknown> {
  const [found] = fc.sample(fitting(schema), { numRuns: 1, seed: 7 });
  return found as Record<string, unknown>;
}

/** Arguments that must be refused, each with the place of its mistake. */
export function misfits(
  schema: ArgumentSchema,
): { what: string; path: string; args: Record<string, unknown> }[] {
  const fits = example(schema);
  const found: { what: string; path: string; args: Record<string, unknown> }[] = [
    { what: "an unknown field", path: "", args: { ...fits, surprise: 1 } },
  ];
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const wrong = (what: string, value: unknown) =>
      found.push({ what: `${what} ${name}`, path: name, args: { ...fits, [name]: value } });
    wrong("a null", null);
    wrong("an object for", {});
    if (field.type !== "boolean") wrong("a boolean for", true);
    if (field.type === "number" || field.type === "integer") {
      wrong("a text for", "1");
      wrong("a NaN for", NaN);
      wrong("an infinite", Infinity);
      if (field.minimum !== undefined) wrong("a too small", field.minimum - 1);
      if (field.maximum !== undefined) wrong("a too large", field.maximum + 1);
    }
    if (field.type === "integer") wrong("a broken", (field.minimum ?? 0) + 0.5);
    if (schema.required?.includes(name)) {
      const { [name]: _, ...rest } = fits;
      found.push({ what: `no ${name}`, path: name, args: rest });
    }
  }
  return found;
}
