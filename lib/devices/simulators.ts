import { accept, refuse, type Result } from "../result.ts";
import { AgentError, argErrors, resultOf } from "./agent_process.ts";
import type { Registry } from "./registry.ts";
import type { AgentSupervisor } from "./supervisor.ts";

export type SimulatorRefusal =
  | { kind: "no-simulator"; method: string }
  | { kind: "device-unknown"; deviceId: string }
  | { kind: "offline"; agent: string; text: string }
  | { kind: "invalid"; errors: { path: string; message: string }[] };

const DEADLINE_MS = 5000;

/** As `Devices.simulate`. */
export async function simulate(
  agents: Iterable<AgentSupervisor>,
  registry: Registry,
  method: string,
  params: Record<string, unknown>,
  deviceId: string | undefined,
): Promise<Result<Record<string, unknown>[], SimulatorRefusal>> {
  const entry = deviceId === undefined ? undefined : registry.get(deviceId);
  if (deviceId !== undefined && entry === undefined) {
    return refuse({ kind: "device-unknown", deviceId });
  }
  const asked = [...agents].filter((agent) =>
    agent.status().methods.includes(method) &&
    (entry === undefined || entry.agent === agent.spec.name)
  );
  if (asked.length === 0) return refuse({ kind: "no-simulator", method });
  const answers: Record<string, unknown>[] = [];
  for (const agent of asked) {
    try {
      const answer = await agent.ask(method, params, { deadlineMs: DEADLINE_MS }, resultOf);
      answers.push(answer as Record<string, unknown>);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return refuse(
        error.kind === "refused"
          ? { kind: "invalid", errors: argErrors(error) }
          : { kind: "offline", agent: agent.spec.name, text: error.message },
      );
    }
  }
  return accept(answers);
}
