import { dirname, join } from "node:path";
import { type Container, type Limits, RUN_FILES, scriptFileName } from "./model.ts";

/** A Python that works, and the folders it needs besides `/usr`. */
export interface PythonRunner {
  /** Absolute: its `sys.executable`. */
  readonly path: string;
  /** `sys.prefix` and `sys.base_prefix`. */
  readonly prefixes: readonly string[];
  /** Absolute path of bwrap; `null`: the configuration allows running without a boundary. */
  readonly bwrap: Bwrap | null;
}

/** A bwrap that can make a box on this machine, and what its version offers. */
export interface Bwrap {
  readonly path: string;
  /** It can forbid user namespaces inside (0.8). */
  readonly disableUserns: boolean;
  /** It can bound a tmpfs (0.7). */
  readonly sizedTmpfs: boolean;
}

/** How a script is started: what the supervisor's plan says of command, place and environment. */
export interface RunCommand {
  readonly command: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly relay: "unix" | "tcp";
  readonly boxed: boolean;
  /** Where the command only speaks to a container engine. */
  readonly container?: Container;
}

/** What one run's command is made of. */
export interface RunPlace {
  readonly experimentId: string;
  readonly attempt: number;
  readonly token: string;
  /** The run folder, absolute. */
  readonly folder: string;
  /** Folder of `clients/`, absolute. */
  readonly clients: string;
  /** Folder with the box's own `etc`, absolute. */
  readonly etc: string;
  readonly limits: Limits;
  /** Simulated seconds a second. */
  readonly timeScale: number;
  readonly resumed: boolean;
  /** Values of the parameters the script declares. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Port on which a boxed script finds the API, the originals' own. */
export const BOX_PORT = 9000;
/** Files a script may have open. */
export const OPEN_FILES = 1024;
/** Bytes of memory that each of the box's temporary file systems may take. */
export const TMPFS_BYTES = 64 * 1_048_576;

/** What every script finds in its environment. */
export function environment(
  place: RunPlace,
  apiUrl: string,
  outputDir: string,
): Record<string, string> {
  return {
    BIOREACTOR_NODE_API_URL: apiUrl,
    EXPERIMENT_ID: place.experimentId,
    EXPERIMENT_TOKEN: place.token,
    OUTPUT_DIR: outputDir,
    TIME_SCALE: String(place.timeScale),
    ...(place.resumed ? { RESUME: "1" } : {}),
    ATTEMPT: String(place.attempt),
    PARAMETERS: JSON.stringify(place.parameters),
    LANG: "C.UTF-8",
  };
}

/**
 * A Python script in its box: process, network, mount, IPC and host name spaces of its own, no
 * capability, read-only `/usr`, an `/etc` without this machine's users, of its run folder only the
 * output to write. Without a box: its own process group, limits, and nothing else.
 */
export function pythonCommand(python: PythonRunner, place: RunPlace): RunCommand {
  const { bwrap } = python;
  const output = join(place.folder, RUN_FILES.output);
  const own = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    MPLBACKEND: "Agg",
  };
  const limits = JSON.stringify({
    memoryMb: place.limits.memoryMb,
    cpuSeconds: place.limits.cpuS,
    fileMb: place.limits.outputMb,
    processes: place.limits.processes,
    openFiles: OPEN_FILES,
  });
  if (bwrap === null) {
    const env = {
      ...environment(place, "http://127.0.0.1:{relay}", output),
      ...own,
      HOME: output,
      TMPDIR: join(place.folder, "cache"),
      PYTHONPATH: join(place.clients, "python"),
    };
    const launcher = join(place.clients, "python", "holdfast_launch.py");
    const script = join(place.folder, scriptFileName("python"));
    return {
      command: oneOutput([python.path, launcher, "--limits", limits, script]),
      env,
      cwd: output,
      relay: "tcp",
      boxed: false,
    };
  }
  const env = {
    ...environment(place, `http://127.0.0.1:${BOX_PORT}`, "/app/output"),
    ...own,
    HOME: "/tmp",
    PYTHONPATH: "/app/lib",
  };
  const box = [
    ...boxOf(bwrap, python, place.etc),
    ...["--ro-bind", join(place.clients, "python"), "/app/lib"],
    ...["--ro-bind", join(place.folder, scriptFileName("python")), "/app/user_script.py"],
    ...["--ro-bind", join(place.folder, RUN_FILES.relay), "/run/api.sock"],
    ...["--bind", output, "/app/output"],
    ...["--remount-ro", "/"],
    ...["--chdir", "/app/output"],
  ];
  const inside = oneOutput([
    python.path,
    "/app/lib/holdfast_launch.py",
    ...["--relay", "/run/api.sock"],
    ...["--port", String(BOX_PORT)],
    ...["--limits", limits],
    "/app/user_script.py",
  ]);
  return {
    command: [...box, "--", ...inside],
    // Not as bwrap's arguments: those can be read by every user of this machine, a token among them.
    env,
    cwd: place.folder,
    relay: "unix",
    boxed: true,
  };
}

