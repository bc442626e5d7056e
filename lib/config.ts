import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { logLevelOf, overlayCoordination } from "./config_coordination.ts";
import { type ConfigMistake, explain, snakeCase } from "./config_mistakes.ts";
import { type Config, ConfigFile } from "./config_schema.ts";
import { didYouMean } from "./nearest.ts";
import { accept, refuse, type Result } from "./result.ts";
import { tomlLines } from "./toml_lines.ts";

export type { ConfigMistake } from "./config_mistakes.ts";
export type { Config } from "./config_schema.ts";

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, or `null` where there was none. */
  readonly file: string | null;
  /** Things that are no mistake but deserve a line in the log. */
  readonly warnings: readonly string[];
}

export interface ConfigRefusal {
  readonly kind: "invalid-config";
  readonly file: string | null;
  readonly mistakes: readonly ConfigMistake[];
}

export interface ConfigSource {
  /** A file that must exist. Absent: `HOLDFAST_CONFIG`, else `holdfast.toml` in `cwd` if it is there. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
}

/** So that the originals' chemostat and turbidostat run on the simulated pumps `inflow` and `outflow`. */
const EXAMPLE_PUMPS = ["tube_1_in=inflow", "tube_1_out=outflow"];

/** The short names; every other key is `HOLDFAST_<SECTION>_<KEY>`. */
const ALIASES: Readonly<Record<string, string>> = {
  HOLDFAST_NAME: "instrument.name",
  HOLDFAST_HOST: "server.host",
  HOLDFAST_PORT: "server.port",
  HOLDFAST_DATA: "data.dir",
  LOG_LEVEL: "log.level",
};

/** Variables with another reader: the command line, the tests. */
const OTHER_VARIABLES = ["HOLDFAST_CONFIG", "HOLDFAST_URL", "HOLDFAST_TOKEN", "HOLDFAST_LONG"];

const FILE_NAME = "holdfast.toml";
/** A table whose keys are not there by default; one variable sets it whole. */
const PORTS = "compat.ports";

/**
 * Reads the configuration file, lays the environment over it and checks the whole. Refuses with every
 * mistake at once. Reads that one file and touches nothing else.
 */
export function loadConfig(source: ConfigSource): Result<LoadedConfig, ConfigRefusal> {
  const { env, cwd } = source;
  const named = source.file ?? (env.HOLDFAST_CONFIG || undefined);
  const file = resolve(cwd, named ?? FILE_NAME);
  const present = named !== undefined || existsSync(file);
  const mistakes: ConfigMistake[] = [];
  const warnings: string[] = [];
  const raw: Raw = {};
  let lines: ReadonlyMap<string, number> = new Map();

  if (present) {
    const read = readToml(file);
    if (read.ok) {
      lines = read.value.lines;
      Object.assign(raw, camelTable(read.value.table, "", lines, mistakes));
    } else mistakes.push(read.refusal);
  }
  const variables = overlay(raw, env, mistakes, warnings);
  overlayCoordination({ raw, env, set: variables, place, mistakes, warnings });
  const parsed = ConfigFile.safeParse(raw);
  if (!parsed.success) {
    mistakes.push(...explain(parsed.error, raw, lines, variables));
  }
  if (!parsed.success || mistakes.length > 0) {
    mistakes.sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity));
    return refuse({ kind: "invalid-config", file: present ? file : null, mistakes });
  }
  const base = variables.has("data.dir") || !present ? cwd : dirname(file);
  const { data, agents } = parsed.data;
  const { enabled = agents.length + parsed.data.epu.folders.length === 0, ...simulation } =
    parsed.data.simulation;
  const { epu, compat } = parsed.data;
  const { pumpNames = enabled ? EXAMPLE_PUMPS : [] } = compat;
  const twice = epu.folders.findIndex(({ name }, i) =>
    epu.folders.findIndex((one) => one.name === name) !== i
  );
  if (twice !== -1) {
    return refuse({
      kind: "invalid-config",
      file,
      mistakes: [{
        line: lines.get(`epu.folders.${twice}.name`) ?? null,
        variable: null,
        message: `two folders have the name "${epu.folders[twice]!.name}"`,
      }],
    });
  }
  const duplicate = agents.find((a, i) => agents.findIndex((b) => b.id === a.id) !== i);
  if (duplicate !== undefined) {
    const path = `agents.${agents.lastIndexOf(duplicate)}.id`;
    return refuse({
      kind: "invalid-config",
      file,
      mistakes: [{
        line: lines.get(path) ?? null,
        variable: null,
        message: `two agents have the id "${duplicate.id}"`,
      }],
    });
  }
  return accept({
    config: {
      ...parsed.data,
      data: { ...data, dir: resolve(base, data.dir) },
      epu: {
        ...epu,
        folders: epu.folders.map((folder) => resolved(folder, present ? dirname(file) : cwd)),
      },
      simulation: { enabled, ...simulation },
      compat: { ...compat, pumpNames },
    },
    file: present ? file : null,
    warnings,
  });
}

