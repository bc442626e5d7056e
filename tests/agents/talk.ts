import type { Driver } from "../../drivers/driver.ts";
import { type AgentOptions, AgentServer } from "../../agents/server.ts";
import { ManualClock } from "../../lib/clock.ts";
import { driverClock } from "./driver_clock.ts";

// deno-lint-ignore no-explicit-any
type Message = any;

/** An agent in this process, spoken to line by line, on a clock that the test moves. */
export class Talk {
  readonly clock = new ManualClock();
  readonly said: Message[] = [];
  readonly logged: string[] = [];
  readonly server: AgentServer;
  #id = 0;
  #encoder = new TextEncoder();

  constructor(
    drivers: readonly Driver[] | AgentOptions["drivers"],
    more: Partial<AgentOptions> = {},
  ) {
    this.server = new AgentServer(
      { name: "test_agent", drivers, clock: driverClock(this.clock), ...more },
      {
        line: (text) => this.said.push(JSON.parse(text)),
        log: (level, message) => this.logged.push(`${level} ${message}`),
      },
      4711,
    );
  }

  /** Says hello and has it started. */
  static async started(
    drivers: readonly Driver[],
    more: Partial<AgentOptions> = {},
  ): Promise<Talk> {
    const talk = new Talk(drivers, more);
    talk.server.hello();
    const id = talk.ask("start", { config: {}, fences: {}, parentPid: 1 });
    await talk.clock.advance(0);
    if (talk.answerTo(id)?.result === undefined) throw new Error("the agent did not start");
    return talk;
  }

  /** Sends an ask and answers its id, to find the answer by. */
  ask(method: string, params: Record<string, unknown> = {}): number {
    const id = ++this.#id;
    this.raw(JSON.stringify({ jsonrpc: "2.0", v: 1, id, method, params }) + "\n");
    return id;
  }
  notify(method: string, params: Record<string, unknown> = {}): void {
    this.raw(JSON.stringify({ jsonrpc: "2.0", v: 1, method, params }) + "\n");
  }
  raw(text: string): void {
    this.server.push(this.#encoder.encode(text));
  }
  command(deviceId: string, duty: unknown, more: Record<string, unknown> = {}): number {
    const params = { deviceId, op: "set", args: { duty }, fence: 0, deadlineMs: 1000, ...more };
    return this.ask("command", params);
  }
  answersTo(id: number): Message[] {
    return this.said.filter((message) => message.id === id);
  }
  answerTo(id: number): Message {
    return this.answersTo(id)[0];
  }
  errorOf(id: number): string | undefined {
    return this.answerTo(id)?.error?.data.code;
  }
  notices(method: string): Message[] {
    return this.said.filter((message) => message.method === method).map(({ params }) => params);
  }
}
