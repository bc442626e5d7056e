import { isAbsolute, join } from "node:path";
import type { Clock } from "../clock.ts";
import { accept, refuse, type Result } from "../result.ts";
import { containerCheck, type ContainerEngine, engineEnvironment } from "./container.ts";
import type { ScriptKind } from "./model.ts";
import { BOX_ETC, boxedCheck, type Bwrap, type PythonRunner } from "./sandbox.ts";

export interface RunnerOptions {
  /** A name in the usual folders, or an absolute path. */
  readonly python: string;
  /** Absolute path of a Deno; `self`: the one running this. */
  readonly deno: string;
  readonly sandbox: "auto" | "bwrap" | "none";
  /** `Deno.execPath()`. */
  readonly execPath: string;
  /** Whether that is Holdfast's own binary, which runs no scripts. */
  readonly standalone: boolean;
  /** Folder for the box's own `etc`. */
  readonly etc: string;
  /** What Python runs in; default: `bwrap`, as `sandbox` says. */
  readonly runner?: "bwrap" | "docker" | "podman";
  readonly image?: string;
  /** A name in the usual folders, or an absolute path; default: the runner's. */
  readonly engine?: string | undefined;
}

/** How Python scripts run here: in a box of ours, or in a container. */
export type PythonPlace =
  | { readonly kind: "box"; readonly python: PythonRunner }
  | { readonly kind: "container"; readonly engine: ContainerEngine };

export interface Unavailable {
  readonly kind: "runner-unavailable";
  readonly text: string;
}

/** Where programs are looked for: the environment of this process is nobody's choice of interpreter. */
const FOLDERS = ["/usr/local/bin", "/usr/bin", "/bin"];
const PROBE_MS = 20_000;
/** Whom scripts in containers run as where Holdfast itself is root. */
const NOBODY = { uid: 10_001, gid: 10_001 };

/** What can run scripts on this machine. Found when first needed, and again as long as it was not found. */
export class Runners {
  #python: PythonPlace | null = null;
  #deno: string | null = null;

  constructor(private readonly options: RunnerOptions, private readonly clock: Clock) {}

  async available(kind: ScriptKind): Promise<Result<void, Unavailable>> {
    const found = kind === "python" ? await this.python() : await this.deno();
    return found.ok ? accept(undefined) : found;
  }

