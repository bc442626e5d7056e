import { accessSync, constants, existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type Config, describeRefusal, loadConfig } from "../config.ts";
import { isLoopbackHost } from "../addresses.ts";
import type { CliHost, CommandArgs, CommandSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** `ok`; `missing`: something will not be possible; `bad`: Holdfast will not start. */
interface Finding {
  readonly grade: "ok" | "missing" | "bad";
  readonly what: string;
  readonly text: string;
}

const MARKS = { ok: "ok      ", missing: "missing ", bad: "BAD     " } as const;
const DENO_MIN = [2, 9, 5];

export const doctor: CommandSpec = {
  name: "doctor",
  summary: "Check what Holdfast needs on this machine",
  notes: [`Ends with ${EXIT.failed} when something keeps Holdfast from starting.`],
  async run(args, host) {
    const findings = await examine(args, host);
    for (const { grade, what, text } of findings) host.out(`${MARKS[grade]}${what}: ${text}`);
    return findings.some(({ grade }) => grade === "bad") ? EXIT.failed : EXIT.ok;
  },
};

async function examine(args: CommandArgs, host: CliHost): Promise<Finding[]> {
  const file = args.text("config");
  const loaded = loadConfig({
    ...(file === undefined ? {} : { file }),
    env: host.env,
    cwd: host.cwd,
  });
  const settings: Finding = loaded.ok
    ? ok("configuration", loaded.value.file ?? "none, so defaults: a simulated bioreactor")
    : bad("configuration", describeRefusal(loaded.refusal).replaceAll("\n", "\n        "));
  const found = [denoFinding(), settings];
  if (!loaded.ok) return found;
  const { config } = loaded.value;
  return [
    ...found,
    dataFinding(config.data.dir),
    await diskFinding(config),
    portFinding(config),
    ...await Promise.all([pythonFinding(config), sandboxFinding(config), chromiumFinding()]),
  ];
}

function ok(what: string, text: string): Finding {
  return { grade: "ok", what, text };
}

function missing(what: string, text: string): Finding {
  return { grade: "missing", what, text };
}

function bad(what: string, text: string): Finding {
  return { grade: "bad", what, text };
}

function denoFinding(): Finding {
  const found = Deno.version.deno.split(/[.-]/).slice(0, 3).map(Number);
  const isOld = DENO_MIN.reduce(
    (order, min, i) => order === 0 ? Math.sign((found[i] ?? 0) - min) : order,
    0,
  ) < 0;
  return isOld
    ? bad("Deno", `${Deno.version.deno}, but ${DENO_MIN.join(".")} or newer is needed`)
    : ok("Deno", Deno.version.deno);
}

function dataFinding(dir: string): Finding {
  const present = existsSync(dir);
  let place = dir;
  while (!existsSync(place)) place = dirname(place);
  try {
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok("data folder", present ? dir : `${dir} (will be made)`);
  } catch {
    return bad("data folder", `${dir}: no right to write in "${place}"`);
  }
}

async function diskFinding({ data }: Config): Promise<Finding> {
  let place = data.dir;
  while (!existsSync(place)) place = dirname(place);
  const { bavail, bsize } = await statfs(place);
  const freeMb = Math.floor(bavail * bsize / 1024 / 1024);
  const text = `${freeMb} MiB free, ${data.diskFloorMb} MiB are kept in reserve`;
  return freeMb < data.diskFloorMb
    ? missing("disk", `${text}: nothing new would start`)
    : ok("disk", text);
}

function portFinding({ server, auth }: Config): Finding {
  const place = `${server.host}, port ${server.port}`;
  if (!isLoopbackHost(server.host) && !auth.enabled) {
    return bad("address", `${place}: beyond this machine only with "enabled = true" under [auth]`);
  }
  try {
    Deno.listen({ hostname: server.host, port: server.port }).close();
    return ok("address", `${place} is free`);
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse
      ? bad("address", `${place} is taken, perhaps by a Holdfast that runs`)
      : bad("address", `${place}: ${(error as Error).message}`);
  }
}

async function pythonFinding({ experiments }: Config): Promise<Finding> {
  const { python } = experiments;
  const said = await outputOf(python, ["--version"]);
  return said === null
    ? missing("Python", `"${python}" cannot be run: Python scripts will be refused`)
    : ok("Python", said);
}

async function sandboxFinding({ experiments }: Config): Promise<Finding> {
  const { runner, image, engine = runner } = experiments;
  if (runner !== "bwrap") {
    const version = await outputOf(engine, ["--version"]);
    if (version === null) {
      return missing("container engine", `no "${engine}": Python scripts will be refused`);
    }
    return await outputOf(engine, ["image", "inspect", "--format", "{{.Id}}", image]) === null
      ? missing(
        "container engine",
        `${version} has no image "${image}" or does not answer: Python scripts will be refused`,
      )
      : ok("container engine", `${version}, scripts run in "${image}"`);
  }
  if (experiments.sandbox === "none") {
    return missing(
      "sandbox",
      'switched off ("none"): Python scripts can read and do what Holdfast can',
    );
  }
  const version = await outputOf("bwrap", ["--version"]);
  if (version === null) {
    return missing(
      "sandbox",
      'no bwrap: Python scripts will be refused. Install the package "bubblewrap"',
    );
  }
  const works = await outputOf("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]);
  return works === null
    ? missing("sandbox", `${version} cannot make namespaces here: Python scripts will be refused`)
    : ok("sandbox", version);
}

async function chromiumFinding(): Promise<Finding> {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const said = await outputOf(name, ["--version"]);
    if (said !== null) return ok("Chromium", said);
  }
  return missing("Chromium", "only tests of the pages need it");
}

/** What a program says, or `null` when it is not there or fails. */
async function outputOf(program: string, args: string[]): Promise<string | null> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
      signal: AbortSignal.timeout(10_000),
    }).output();
    const text = new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
    return success ? text.trim().split("\n")[0]! : null;
  } catch {
    return null;
  }
}
