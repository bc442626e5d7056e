import { fileURLToPath } from "node:url";
import { type AgentCommand, launchFromSource } from "../../agents/launch.ts";
import type { PermissionSet } from "../../agents/permissions.ts";

const PLACE = { execPath: Deno.execPath(), standalone: false, denoDir: null };

/** The two ways in which an agent runs: `deno run` from source, a Worker in the compiled binary. */
export const WAYS = ["source", "worker"] as const;

/** How the test agent is started with a permission set. */
export function testAgent(way: typeof WAYS[number], permissions: PermissionSet): AgentCommand {
  if (way === "source") return agentScript("test_agent.ts", permissions);
  const { env } = agentScript("test_agent.ts", permissions);
  const script = fileURLToPath(new URL("./as_worker.ts", import.meta.url));
  const command = [PLACE.execPath, "run", "-A", "--cached-only", script] as const;
  return { command: [...command, JSON.stringify(permissions)], env };
}

/** Any script of this folder as an agent. */
export function agentScript(file: string, permissions: PermissionSet = {}): AgentCommand {
  return launchFromSource({ module: new URL(`./${file}`, import.meta.url), permissions }, PLACE);
}
