import { z } from "zod";
import { accept, refuse, type Result } from "../result.ts";
import type { ScriptError, ScriptKind } from "./model.ts";

/** One parameter as a script declares it: JSON Schema's words, of those the ones a form can show. */
export const ParameterDeclaration = z.strictObject({
  type: z.enum(["number", "integer", "string", "boolean", "array"]),
  title: z.string().max(200).optional(),
  description: z.string().max(2000).optional(),
  /** As people write it: `°C`, `ml/h`. */
  unit: z.string().max(20).optional(),
  /** Absent: the submission must name a value. */
  default: z.unknown().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  enum: z.array(z.union([z.number(), z.string()])).min(1).max(200).optional(),
  minLength: z.number().int().nonnegative().optional(),
  maxLength: z.number().int().nonnegative().optional(),
  /** Of an array's members. */
  items: z.strictObject({
    type: z.enum(["number", "integer", "string", "boolean"]),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  }).optional(),
  minItems: z.number().int().nonnegative().optional(),
  maxItems: z.number().int().nonnegative().optional(),
});
export type ParameterDeclaration = z.infer<typeof ParameterDeclaration>;

/** By name, in the order of the script. */
export type ParameterDeclarations = Readonly<Record<string, ParameterDeclaration>>;

/** One thing wrong with a submission's values; `path` with dots. */
export interface AskError {
  readonly path: string;
  readonly message: string;
}

const PARAMETERS_MAX = 64;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** Comment lines from the first that are looked at. */
const HEADER_LINES_MAX = 500;

/**
 * What a script declares in its header: a comment line `# parameters: {` (`// parameters: {` in
 * TypeScript) and the comment lines after it, up to the end of the JSON object. `null`: it declares none.
 * Refuses a declaration that cannot be read, with the line it begins at.
 */
export function declaredParameters(
  script: string,
  kind: ScriptKind,
): Result<ParameterDeclarations | null, ScriptError[]> {
  const mark = kind === "python" ? /^\s*#/ : /^\s*\/\//;
  const lines = script.split(/\r?\n/);
  const start = lines.findIndex((line) =>
    mark.test(line) && /^\s*parameters:\s*\{/.test(line.replace(mark, ""))
  );
  if (start < 0) return accept(null);
  let text = "";
  for (const line of lines.slice(start, start + HEADER_LINES_MAX)) {
    if (!mark.test(line)) break;
    const words = line.replace(mark, "");
    text += (text === "" ? words.replace(/^\s*parameters:/, "") : words) + "\n";
    const json = jsonOf(text);
    if (json !== undefined) return checked(json, start + 1);
  }
  return wrong(start + 1, "the parameters' declaration is not valid JSON");
}

function checked(json: unknown, line: number): Result<ParameterDeclarations, ScriptError[]> {
  const parsed = z.record(z.string(), ParameterDeclaration).safeParse(json);
  if (!parsed.success) {
    return refuse(parsed.error.issues.map(({ path, message }) => ({
      line,
      column: null,
      message: `parameter "${path.join(".")}": ${message}`,
    })));
  }
  const names = Object.keys(parsed.data);
  const bad = names.find((name) => !NAME.test(name));
  if (bad !== undefined) {
    return wrong(line, `parameter "${bad}": a name has letters, digits and "_" only`);
  }
  if (names.length > PARAMETERS_MAX) {
    return wrong(line, `${names.length} parameters are declared, the limit is ${PARAMETERS_MAX}`);
  }
  for (const [name, declaration] of Object.entries(parsed.data)) {
    if (declaration.default === undefined) continue;
    const fits = schemaOf({ [name]: declaration }).safeParse({ [name]: declaration.default });
    if (!fits.success) {
      return wrong(line, `parameter "${name}": its default: ${fits.error.issues[0]!.message}`);
    }
  }
  return accept(parsed.data);
}

/** The values a run gets: those given, defaults where none is; or everything wrong with them. */
export function parameterValues(
  declared: ParameterDeclarations | null,
  given: Readonly<Record<string, unknown>>,
): Result<Record<string, unknown>, AskError[]> {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(declared ?? {}, name));
  const errors = unknown.map((name) => ({
    path: `parameters.${name}`,
    message: declared === null
      ? "the script declares no parameters"
      : `the script declares no such parameter, but ${Object.keys(declared).join(", ") || "none"}`,
  }));
  if (declared === null) return errors.length > 0 ? refuse(errors) : accept({});
  for (const [name, declaration] of Object.entries(declared)) {
    if (Object.hasOwn(given, name) || declaration.default !== undefined) continue;
    errors.push({ path: `parameters.${name}`, message: "is needed: it has no default" });
  }
  const values: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(declared)) {
    const value = Object.hasOwn(given, name) ? given[name] : declaration.default;
    if (value === undefined) continue;
    const fits = schemaOf({ [name]: declaration }).safeParse({ [name]: value });
    if (fits.success) values[name] = value;
    else {
      errors.push(...fits.error.issues.map(({ path, message }) => ({
        path: ["parameters", ...path.map(String)].join("."),
        message: message + (declaration.unit === undefined ? "" : ` (${declaration.unit})`),
      })));
    }
  }
  return errors.length > 0 ? refuse(errors) : accept(values);
}

function schemaOf(properties: ParameterDeclarations): z.ZodType {
  const bare = Object.entries(properties).map(([name, { unit: _, default: __, ...words }]) => [
    name,
    words,
  ]);
  const schema = { type: "object", properties: Object.fromEntries(bare) };
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
}

function wrong(line: number, message: string): Result<never, ScriptError[]> {
  return refuse([{ line, column: null, message }]);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