function resolved(
  folder: Config["epu"]["folders"][number],
  base: string,
): Config["epu"]["folders"][number] {
  return {
    ...folder,
    dir: resolve(base, folder.dir),
    atlasRoots: folder.atlasRoots.map((root) => resolve(base, root)),
  };
}

/** The refusal as people read it, one mistake a line: `holdfast.toml:12: server.port: …`. */
export function describeRefusal(refusal: ConfigRefusal): string {
  return refusal.mistakes.map(({ line, variable, message }) => {
    if (variable !== null) return `${variable}: ${message}`;
    const place = refusal.file ?? FILE_NAME;
    return line === null ? `${place}: ${message}` : `${place}:${line}: ${message}`;
  }).join("\n");
}

const SECRET_KEY = /token|secret|passw|passphrase|credential|api_?key|private/i;

/** A copy in which every value whose key names a secret is `"********"`; safe to show and to log. */
export function maskConfig<T>(value: T): T {
  if (Array.isArray(value)) return value.map(maskConfig) as T;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      SECRET_KEY.test(key) && inner !== null ? [key, "********"] : [key, maskConfig(inner)]
    ),
  ) as T;
}

type Raw = Record<string, unknown>;

function readToml(
  file: string,
): Result<{ table: Raw; lines: ReadonlyMap<string, number> }, ConfigMistake> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const why = (error as { code?: string }).code === "ENOENT"
      ? "there is no such file"
      : `cannot be read: ${(error as Error).message}`;
    return refuse({ line: null, variable: null, message: why });
  }
  try {
    return accept({ table: parseToml(text.replace(/^\uFEFF/, "")), lines: tomlLines(text) });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    return refuse({
      line: error.line,
      variable: null,
      message: `${message} (column ${error.column})`,
    });
  }
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Keys to camel case, but for what belongs to an agent; a key that is not snake case is a mistake. */
function camelTable(
  table: Raw,
  path: string,
  lines: ReadonlyMap<string, number>,
  mistakes: ConfigMistake[],
): Raw {
  const out: Raw = {};
  for (const [key, value] of Object.entries(table)) {
    const here = path === "" ? key : `${path}.${key}`;
    if (key !== snakeCase(key)) {
      mistakes.push({
        line: lines.get(here) ?? null,
        variable: null,
        message: `unknown key "${key}"${didYouMean(key, [snakeCase(key)])}`,
      });
      continue;
    }
    out[camelCase(key)] = /^agents\.\d+\.config$/.test(here)
      ? value
      : camelValue(value, here, lines, mistakes);
  }
  return out;
}

function camelValue(
  value: unknown,
  path: string,
  lines: ReadonlyMap<string, number>,
  mistakes: ConfigMistake[],
): unknown {
  if (Array.isArray(value)) {
    return value.map((item, i) => camelValue(item, `${path}.${i}`, lines, mistakes));
  }
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  return camelTable(value as Raw, path, lines, mistakes);
}

