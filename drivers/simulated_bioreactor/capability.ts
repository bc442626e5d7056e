import { z } from "zod";

/** Same shape as the runtime's `Channel`; a driver can be read, and used, without the runtime. */
export interface ChannelFacts {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly role: "measured" | "readback";
  readonly type: "number" | "boolean" | "text";
  readonly min?: number;
  readonly max?: number;
  readonly decimals: number;
  readonly periodMs: number;
}

export interface OperationFacts {
  readonly op: string;
  readonly label: string;
  readonly schema: z.ZodType<Record<string, unknown>>;
}

/** Arguments as JSON Schema for forms and clients, from the schema that checks them. */
export function describe({ op, label, schema }: OperationFacts): Record<string, unknown> {
  const { $schema: _, ...args } = z.toJSONSchema(schema, { io: "input" });
  return { op, label, args };
}

/** A number argument: `unit` and meaning go into the description that people read. */
export function quantity(
  title: string,
  { min, max, unit, text, initial }: {
    min: number;
    max: number;
    unit: string;
    text: string;
    initial?: number;
  },
): z.ZodNumber {
  return z.number().min(min).max(max).meta({
    title,
    description: `${unit}; ${text}`,
    "x-unit": unit,
    ...(initial === undefined ? {} : { default: initial }),
  });
}

/**
 * What fits `schema`. @throws {RangeError} `Cannot <what>: ...` naming everything that does not fit, with
 * `errors` for those who want the parts.
 */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw misfit(
    what,
    result.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
  );
}

/** One or more arguments that do not fit, by their dotted paths. */
export function misfit(what: string, errors: { path: string; message: string }[]): RangeError {
  const text = errors.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return Object.assign(new RangeError(`Cannot ${what}: ${text.join("; ")}`), { errors });
}
