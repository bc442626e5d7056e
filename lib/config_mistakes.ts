import type { z } from "zod";
import { FACES } from "./compat/model.ts";
import { ConfigFile } from "./config_schema.ts";
import { didYouMean } from "./nearest.ts";

/** One mistake, and where: a line of the file or the name of an environment variable. */
export interface ConfigMistake {
  readonly line: number | null;
  readonly variable: string | null;
  readonly message: string;
}

/** `bodyLimitMb` as the file spells it: `body_limit_mb`. */
export function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Every zod issue as a sentence with its place; unknown keys one by one, with what was probably meant. */
export function explain(
  error: z.ZodError,
  raw: Readonly<Record<string, unknown>>,
  lines: ReadonlyMap<string, number>,
  variables: ReadonlyMap<string, string>,
): ConfigMistake[] {
  const mistakes: ConfigMistake[] = [];
  for (const issue of error.issues) {
    const path = issue.path.map(String);
    const found = valueAt(raw, path);
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(path);
      for (const key of issue.keys) {
        const spelled = snakeCase(key);
        const section = path.length === 0 ? "" : ` in [${path.map(snakeCase).join(".")}]`;
        mistakes.push({
          line: lineOf([...path, key], lines),
          variable: null,
          message: `unknown key "${spelled}"${section}${didYouMean(spelled, known)}`,
        });
      }
      continue;
    }
    const name = path.map(snakeCase).join(".");
    const variable = variables.get(path.join(".")) ?? variables.get(path.slice(0, -1).join(".")) ??
      null;
    mistakes.push({
      line: variable === null ? lineOf(path, lines) : null,
      variable,
      message: `${name}: ${wording(issue, found)}`,
    });
  }
  return mistakes;
}

function wording(issue: z.core.$ZodIssue, found: unknown): string {
  const shown = found === undefined ? "nothing" : JSON.stringify(found) ?? String(found);
  switch (issue.code) {
    case "invalid_type":
      return `must be ${article(issue.expected)}, found ${shown}`;
    case "too_small":
      return `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}${
        unitOf(issue.origin)
      }, found ${shown}`;
    case "too_big":
      return `must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}${
        unitOf(issue.origin)
      }, found ${shown}`;
    case "invalid_value":
      return `must be one of ${
        issue.values.map((v) => JSON.stringify(v)).join(", ")
      }, found ${shown}` +
        (typeof found === "string" ? didYouMean(found, issue.values.map(String)) : "");
    case "invalid_format":
      return `${
        issue.message.startsWith("must") ? issue.message : "must be a web address"
      }, found ${shown}`;
    default:
      return issue.message;
  }
}

function article(expected: string): string {
  switch (expected) {
    case "int":
      return "a whole number";
    case "number":
    case "string":
    case "boolean":
      return { number: "a number", string: "text in quotes", boolean: "true or false" }[expected];
    case "array":
      return "a list";
    default:
      return "a section of keys";
  }
}

function unitOf(origin: string): string {
  return origin === "string" ? " characters" : origin === "array" ? " entries" : "";
}

function valueAt(raw: unknown, path: readonly string[]): unknown {
  let value = raw;
  for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

/** The line of the key, or of the nearest table around it that has one. */
function lineOf(path: readonly string[], lines: ReadonlyMap<string, number>): number | null {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(path.slice(0, length).map(snakeCase).join("."));
    if (line !== undefined) return line;
  }
  return null;
}

const AGENT_KEYS = ["id", "agent", "enabled", "config"];

function knownKeys(path: readonly string[]): string[] {
  if (path[0] === "agents") return AGENT_KEYS;
  if (path.join(".") === "compat.ports") return [...FACES];
  const table = valueAt(ConfigFile.parse({ simulation: { enabled: true } }), path);
  return Object.keys((table as object | undefined) ?? {}).map(snakeCase);
}
