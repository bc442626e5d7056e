import { argsFrom, type Field, fieldsOf } from "./form.ts";

/** The form of the parameters a script declares, and its values back from what was typed. Pure. */

/** One parameter as the API gives it: JSON Schema's words with a unit. */
export interface DeclaredParameter {
  readonly type: "number" | "integer" | "string" | "boolean" | "array";
  readonly title?: string;
  readonly description?: string;
  readonly unit?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly (number | string)[];
  readonly items?: { readonly type: string };
}
export type Declared = Readonly<Record<string, DeclaredParameter>>;

/** Names of a parameter's field, and of the list of those a form has shown. */
export const PARAMETER_FIELD = "parameter.";
export const PARAMETERS_SHOWN = "parametersShown";

/** A field for each parameter, in the script's order. A list is typed with commas. */
export function parameterFields(declared: Declared): Field[] {
  return Object.entries(declared).flatMap(([name, declaration]) => {
    const { unit, type, ...words } = declaration;
    const isList = type === "array";
    const property = {
      ...words,
      type: isList ? "string" : type,
      "x-unit": unit,
      ...(isList ? { default: listText(declaration.default) } : {}),
    };
    const [field] = fieldsOf({
      type: "object",
      properties: { [name]: property },
      required: [name],
    });
    if (field === undefined) return [];
    if (!isList) return [{ ...field, none: "choose" }];
    const hint = [field.hint, "separated by commas"].filter((part) => part !== "").join("; ");
    return [{ ...field, hint }];
  });
}

/**
 * Values of the parameters that the form has shown. One left empty is left out, so that its default counts;
 * what cannot be read is passed on as it was typed, so that the instrument names it.
 */
export function parameterValuesOf(
  declared: Declared,
  shown: readonly string[],
  text: (name: string) => string | null,
): Record<string, unknown> {
  const asked = Object.fromEntries(
    Object.entries(declared).filter(([name]) => shown.includes(name)),
  );
  const values = argsFrom(parameterFields(asked), text);
  for (const [name, value] of Object.entries(values)) {
    const declaration = asked[name]!;
    if (typeof value !== "string") continue;
    if (declaration.type === "array") {
      values[name] = listOf(value).map((item) => itemOf(item, declaration.items?.type));
    } else if (declaration.enum !== undefined) {
      values[name] = declaration.enum.find((choice) => String(choice) === value) ?? value;
    }
  }
  return values;
}

/** A value as it stands in its field. */
export function typedText(value: unknown): string {
  return Array.isArray(value) ? listText(value) ?? "" : String(value);
}

function listText(value: unknown): string | undefined {
  return Array.isArray(value) ? value.map(String).join(", ") : undefined;
}

function listOf(text: string): string[] {
  return text.split(/[,;\n]/).map((item) => item.trim()).filter((item) => item !== "");
}

function itemOf(text: string, type: string | undefined): unknown {
  if (type === "boolean") return ["true", "yes", "1"].includes(text.toLowerCase());
  if (type !== "number" && type !== "integer") return text;
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}
