import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a group is to hold its run to. */
export interface CgroupLimits {
  readonly memoryMb: number;
  /** Processes and threads, those of the box included. */
  readonly tasks: number;
}

/** Where cgroups are seen: the mount of version 2, and the path of our own below it. */
export interface CgroupPlace {
  readonly mount: string;
  readonly own: string;
}

/**
 * The place of version 2 from the texts of `/proc/self/mounts` and `/proc/self/cgroup`; `null` where there
 * is none. Source: cgroups(7).
 */
export function cgroupPlace(mounts: string, cgroup: string): CgroupPlace | null {
  const mount = mounts.split("\n").map((line) => line.split(" "))
    .find(([, , type]) => type === "cgroup2")?.[1];
  const own = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  return mount === undefined || own === undefined ? null : { mount, own };
}

/**
 * A run's own control group: the kernel holds all of it together to its memory and its number of tasks,
 * counts its CPU time, and ends it at once. Only where this process may make groups that have these
 * controllers (`Delegate=yes` of a systemd service, best with `DelegateSubgroup=main`); elsewhere the
 * supervisor looks at the processes itself.
 */
export class RunCgroup implements Disposable {
  private constructor(readonly path: string) {}

  /** `null` where no such group can be made. */
  static create(
    name: string,
    limits: CgroupLimits,
    place: CgroupPlace | null = here(),
    controllers: readonly string[] = ["memory", "pids"],
  ): RunCgroup | null {
    if (place === null) return null;
    const own = join(place.mount, place.own);
    // A group that has processes cannot give controllers on; its parent may be ours too.
    for (const parent of [own, dirname(own)]) {
      if (!`${parent}/`.startsWith(`${place.mount}/`)) continue;
      const group = new RunCgroup(join(parent, name));
      try {
        if (!hasAll(parent, "cgroup.controllers", controllers)) continue;
        if (!hasAll(parent, "cgroup.subtree_control", controllers)) {
          put(parent, "cgroup.subtree_control", controllers.map((one) => `+${one}`).join(" "));
        }
        mkdirSync(group.path, { recursive: true });
        if (controllers.includes("memory")) {
          put(group.path, "memory.max", String(limits.memoryMb * 1_048_576));
          // Without it a run would fill the swap instead, and everything would crawl.
          tryPut(group.path, "memory.swap.max", "0");
          tryPut(group.path, "memory.oom.group", "1");
        }
        if (controllers.includes("pids")) put(group.path, "pids.max", String(limits.tasks));
        return group;
      } catch {
        group[Symbol.dispose]();
      }
    }
    return null;
  }

  /** The command, started inside the group: before its first act, so that nothing of it is ever outside. */
  around(command: readonly string[]): string[] {
    const enter = 'echo 0 > "$1" && shift && exec "$@"';
    return ["/bin/sh", "-c", enter, "sh", join(this.path, "cgroup.procs"), ...command];
  }

  /** Whether the kernel ended something of it for want of memory. */
  get oomKilled(): boolean {
    return countOf(this.#read("memory.events"), "oom_kill") > 0;
  }
  /** How often it could not start one more process. */
  get refusedTasks(): number {
    return countOf(this.#read("pids.events"), "max");
  }
  /** CPU time it used, seconds; `null` where the kernel does not say. */
  get cpuS(): number | null {
    const text = this.#read("cpu.stat");
    return text === "" ? null : countOf(text, "usage_usec") / 1e6;
  }

  /** Ends all of it at once. */
  kill(): void {
    tryPut(this.path, "cgroup.kill", "1");
  }

  [Symbol.dispose](): void {
    try {
      rmdirSync(this.path);
    } catch {
      // Something of it still ends; an empty group costs nothing.
    }
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.path, name), "utf8");
    } catch {
      return "";
    }
  }
}

/** The number behind `name` in lines `name number`; 0 where there is none. */
export function countOf(text: string, name: string): number {
  for (const line of text.split("\n")) {
    const [key, value] = line.split(" ");
    if (key === name) return Number(value);
  }
  return 0;
}

function here(): CgroupPlace | null {
  try {
    return cgroupPlace(
      readFileSync("/proc/self/mounts", "utf8"),
      readFileSync("/proc/self/cgroup", "utf8"),
    );
  } catch {
    return null;
  }
}

function hasAll(folder: string, file: string, names: readonly string[]): boolean {
  const found = readFileSync(join(folder, file), "utf8").trim().split(/\s+/);
  return names.every((name) => found.includes(name));
}

/** As the kernel wants it: one write, and no file made where it has none. */
function put(folder: string, file: string, text: string): void {
  const fd = openSync(join(folder, file), "r+");
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

function tryPut(folder: string, file: string, text: string): void {
  try {
    put(folder, file, text);
  } catch {
    // An older kernel, or no swap.
  }
}
