import { userInfo } from "node:os";
import { join } from "node:path";
import { RUN_FILES, scriptFileName } from "./model.ts";
import {
  BOX_PORT,
  environment,
  oneOutput,
  OPEN_FILES,
  type RunCommand,
  type RunPlace,
  TMPFS_BYTES,
} from "./sandbox.ts";

/** A container engine that works, with the image that scripts run in. */
export interface ContainerEngine {
  readonly kind: "docker" | "podman";
  /** Absolute. */
  readonly program: string;
  readonly image: string;
  /** Whom the script runs as: never root. */
  readonly uid: number;
  readonly gid: number;
  /** The engine runs as us, not as root: then users are mapped, and ours is the script's. */
  readonly rootless: boolean;
}

/** CPU time a script may have of each period, microseconds: one core, as the originals'. */
const CPU_PERIOD_US = 100_000;
/** What stands beside the script's processes: the engine's init, two shells, the relay. */
const TASKS_BESIDE = 8;

/** The one container of an experiment: a new attempt takes the place of what an old one left. */
export function containerName(experimentId: string): string {
  return `holdfast-${experimentId.toLowerCase()}`;
}

/**
 * A Python script in a container: the original's memory and CPU, a read-only root, no network but the relay's
 * socket, no capability, and of this machine the client library, the script and the output folder.
 */
export function containerCommand(engine: ContainerEngine, place: RunPlace): RunCommand {
  const { limits } = place;
  const output = join(place.folder, RUN_FILES.output);
  const inner = {
    ...environment(place, `http://127.0.0.1:${BOX_PORT}`, "/app/output"),
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    MPLBACKEND: "Agg",
    PYTHONPATH: "/app/lib",
  };
  const script = scriptFileName("python");
  const launcherLimits = JSON.stringify({
    memoryMb: limits.memoryMb,
    cpuSeconds: limits.cpuS,
    fileMb: limits.outputMb,
    openFiles: OPEN_FILES,
  });
  const name = containerName(place.experimentId);
  return {
    command: [
      engine.program,
      "run",
      ...["--name", name, "--init", "--pull", "never"],
      ...confined(engine),
      ...["--memory", `${limits.memoryMb}m`, "--memory-swap", `${limits.memoryMb}m`],
      ...["--cpu-period", String(CPU_PERIOD_US), "--cpu-quota", String(CPU_PERIOD_US)],
      ...["--pids-limit", String(limits.processes + TASKS_BESIDE)],
      ...["--ulimit", "core=0", "--ulimit", `nofile=${OPEN_FILES}:${OPEN_FILES}`],
      ...["--tmpfs", `/tmp:rw,nosuid,nodev,size=${TMPFS_BYTES}`, "--shm-size", String(TMPFS_BYTES)],
      ...["--hostname", "holdfast", "--workdir", "/app/output"],
      ...mount(join(place.clients, "python"), "/app/lib", "readonly"),
      ...mount(join(place.folder, script), "/app/user_script.py", "readonly"),
      ...mount(join(place.folder, RUN_FILES.relay), "/run/api.sock", "readonly"),
      ...mount(output, "/app/output"),
      // By name only: a command line can be read by every user of this machine, a token on it too.
      ...Object.keys(inner).flatMap((key) => ["--env", key]),
      ...["--env", "HOME=/tmp"],
      engine.image,
      ...oneOutput([
        "python3",
        "/app/lib/holdfast_launch.py",
        ...["--relay", "/run/api.sock", "--port", String(BOX_PORT)],
        ...["--limits", launcherLimits],
        "/app/user_script.py",
      ]),
    ],
    env: { ...engineEnvironment(engine), ...inner },
    cwd: place.folder,
    relay: "unix",
    boxed: false,
    container: { program: engine.program, env: engineEnvironment(engine), name },
  };
}

/** A program of the image's Python that only reads its command line and stdin. */
export function containerCheck(engine: ContainerEngine, args: readonly string[]): string[] {
  return [
    engine.program,
    ...["run", "--rm", "--interactive", "--pull", "never"],
    ...confined(engine),
    ...["--memory", "1100m", "--pids-limit", "16"],
    engine.image,
    "python3",
    ...args,
  ];
}

/** What the engine's own program needs of an environment: nothing of ours. */
export function engineEnvironment(
  { kind, uid, rootless }: ContainerEngine,
): Record<string, string> {
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    // Where podman without root keeps its state.
    ...(kind === "podman" && rootless
      ? { HOME: userInfo().homedir, XDG_RUNTIME_DIR: `/run/user/${uid}` }
      : {}),
  };
}

function confined({ kind, uid, gid, rootless }: ContainerEngine): string[] {
  return [
    ...["--network", "none", "--read-only", "--cap-drop", "ALL"],
    ...["--security-opt", "no-new-privileges"],
    ...["--user", `${uid}:${gid}`],
    ...(kind === "podman" && rootless ? ["--userns", "keep-id"] : []),
  ];
}

/** The option's value is a line of CSV: a path with a comma or a quote is quoted. */
function mount(source: string, target: string, mode?: "readonly"): string[] {
  const field = (text: string) => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const fields = ["type=bind", field(`source=${source}`), field(`target=${target}`)];
  return ["--mount", [...fields, ...(mode === undefined ? [] : [mode])].join(",")];
}
