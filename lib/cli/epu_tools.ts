import type { CommandSpec } from "./command.ts";
import { epuSimulate } from "./epu_simulate.ts";
import { epuSkeleton } from "./epu_skeleton.ts";

/** Tools around EPU folders; in the order in which help shows them. */
export const EPU_TOOL_COMMANDS: readonly CommandSpec[] = [epuSimulate, epuSkeleton];
