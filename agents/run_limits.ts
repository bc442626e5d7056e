import { RUN_FILES, type RunEndReason, type RunPlan } from "../lib/experiments/model.ts";
import type { RunCgroup } from "./run_cgroup.ts";
import { folderMb, freeMbOf } from "./run_disk.ts";
import { cpuText } from "./run_outcome.ts";
import { cpuSecondsOf, memoryMbOf, type ProcessId } from "./run_processes.ts";

/** What a run takes up at this moment. */
export interface RunUse {
  /** Where the kernel watches over memory and number of processes itself. */
  readonly cgroup: Pick<RunCgroup, "cpuS"> | null;
  /** Every process of it, the box included; and those of the script alone. */
  readonly all: readonly ProcessId[];
  readonly inside: readonly ProcessId[];
}

type Broken = { reason: RunEndReason; text: string };

/** Which of its limits a run has broken, with what was found; `null`: none. Wall clock and log are others' to watch. */
export function brokenLimit(plan: RunPlan, use: RunUse): Broken | null {
  return brokenByProcesses(plan, use) ?? brokenOnDisk(plan);
}

/** What neither a control group nor a container engine watches over. */
function brokenByProcesses({ limits, container }: RunPlan, use: RunUse): Broken | null {
  if (container !== null) return null;
  const cpuS = use.cgroup?.cpuS ?? cpuSecondsOf(use.all);
  if (limits.cpuS !== null && cpuS > limits.cpuS) {
    return { reason: "cpu", text: cpuText(limits.cpuS) };
  }
  if (use.cgroup !== null) return null;
  const { length } = use.inside;
  if (length > limits.processes) {
    const text = `it had ${length} processes, its limit is ${limits.processes}`;
    return { reason: "processes", text };
  }
  const memoryMb = memoryMbOf(use.inside, limits.memoryMb);
  if (memoryMb <= limits.memoryMb) return null;
  const used = Math.round(memoryMb);
  return {
    reason: "memory",
    text: `it used ${used} MiB of memory, its limit is ${limits.memoryMb} MiB`,
  };
}

function brokenOnDisk({ limits, diskFloorMb }: RunPlan): Broken | null {
  const outputMb = folderMb(RUN_FILES.output) + folderMb("cache");
  if (outputMb > limits.outputMb) {
    const text = outputMb === Infinity
      ? "it made a folder that cannot be looked into, so that its output cannot be limited"
      : `it wrote ${Math.round(outputMb)} MiB, its limit is ${limits.outputMb} MiB`;
    return { reason: "output", text };
  }
  const freeMb = freeMbOf(".");
  if (freeMb >= diskFloorMb) return null;
  return {
    reason: "disk",
    text: `the disk has ${Math.round(freeMb)} MiB left, the floor is ${diskFloorMb}`,
  };
}
