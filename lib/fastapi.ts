/**
 * Request bodies as the originals' FastAPI reads them, and its errors when they do not fit: clients of the
 * originals show `detail[].loc` and `detail[].msg`. Numbers may come as text, unknown fields are ignored;
 * unlike there, `true` is no number unless `integerOrBool` says so, for a pump must not run because
 * somebody mixed up two arguments.
 * Source: pydantic 2, "Validation Errors"; FastAPI, `RequestValidationError`.
 */
export interface FieldFault {
  readonly type: string;
  readonly loc: (string | number)[];
  readonly msg: string;
  readonly input: unknown;
  readonly ctx?: Record<string, unknown>;
}

/** The body does not fit; answered as 422 `{ detail: [...] }`. */
export class BodyFaults extends Error {
  override readonly name = "BodyFaults";
  constructor(readonly detail: readonly FieldFault[]) {
    super(detail.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; "));
  }
}

interface Fault {
  readonly type: string;
  readonly msg: string;
  readonly ctx?: Record<string, unknown>;
  /** Which item of a list, and what stands there. */
  readonly item?: { readonly index: number; readonly input: unknown };
}
type Check<T> = { value: T } | Fault;
export interface Field<T> {
  check(given: unknown): Check<T>;
  /** What stands for a field that is not there; without it the field is required. */
  readonly absent?: T;
  /** Other names older clients use. */
  readonly aliases?: readonly string[];
}
type Fields = Record<string, Field<unknown>>;
type Values<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** @throws {BodyFaults} naming everything that is wrong. */
export function readBody<F extends Fields>(body: unknown, fields: F): Values<F> {
  if (body === undefined || body === null) throw new BodyFaults([missing(["body"], null)]);
  if (typeof body !== "object" || Array.isArray(body)) {
    throw new BodyFaults([{
      type: "model_attributes_type",
      loc: ["body"],
      msg: "Input should be a valid dictionary or object to extract fields from",
      input: body,
    }]);
  }
  const given = body as Record<string, unknown>;
  return readFields(given, fields, (name) => missing(["body", name], given));
}

/** What stands in the address after `?`; of a name given twice the last counts, as there. @throws {BodyFaults} */
export function readQuery<F extends Fields>(query: URLSearchParams, fields: F): Values<F> {
  const given = Object.fromEntries(query);
  return readFields(given, fields, (name) => missing(["query", name], null), "query");
}

function readFields<F extends Fields>(
  given: Record<string, unknown>,
  fields: F,
  absent: (name: string) => FieldFault,
  part = "body",
): Values<F> {
  const faults: FieldFault[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const used = [name, ...field.aliases ?? []].find((one) => Object.hasOwn(given, one));
    if (used === undefined) {
      if ("absent" in field) values[name] = field.absent;
      else faults.push(absent(name));
      continue;
    }
    const checked = field.check(given[used]);
    if ("value" in checked) values[name] = checked.value;
    else faults.push(faultAt([part, used], checked, given[used]));
  }
  if (faults.length > 0) throw new BodyFaults(faults);
  return values as Values<F>;
}

/** The body is not JSON, at character `at`. */
export function notJson(at: number, reason: string): BodyFaults {
  return new BodyFaults([{
    type: "json_invalid",
    loc: ["body", at],
    msg: "JSON decode error",
    input: {},
    ctx: { error: reason },
  }]);
}

/** One fault of a value that fitted its own field and still cannot be. */
export function fieldFault(name: string, fault: Fault, input: unknown): BodyFaults {
  return new BodyFaults([faultAt(["body", name], fault, input)]);
}

function faultAt(
  loc: (string | number)[],
  { type, msg, ctx, item }: Fault,
  given: unknown,
): FieldFault {
  const found = item === undefined ? given : item.input;
  return {
    type,
    loc: item === undefined ? loc : [...loc, item.index],
    msg,
    // JSON has no word for these.
    input: typeof found === "number" && !Number.isFinite(found) ? String(found) : found,
    ...(ctx === undefined ? {} : { ctx }),
  };
}

function missing(loc: string[], input: unknown): FieldFault {
  return { type: "missing", loc, msg: "Field required", input };
}

interface Range {
  readonly ge?: number;
  readonly le?: number;
}

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

export function float(range: Range = {}): Field<number> {
  return {
    check(given) {
      if (typeof given === "string" && !NUMBER.test(given)) {
        return {
          type: "float_parsing",
          msg: "Input should be a valid number, unable to parse string as a number",
        };
      }
      const value = typeof given === "string" ? Number(given) : given;
      if (typeof value !== "number") {
        return { type: "float_type", msg: "Input should be a valid number" };
      }
      if (!Number.isFinite(value)) {
        return { type: "finite_number", msg: "Input should be a finite number" };
      }
      return within(value, range);
    },
  };
}

export function integer(range: Range = {}): Field<number> {
  return {
    check(given) {
      if (typeof given === "string" && !/^\s*[+-]?\d+(\.0*)?\s*$/.test(given)) {
        return {
          type: "int_parsing",
          msg: "Input should be a valid integer, unable to parse string as an integer",
        };
      }
      const value = typeof given === "string" ? Number(given) : given;
      if (typeof value !== "number") {
        return { type: "int_type", msg: "Input should be a valid integer" };
      }
      if (!Number.isInteger(value)) {
        return {
          type: "int_from_float",
          msg: "Input should be a valid integer, got a number with a fractional part",
        };
      }
      return within(value, range);
    },
  };
}

function within(value: number, { ge, le }: Range): Check<number> {
  if (ge !== undefined && value < ge) {
    return {
      type: "greater_than_equal",
      msg: `Input should be greater than or equal to ${ge}`,
      ctx: { ge },
    };
  }
  if (le !== undefined && value > le) {
    return {
      type: "less_than_equal",
      msg: `Input should be less than or equal to ${le}`,
      ctx: { le },
    };
  }
  return { value };
}

/** Where the original's clients rely on `true` being 1 and `false` 0. */
export function integerOrBool(range: Range = {}): Field<number> {
  const whole = integer(range);
  return { check: (given) => whole.check(typeof given === "boolean" ? Number(given) : given) };
}

/** One of the words of an enum, exactly. */
export function choice<const W extends string>(...words: W[]): Field<W> {
  const quoted = words.map((word) => `'${word}'`);
  const expected = quoted.length === 1
    ? quoted[0]!
    : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return {
    check(given) {
      const value = words.find((word) => word === given);
      return value === undefined
        ? { type: "enum", msg: `Input should be ${expected}`, ctx: { expected } }
        : { value };
    },
  };
}

/** What stands for a field that is not there. */
export function fallback<T>(field: Field<T>, absent: T): Field<T> {
  return { ...field, absent };
}

export function bool(): Field<boolean> {
  const words = new Map<unknown, boolean>([
    ...["true", "t", "yes", "y", "on", "1"].map((word) => [word, true] as const),
    ...["false", "f", "no", "n", "off", "0"].map((word) => [word, false] as const),
    [1, true],
    [0, false],
  ]);
  return {
    check(given) {
      if (typeof given === "boolean") return { value: given };
      const value = words.get(typeof given === "string" ? given.toLowerCase() : given);
      if (value !== undefined) return { value };
      return typeof given === "string" || typeof given === "number"
        ? {
          type: "bool_parsing",
          msg: "Input should be a valid boolean, unable to interpret input",
        }
        : { type: "bool_type", msg: "Input should be a valid boolean" };
    },
  };
}

export function text(...words: string[]): Field<string> {
  return {
    check(given) {
      if (typeof given !== "string") {
        return { type: "string_type", msg: "Input should be a valid string" };
      }
      if (words.length > 0 && !words.includes(given)) {
        const pattern = `^(${words.join("|")})$`;
        return {
          type: "string_pattern_mismatch",
          msg: `String should match pattern '${pattern}'`,
          ctx: { pattern },
        };
      }
      return { value: given };
    },
  };
}

/** `[red, green, blue]` of the older node. */
export function colour(): Field<[number, number, number]> {
  const one = integer({ ge: 0, le: 255 });
  return {
    check(given) {
      if (!Array.isArray(given)) return { type: "list_type", msg: "Input should be a valid list" };
      if (given.length !== 3) {
        return {
          type: "value_error",
          msg: `Value error, a colour is [red, green, blue], not ${given.length} numbers`,
        };
      }
      const values: number[] = [];
      for (const [index, input] of given.entries()) {
        const checked = one.check(input);
        if (!("value" in checked)) return { ...checked, item: { index, input } };
        values.push(checked.value);
      }
      return { value: values as [number, number, number] };
    },
  };
}

export function optional<T>(field: Field<T>): Field<T | null> {
  return {
    ...field,
    absent: null,
    check: (given) => given === null ? { value: null } : field.check(given),
  };
}

/** Understood under other names too. */
export function named<T>(field: Field<T>, ...aliases: string[]): Field<T> {
  return { ...field, aliases };
}
