import { AgentSupervisor, type SupervisorOptions } from "../../lib/devices/supervisor.ts";
import type { AgentSpec } from "../../lib/devices/child.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";

/** What a supervisor told its owner, to be awaited one after another. */
export class Watched implements AsyncDisposable {
  readonly supervisor: AgentSupervisor;
  readonly events: string[] = [];
  #seen = 0;
  #told = Promise.withResolvers<void>();

  constructor(spec: AgentSpec, clock: Clock, log: Log, more: Partial<SupervisorOptions> = {}) {
    const options = { clock, log, fences: () => ({}), random: () => 1, ...more };
    this.supervisor = new AgentSupervisor(spec, options, {
      started: ({ devices }) =>
        this.#tell(`started ${devices.map(({ deviceId }) => deviceId).join()}`),
      notice: ({ method }) => this.#tell(`notice ${method}`),
      down: (reason) => this.#tell(`down ${reason}`),
    });
    this.supervisor.begin();
  }
  #tell(event: string): void {
    this.events.push(event);
    this.#told.resolve();
    this.#told = Promise.withResolvers();
  }
  /** The next event whose text begins so; those before it are passed over. */
  async next(prefix: string): Promise<string> {
    for (;;) {
      while (this.#seen < this.events.length) {
        const event = this.events[this.#seen++]!;
        if (event.startsWith(prefix)) return event;
      }
      await this.#told.promise;
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.close();
  }
}

/** A log that keeps its lines. */
export function keptLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const log = {
    lines,
    debug: (message: string) => void lines.push(`debug ${message}`),
    info: (message: string) => void lines.push(`info ${message}`),
    warn: (message: string, fields?: unknown) =>
      void lines.push(`warn ${message} ${JSON.stringify(fields ?? {})}`),
    error: (message: string, fields?: unknown) =>
      void lines.push(`error ${message} ${JSON.stringify(fields ?? {})}`),
    child: () => log,
  };
  return log;
}