/** A program that only reads what it is given on its command line, in a box without any of our files. */
export function boxedCheck(python: PythonRunner, etc: string, args: readonly string[]): string[] {
  const command = [python.path, ...args];
  if (python.bwrap === null) return command;
  return [...boxOf(python.bwrap, python, etc), "--remount-ro", "/", "--", ...command];
}

function boxOf(bwrap: Bwrap, python: PythonRunner, etc: string): string[] {
  const size = bwrap.sizedTmpfs ? ["--size", String(TMPFS_BYTES)] : [];
  return [
    bwrap.path,
    ...["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"],
    "--unshare-cgroup-try",
    ...["--uid", "1000", "--gid", "1000", "--hostname", "holdfast"],
    ...(bwrap.disableUserns ? ["--disable-userns"] : []),
    ...["--cap-drop", "ALL"],
    "--die-with-parent",
    "--new-session",
    ...["--ro-bind", "/usr", "/usr"],
    ...systemFolders(),
    ...outsideUsr(python).flatMap((folder) => ["--ro-bind", folder, folder]),
    ...BOX_ETC_NAMES.flatMap((name) => ["--ro-bind", join(etc, name), `/etc/${name}`]),
    ...SHARED_ETC.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...size,
    ...["--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...size,
    ...["--tmpfs", "/tmp"],
  ];
}

/** `/bin`, `/lib` and their like: links into `/usr` on most machines, folders on others. */
function systemFolders(): string[] {
  return ["/bin", "/sbin", "/lib", "/lib32", "/lib64"].flatMap((path) => {
    try {
      return ["--symlink", Deno.readLinkSync(path), path];
    } catch {
      return ["--ro-bind-try", path, path];
    }
  });
}

function outsideUsr(python: PythonRunner): string[] {
  const folders = [...python.prefixes, dirname(python.path)]
    .filter((path) => path !== "/" && path !== "/usr" && !path.startsWith("/usr/"));
  return [...new Set(folders)];
}

/**
 * A TypeScript script: Deno's own permissions are its boundary. It reads its script, the client library
 * and its output, writes its output, reaches the relay's port, and starts nothing.
 */
export function typescriptCommand(deno: string, place: RunPlace): RunCommand {
  const output = join(place.folder, RUN_FILES.output);
  const script = join(place.folder, scriptFileName("typescript"));
  const api = "127.0.0.1:{relay}";
  const env = environment(place, `http://${api}`, output);
  const library = join(place.clients, "typescript");
  return {
    command: oneOutput([
      deno,
      "run",
      "--quiet",
      ...["--no-prompt", "--no-remote", "--no-npm", "--cached-only", "--no-lock", "--no-check"],
      `--config=${join(place.folder, "deno.json")}`,
      `--v8-flags=--max-old-space-size=${place.limits.memoryMb}`,
      `--allow-net=${api}`,
      `--allow-read=${[script, library, output].map(escaped).join(",")}`,
      `--allow-write=${escaped(output)}`,
      `--allow-env=${Object.keys(env).join(",")}`,
      // The script's clocks run as fast as the simulation's.
      ...(place.timeScale === 1 ? [] : [`--preload=${join(library, "rehearse.ts")}`]),
      script,
    ]),
    env: {
      ...env,
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      DENO_DIR: join(place.folder, "cache"),
    },
    cwd: output,
    relay: "tcp",
    boxed: false,
  };
}

/** The configuration beside a TypeScript script: its one import by name. */
export function typescriptConfig(clients: string): string {
  const library = new URL(`file://${encodeURI(join(clients, "typescript", "mod.ts"))}`);
  return JSON.stringify({
    imports: { bioreactor_client: library.href },
    nodeModulesDir: "none",
  });
}

/** Both outputs of a script in one pipe, so that the log has its lines in the order they were written. */
export function oneOutput(command: string[]): string[] {
  return ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", ...command];
}

/** Deno separates paths by commas and takes two for one of a name. */
function escaped(path: string): string {
  return path.replaceAll(",", ",,");
}

/** Files of the box's `/etc`: no user of this machine is named. */
export const BOX_ETC = {
  passwd: "script:x:1000:1000:script:/tmp:/bin/sh\n",
  group: "script:x:1000:\n",
  hosts: "127.0.0.1 localhost holdfast\n::1 localhost\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
} as const;
const BOX_ETC_NAMES = Object.keys(BOX_ETC);

/** Parts of this machine's `/etc` that libraries need and that tell nothing of its users. */
const SHARED_ETC = [
  "ld.so.cache",
  "localtime",
  "mime.types",
  // Where Debian's matplotlib keeps its defaults; without them it cannot be imported.
  "matplotlibrc",
  "alternatives",
  "fonts",
  "ssl/certs",
];
