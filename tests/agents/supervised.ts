import { systemClock } from "../../lib/clock.ts";
import { resultOf } from "../../lib/devices/agent_process.ts";
import { AgentSupervisor } from "../../lib/devices/supervisor.ts";
import { testAgent, type WAYS } from "./commands.ts";
import { keptLog } from "./watched.ts";

/** The test agent as a real process under the real supervisor, writing its outputs to `stateFile`. */
export class Supervised {
  readonly #supervisor: AgentSupervisor;

  constructor(way: typeof WAYS[number], stateFile: string) {
    const spec = {
      name: "test_agent",
      ...testAgent(way, { write: [stateFile] }),
      config: { stateFile },
    };
    this.#supervisor = new AgentSupervisor(
      spec,
      { clock: systemClock, log: keptLog(), fences: () => ({}) },
      { started: () => {}, notice: () => {}, down: () => {} },
    );
    this.#supervisor.begin();
  }
  ready(): Promise<void> {
    return this.#supervisor.ready();
  }
  get pid(): number {
    return this.#supervisor.status().pid!;
  }
  async set(deviceId: string, duty: number): Promise<void> {
    const params = { deviceId, op: "set", args: { duty }, fence: 0, deadlineMs: 5000 };
    await this.#supervisor.ask("command", params, { deadlineMs: 6000 }, resultOf);
  }
}
