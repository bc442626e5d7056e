import { join } from "node:path";
import { accept, refuse, type Result } from "../result.ts";
import type { ScriptError, ScriptKind, SubmitRefusal } from "./model.ts";
import type { Runners } from "./runners.ts";

type Rejected = Extract<SubmitRefusal, { kind: "script-rejected" }>;

/** Compiles what comes on stdin, runs none of it, and says in JSON what is wrong. */
const PYTHON_CHECK = `
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
found = []
try:
    compile(sys.stdin.buffer.read(), "user_script.py", "exec", dont_inherit=True)
except SyntaxError as error:
    found.append({"line": error.lineno or None, "column": error.offset or None, "message": error.msg})
except (ValueError, UnicodeError) as error:
    found.append({"line": None, "column": None, "message": str(error)})
except (RecursionError, MemoryError):
    found.append({"line": None, "column": None, "message": "it is nested too deeply to compile"})
print(json.dumps(found))
`;

/**
 * Whether a script can be compiled, and imports nothing it could not have. Runs none of it. Takes tens of
 * milliseconds. Types are not checked: a script may be as loose as its author likes.
 */
export async function checkScript(
  script: string,
  kind: ScriptKind,
  runners: Runners,
  places: { scratch: string },
): Promise<Result<void, SubmitRefusal>> {
  return kind === "python"
    ? await checkPython(script, runners)
    : await checkTypescript(script, runners, places.scratch);
}

async function checkPython(
  script: string,
  runners: Runners,
): Promise<Result<void, SubmitRefusal>> {
  const python = await runners.python();
  if (!python.ok) return python;
  const args = ["-I", "-W", "ignore", "-c", PYTHON_CHECK];
  const { command, env } = runners.checkCommand(python.value, args);
  const checked = await runners.run(command, { stdin: script, env });
  if (!checked.ok) {
    return rejected([{
      line: null,
      column: null,
      message: `it cannot be compiled: ${checked.text}`,
    }]);
  }
  const errors = JSON.parse(checked.stdout) as ScriptError[];
  return errors.length > 0 ? rejected(errors) : accept(undefined);
}

interface GraphModule {
  specifier: string;
  error?: string;
  dependencies?: {
    specifier: string;
    code?: Resolved;
    type?: Resolved;
  }[];
}
interface Resolved {
  specifier?: string;
  error?: string;
  span?: { start: Place; end: Place };
}
interface Place {
  line: number;
  character: number;
}

const LIBRARY_NAME = "bioreactor_client";
/** Stands for the client library while a script is looked at. */
const LIBRARY = "data:application/typescript,";
/** Every file a script names is looked for where nothing is: looking at a script must open none. */
const CHECK_CONFIG = JSON.stringify({
  imports: { [LIBRARY_NAME]: LIBRARY, "file:///": "file:///dev/null/" },
  nodeModulesDir: "none",
});
const CHECK_MEMORY_KB = 1_048_576;

/**
 * Deno loads what a module imports by name without asking for permission, so every name is looked at here,
 * and nothing passes but the two that are meant to: a path can be written in too many ways to compare.
 */
async function checkTypescript(
  script: string,
  runners: Runners,
  scratch: string,
): Promise<Result<void, SubmitRefusal>> {
  const deno = await runners.deno();
  if (!deno.ok) return deno;
  await Deno.mkdir(scratch, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: scratch });
  try {
    await Deno.writeTextFile(join(folder, "user_script.ts"), script);
    await Deno.writeTextFile(join(folder, "deno.json"), CHECK_CONFIG);
    const checked = await runners.run([
      ...["/bin/sh", "-c", `ulimit -d ${CHECK_MEMORY_KB}; exec "$@"`, "sh"],
      deno.value,
      "info",
      "--json",
      ...["--no-remote", "--no-npm", "--no-lock"],
      `--config=${join(folder, "deno.json")}`,
      // By its bare name: as a path it would be looked for where the others are.
      "user_script.ts",
    ], { cwd: folder, env: { DENO_DIR: join(folder, "cache"), NO_COLOR: "1" } });
    if (!checked.ok) {
      return rejected([{ line: null, column: null, message: "it cannot be parsed" }]);
    }
    const graph = JSON.parse(checked.stdout) as { roots: string[]; modules: GraphModule[] };
    const errors = errorsOf(graph, script);
    return errors.length > 0 ? rejected(errors) : accept(undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function errorsOf(
  graph: { roots: string[]; modules: GraphModule[] },
  script: string,
): ScriptError[] {
  const root = graph.modules.find((one) => one.specifier === graph.roots[0]);
  if (root === undefined) {
    return [{ line: null, column: null, message: "it cannot be parsed" }];
  }
  if (root.error !== undefined) return [syntaxError(root.error)];
  const errors = new Map<string, ScriptError>();
  for (const { specifier, code, type } of root.dependencies ?? []) {
    const resolved = code ?? type;
    const target = resolved?.specifier ?? "";
    if (target.startsWith("node:")) continue;
    if (specifier === LIBRARY_NAME && target === LIBRARY) continue;
    const at = resolved?.span?.start;
    // One import of a computed name stands for every file it could name; those are not the author's to see.
    const named = writtenAt(script, resolved?.span) ?? `"${specifier}"`;
    errors.set(`${at?.line}:${at?.character}`, {
      line: at === undefined ? null : at.line + 1,
      column: at === undefined ? null : at.character + 1,
      message: `it imports ${named}; a script can import "${LIBRARY_NAME}" and "node:" modules`,
    });
  }
  return [...errors.values()];
}

/** The script's own text at a place within one line; `null` where it has none. */
function writtenAt(script: string, span: Resolved["span"]): string | null {
  if (span === undefined || span.start.line !== span.end.line) return null;
  const line = script.split(/\r?\n/)[span.start.line] ?? "";
  const text = line.slice(span.start.character, span.end.character);
  return text === "" ? null : text.slice(0, 200);
}

/** `SyntaxError: Expression expected` … `at file:///…/user_script.ts:3:9`. */
function syntaxError(error: string): ScriptError {
  const at = /user_script\.ts:(\d+):(\d+)/.exec(error);
  const message = error.split("\n")[0]!.replace(
    /^(The module's source code could not be parsed|SyntaxError): /,
    "",
  )
    .replace(/ at file:.*$/, "");
  return {
    line: at === null ? null : Number(at[1]),
    column: at === null ? null : Number(at[2]),
    message,
  };
}

function rejected(errors: ScriptError[]): { ok: false; refusal: Rejected } {
  return refuse({ kind: "script-rejected", errors });
}