  async python(): Promise<Result<PythonPlace, Unavailable>> {
    if (this.#python !== null) return accept(this.#python);
    const found = await this.#findPlace();
    if (found.ok) this.#python = found.value;
    return found;
  }

  /** The command of a Python program that only reads its command line and stdin. */
  checkCommand(
    place: PythonPlace,
    args: readonly string[],
  ): { command: string[]; env: Record<string, string> } {
    return place.kind === "container"
      ? { command: containerCheck(place.engine, args), env: engineEnvironment(place.engine) }
      : { command: boxedCheck(place.python, this.options.etc, args), env: {} };
  }

  /** Path of the Deno that runs TypeScript. */
  async deno(): Promise<Result<string, Unavailable>> {
    if (this.#deno !== null) return accept(this.#deno);
    const { deno, execPath, standalone } = this.options;
    if (deno === "self" && standalone) {
      return unavailable(
        'TypeScript needs a Deno beside this binary: set "experiments.deno" to its path',
      );
    }
    const path = deno === "self" ? execPath : await find(deno);
    if (path === null) return unavailable(`There is no "${deno}" here to run TypeScript with`);
    const version = await this.run([path, "--version"]);
    if (!version.ok) return unavailable(`"${deno}" does not run: ${version.text}`);
    this.#deno = path;
    return accept(path);
  }

  /** Runs a command with nothing of our environment to its end, or for `PROBE_MS`. */
  async run(
    command: readonly string[],
    options: { stdin?: string; cwd?: string; env?: Record<string, string> } = {},
  ): Promise<{ ok: boolean; stdout: string; text: string }> {
    const [program = "", ...args] = command;
    const late = new AbortController();
    const cancel = this.clock.timer(PROBE_MS, () => late.abort());
    try {
      const child = new Deno.Command(program, {
        args,
        clearEnv: true,
        env: { LANG: "C.UTF-8", ...options.env },
        stdin: options.stdin === undefined ? "null" : "piped",
        stdout: "piped",
        stderr: "piped",
        signal: late.signal,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      }).spawn();
      if (options.stdin !== undefined) {
        const input = new Blob([options.stdin]).stream();
        // A child that ended before reading all of it tells so by its exit code.
        await input.pipeTo(child.stdin).catch(() => {});
      }
      const { code, stdout, stderr } = await child.output();
      const text = new TextDecoder().decode(stderr).trim().slice(-1000);
      if (late.signal.aborted) {
        return { ok: false, stdout: "", text: `it did not end within ${PROBE_MS / 1000} s` };
      }
      return { ok: code === 0, stdout: new TextDecoder().decode(stdout), text };
    } catch (error) {
      return {
        ok: false,
        stdout: "",
        text: error instanceof Error ? error.message : String(error),
      };
    } finally {
      cancel();
    }
  }

  async #findPlace(): Promise<Result<PythonPlace, Unavailable>> {
    const { runner = "bwrap" } = this.options;
    if (runner === "bwrap") {
      const python = await this.#findPython();
      return python.ok ? accept({ kind: "box", python: python.value }) : python;
    }
    const engine = await this.#findEngine(runner);
    return engine.ok ? accept({ kind: "container", engine: engine.value }) : engine;
  }

  async #findEngine(kind: "docker" | "podman"): Promise<Result<ContainerEngine, Unavailable>> {
    const { engine: name = kind, image = "" } = this.options;
    const program = await find(name);
    if (program === null) {
      return unavailable(
        `Python scripts run in containers of ${kind} here, and there is no "${name}": install it, or ` +
          'set "experiments.runner" to "bwrap"',
      );
    }
    const own = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };
    const rootless = own.uid !== 0;
    const engine = { kind, program, image, rootless, ...(rootless ? own : NOBODY) };
    const env = engineEnvironment(engine);
    const found = await this.run([program, "image", "inspect", image], { env });
    if (!found.ok) {
      return unavailable(
        `${kind} does not answer or has no image "${image}", which is never pulled: ${found.text}`,
      );
    }
    const { command } = this.checkCommand({ kind: "container", engine }, [
      ...["-I", "-c", "print('in the container')"],
    ]);
    const tried = await this.run(command, { env });
    if (!tried.ok) return unavailable(`${kind} cannot run Python in "${image}": ${tried.text}`);
    return accept(engine);
  }

  async #findPython(): Promise<Result<PythonRunner, Unavailable>> {
    const { python, sandbox, etc } = this.options;
    const path = await find(python);
    if (path === null) return unavailable(`There is no "${python}" here to run Python with`);
    const asked = await this.run([
      path,
      "-I",
      "-c",
      "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix]))",
    ]);
    const [executable, ...prefixes] = asked.ok ? JSON.parse(asked.stdout) as string[] : [];
    if (executable === undefined) return unavailable(`"${python}" does not run: ${asked.text}`);
    const runner = { path: executable, prefixes };
    if (sandbox === "none") return accept({ ...runner, bwrap: null });
    const bwrap = await this.#findBwrap();
    if (bwrap === null) {
      return unavailable(
        'Python scripts run inside bubblewrap, which is not installed: install "bwrap", or set ' +
          '"experiments.sandbox" to "none" to run them without a boundary',
      );
    }
    await Deno.mkdir(etc, { recursive: true });
    for (const [name, text] of Object.entries(BOX_ETC)) {
      await Deno.writeTextFile(join(etc, name), text);
    }
    const boxed = { ...runner, bwrap };
    const tried = await this.run(boxedCheck(boxed, etc, ["-I", "-c", "print('in the box')"]));
    if (!tried.ok) {
      return unavailable(`Bubblewrap cannot make a sandbox on this machine: ${tried.text}`);
    }
    return accept(boxed);
  }

  async #findBwrap(): Promise<Bwrap | null> {
    const path = await find("bwrap");
    if (path === null) return null;
    const help = await this.run([path, "--help"]);
    return {
      path,
      disableUserns: help.stdout.includes("--disable-userns"),
      sizedTmpfs: help.stdout.includes("--size"),
    };
  }
}

async function find(program: string): Promise<string | null> {
  const paths = isAbsolute(program) ? [program] : FOLDERS.map((folder) => join(folder, program));
  for (const path of paths) {
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
  }
  return null;
}

function unavailable(text: string): { ok: false; refusal: Unavailable } {
  return refuse({ kind: "runner-unavailable", text });
}
