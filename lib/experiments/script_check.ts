import { join } from "node:path";
import { accept, refuse, type Result } from "../result.ts";
import type { ScriptError, ScriptKind, SubmitRefusal } from "./model.ts";
import type { Runners } from "./runners.ts";
import { boxedCheck, typescriptConfig } from "./sandbox.ts";

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
  places: { etc: string; clients: string; scratch: string },
): Promise<Result<void, SubmitRefusal>> {
  return kind === "python"
    ? await checkPython(script, runners, places.etc)
    : await checkTypescript(script, runners, places);
}

async function checkPython(
  script: string,
  runners: Runners,
  etc: string,
): Promise<Result<void, SubmitRefusal>> {
  const python = await runners.python();
  if (!python.ok) return python;
  const command = boxedCheck(python.value, etc, ["-I", "-W", "ignore", "-c", PYTHON_CHECK]);
  const checked = await runners.run(command, { stdin: script });
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
  span?: { start: { line: number; character: number } };
}

/** Deno loads what a module imports by name without asking for permission, so every name is looked at here. */
async function checkTypescript(
  script: string,
  runners: Runners,
  { clients, scratch }: { clients: string; scratch: string },
): Promise<Result<void, SubmitRefusal>> {
  const deno = await runners.deno();
  if (!deno.ok) return deno;
  await Deno.mkdir(scratch, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: scratch });
  try {
    await Deno.writeTextFile(join(folder, "user_script.ts"), script);
    await Deno.writeTextFile(join(folder, "deno.json"), typescriptConfig(clients));
    const checked = await runners.run([
      deno.value,
      "info",
      "--json",
      ...["--no-remote", "--no-npm", "--no-lock"],
      `--config=${join(folder, "deno.json")}`,
      join(folder, "user_script.ts"),
    ], { cwd: folder, env: { DENO_DIR: join(folder, "cache"), NO_COLOR: "1" } });
    if (!checked.ok) {
      return rejected([{ line: null, column: null, message: "it cannot be parsed" }]);
    }
    const graph = JSON.parse(checked.stdout) as { roots: string[]; modules: GraphModule[] };
    const errors = errorsOf(graph, new URL(`file://${encodeURI(join(clients, "typescript"))}/`));
    return errors.length > 0 ? rejected(errors) : accept(undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function errorsOf(
  graph: { roots: string[]; modules: GraphModule[] },
  library: URL,
): ScriptError[] {
  const root = graph.modules.find((one) => one.specifier === graph.roots[0]);
  if (root === undefined) {
    return [{ line: null, column: null, message: "it cannot be parsed" }];
  }
  if (root.error !== undefined) return [syntaxError(root.error)];
  const errors: ScriptError[] = [];
  for (const { specifier, code, type } of root.dependencies ?? []) {
    const resolved = code ?? type;
    const target = resolved?.specifier ?? "";
    if (target.startsWith(library.href) || target.startsWith("node:")) continue;
    const at = resolved?.span?.start;
    errors.push({
      line: at === undefined ? null : at.line + 1,
      column: at === undefined ? null : at.character + 1,
      message:
        `it imports "${specifier}"; a script can import "bioreactor_client" and "node:" modules`,
    });
  }
  return errors;
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
