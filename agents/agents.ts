import type { PermissionSet } from "./permissions.ts";

/** One agent that this runtime can start. */
export interface AgentEntry {
  /** Its module: runs the agent when it is the main module of a process or of a Worker. */
  readonly module: URL;
  readonly permissions: PermissionSet;
  /** Whoever starts it may name folders that it reads beside these permissions. */
  readonly reads?: true;
}

/** Every agent by the name that configuration and `holdfast agent NAME` use. */
export const AGENTS: Readonly<Record<string, AgentEntry>> = {
  /** Works in memory alone: time, stdin and stdout need no permission. */
  bioreactor_sim: {
    module: new URL("./bioreactor_sim.ts", import.meta.url),
    permissions: {},
  },
  /** The folders it reads are this instrument's own: they come with the start. */
  epu: {
    module: new URL("./epu.ts", import.meta.url),
    permissions: {},
    reads: true,
  },
};
