import type { Driver, DriverClock } from "../../drivers/driver.ts";
import { type AgentOptions, AgentServer } from "../../agents/server.ts";
import type { Clock } from "../../lib/clock.ts";
import type { AgentSpec, Child, Spawn } from "../../lib/devices/mod.ts";
import { driverClock } from "./driver_clock.ts";
import { type Bench, newBench } from "./test_driver.ts";

/** The drivers of an agent over its hardware, or all that the agent is. */
export type MakeAgent = (bench: Bench, clock: DriverClock) => Driver[] | AgentOptions;

/**
 * Agents in this process, on the clock that the test moves: the real agent code behind the pipes of a
 * process that can be killed and can hang. Outputs of a bench outlive the process, as those of hardware do.
 */
export class InProcessAgents {
  readonly benches = new Map<string, Bench>();
  readonly #lives = new Map<string, Life>();
  #pid = 1000;

  constructor(
    private readonly clock: Clock,
    private readonly make: Readonly<Record<string, MakeAgent>>,
  ) {
    for (const name of Object.keys(make)) this.benches.set(name, newBench());
  }

  get specs(): AgentSpec[] {
    return Object.keys(this.make).map((name) => ({ name, command: ["in-process"] }));
  }

  bench(name: string): Bench {
    return this.benches.get(name)!;
  }

  readonly spawn: Spawn = ({ name }) => {
    const shared = this.bench(name);
    let alive = true;
    const bench: Bench = { ...shared, alive: () => alive };
    const exit = Promise.withResolvers<{ code: number; signal: string | null }>();
    let out!: ReadableStreamDefaultController<Uint8Array>;
    let err!: ReadableStreamDefaultController<Uint8Array>;
    const encoder = new TextEncoder();
    const stdout = new ReadableStream<Uint8Array>({ start: (c) => void (out = c) });
    const stderr = new ReadableStream<Uint8Array>({ start: (c) => void (err = c) });
    const life: Life = { hung: false, held: [], push: () => {}, kill: () => {} };
    const end = (code: number, signal: string | null) => {
      if (!alive) return;
      alive = false;
      out.close();
      err.close();
      exit.resolve({ code, signal });
    };
    const clock = driverClock(this.clock);
    const made = this.make[name]!(bench, clock);
    const server = new AgentServer(
      { name, clock, ...("drivers" in made ? made : { drivers: made }) },
      {
        line: (text) => {
          if (alive) out.enqueue(encoder.encode(text + "\n"));
        },
        log: () => {},
      },
      ++this.#pid,
    );
    life.push = (chunk) => {
      if (!alive) return;
      if (life.hung) life.held.push(chunk);
      else server.push(chunk);
    };
    life.kill = () => end(137, "SIGKILL");
    this.#lives.set(name, life);
    server.hello();
    const child: Child = {
      pid: this.#pid,
      stdin: new WritableStream({
        write: (chunk) => life.push(chunk),
        close: () => {
          if (life.hung) return;
          void server.close("stdin closed").then(() => end(0, null));
        },
      }),
      stdout,
      stderr,
      status: exit.promise,
      kill: life.kill,
    };
    return child;
  };

  /** As SIGKILL: outputs stay as they are. */
  kill(name: string): void {
    this.#lives.get(name)!.kill();
  }

  /** The process lives and does nothing any more. */
  hang(name: string): void {
    this.#lives.get(name)!.hung = true;
  }
}

interface Life {
  hung: boolean;
  readonly held: Uint8Array[];
  push(chunk: Uint8Array): void;
  kill(): void;
}