/** Every scalar key's default, by dotted path: what an environment variable can set. */
function leaves(value: object, path = ""): Map<string, unknown> {
  const out = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    const here = path === "" ? key : `${path}.${key}`;
    if (here === "agents") continue;
    if (here === PORTS) {
      out.set(here, inner);
      continue;
    }
    if (inner !== null && typeof inner === "object" && !Array.isArray(inner)) {
      for (const [deeper, leaf] of leaves(inner, here)) out.set(deeper, leaf);
    } else out.set(here, inner);
  }
  return out;
}

/** Writes what the environment sets into `raw`; returns path to variable name. */
function overlay(
  raw: Raw,
  env: ConfigSource["env"],
  mistakes: ConfigMistake[],
  warnings: string[],
): Map<string, string> {
  const defaults = leaves(
    ConfigFile.parse({ simulation: { enabled: true }, compat: { pumpNames: [] } }),
  );
  const names = new Map<string, string>();
  for (const path of defaults.keys()) {
    names.set(`HOLDFAST_${path.split(".").map(snakeCase).join("_").toUpperCase()}`, path);
  }
  for (const [name, path] of Object.entries(ALIASES)) names.set(name, path);

  const set = new Map<string, string>();
  for (const [name, path] of names) {
    const text = env[name];
    // An empty variable is how service files and shells say "not set".
    if (text === undefined || text === "") continue;
    const value = ofText(text, path, defaults.get(path));
    if (value === undefined) {
      mistakes.push({
        line: null,
        variable: name,
        message: `${wantedOf(path, defaults)}, found "${text}"`,
      });
      continue;
    }
    set.set(path, name);
    place(raw, path.split("."), value);
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("HOLDFAST_") || names.has(name) || OTHER_VARIABLES.includes(name)) {
      continue;
    }
    warnings.push(`The variable ${name} sets nothing${didYouMean(name, [...names.keys()])}`);
  }
  return set;
}

function wantedOf(path: string, defaults: ReadonlyMap<string, unknown>): string {
  if (path === PORTS) return 'must be ports such as "3000,9000" or "web=3000,node=9001"';
  return typeof defaults.get(path) === "boolean" ? "must be true or false" : "must be a number";
}

/** The text as the type its default has; `undefined` when it cannot be. */
function ofText(text: string, path: string, like: unknown): unknown {
  if (path === "log.level") return logLevelOf(text);
  if (path === PORTS) return portsOf(text);
  if (Array.isArray(like)) return partsOf(text);
  if (typeof like === "boolean") {
    const found = /^(?:(true|1|yes|on)|(false|0|no|off))$/i.exec(text.trim());
    return found === null ? undefined : found[1] !== undefined;
  }
  if (typeof like === "number" || like === null) {
    const value = Number(text);
    return text.trim() === "" || Number.isNaN(value) ? undefined : value;
  }
  return text;
}

function partsOf(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** `3000,9000`, or `web=3000,node=9001` where others than the originals' own ports are meant. */
function portsOf(text: string): number[] | Record<string, number> | undefined {
  const pairs = partsOf(text).map((part) => /^(?:([a-z]+)\s*=\s*)?(\d+)$/.exec(part));
  if (pairs.some((pair) => pair === null)) return undefined;
  const named = pairs.filter((pair) => pair![1] !== undefined);
  if (named.length === 0) return pairs.map((pair) => Number(pair![2]));
  if (named.length < pairs.length) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair![1]!, Number(pair![2])]));
}

function place(raw: Raw, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) raw[head] = value;
  else {
    const inner = raw[head];
    const table = inner !== null && typeof inner === "object" && !Array.isArray(inner) ? inner : {};
    // A section that is no table is reported as such; the variable must not hide that.
    if (inner !== undefined && table !== inner) return;
    raw[head] = table;
    place(table as Raw, rest, value);
  }
}
