import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { refuse, type Result } from "../result.ts";
import { AgentError, AgentProcess, resultOf, type WireCounts } from "./agent_process.ts";
import { type AgentSpec, type Spawn, spawnChild } from "./child.ts";
import type { AgentStatus } from "./model.ts";
import { SUPERVISOR_LIMITS, type SupervisorLimits } from "./supervisor_limits.ts";
import { type Notice, StartAnswer, WIRE_VERSION } from "./wire.ts";

/** What the supervisor tells its owner. Called in order; must not throw. */
export interface AgentListener {
  /** The agent runs and has brought its devices to safe, or says which it could not. */
  started(answer: StartAnswer): void;
  notice(notice: Exclude<Notice, { method: "hello" }>): void;
  /** Its process is gone, or could not be started; it will be started again unless it was closed. */
  down(reason: string): void;
}

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Highest fencing token of every device, for each new life. */
  readonly fences: () => Record<string, number>;
  readonly limits?: Partial<SupervisorLimits>;
  /** How a process comes to be; default: a child of this one. */
  readonly spawn?: Spawn;
  /** 0 to 1, for the jitter of the back-off. */
  readonly random?: () => number;
}

/**
 * Keeps one agent alive: starts it, waits for `hello`, has it bring its devices to safe, pings it, kills it
 * when it hangs, and starts it again with a jittered, growing delay. After several fast deaths in a row the
 * breaker opens: one try in a while, until one lives.
 */
export class AgentSupervisor {
  readonly #limits: SupervisorLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counts: WireCounts = { garbage: 0, late: 0, duplicates: 0 };
  #state: AgentStatus["state"] = "waiting";
  #process: AgentProcess | null = null;
  #methods: string[] = [];
  #deviceIds: string[] = [];
  #lives = 0;
  #lastError: AgentStatus["lastError"] = null;
  #lastHelloAtMs: number | null = null;
  #closed = false;
  #wake: () => void = () => {};
  #living: Promise<void> | null = null;
  #urgent = false;
  /** Number of the latest life that has started or failed. */
  #settledLife = 0;
  #settled = Promise.withResolvers<void>();

  constructor(
    readonly spec: AgentSpec,
    private readonly options: SupervisorOptions,
    private readonly listener: AgentListener,
  ) {
    this.#limits = { ...SUPERVISOR_LIMITS, ...options.limits };
    this.#clock = options.clock;
    this.#log = options.log.child({ agent: spec.name });
  }

  /** Starts the first life; later ones follow by themselves. */
  begin(): void {
    this.#living ??= this.#keepAlive();
  }

  /** Resolves when the agent has started for the first time, or has failed to. */
  ready(): Promise<void> {
    return this.#lifeSettled(1);
  }

  /** Resolves when the life now beginning has started or failed; at once when the agent runs. */
  settled(): Promise<void> {
    return this.#lifeSettled(this.#process === null ? this.#lives + 1 : this.#lives);
  }

  get live(): boolean {
    return this.#state === "ready";
  }

  /** As `AgentProcess.ask`; gone when the agent does not run. */
  ask<T>(
    method: string,
    params: Record<string, unknown>,
    options: { deadlineMs: number; signal?: AbortSignal },
    settle: (answer: Result<unknown, AgentError>) => T | Promise<T>,
  ): Promise<T> {
    if (this.#process !== null && this.#state === "ready") {
      return this.#process.ask(method, params, options, settle);
    }
    const text = `Agent "${this.spec.name}" is ${this.#state}`;
    return Promise.try(() => settle(refuse(new AgentError("gone", text))));
  }

  notify(method: string, params: Record<string, unknown>): void {
    if (this.#state === "ready") this.#process?.notify(method, params);
  }

  /**
   * Kills what runs and starts again at once: the new life begins by bringing every device to safe. Resolves
   * when that has succeeded or failed.
   */
  restartNow(reason: string): Promise<void> {
    const next = this.#lifeSettled(this.#lives + 1);
    this.#urgent = true;
    this.#process?.kill(reason);
    this.#wake();
    return next;
  }

  status(): AgentStatus {
    return {
      name: this.spec.name,
      state: this.#state,
      pid: this.#process?.pid ?? null,
      deviceIds: this.#deviceIds,
      methods: this.#methods,
      restarts: Math.max(0, this.#lives - 1),
      lastError: this.#lastError,
      ...this.#counts,
      lastHelloAtMs: this.#lastHelloAtMs,
    };
  }

  /** Closes its stdin, so that it brings its devices to safe and exits; kills it when it does not in time. */
  async close(reason = "the runtime ends"): Promise<void> {
    this.#closed = true;
    this.#wake();
    const process = this.#process;
    if (process !== null) {
      process.closeInput(reason);
      const cancel = this.#clock.timer(
        this.#limits.closeMs,
        () => process.kill("it did not end with its stdin"),
      );
      await process.exited;
      cancel();
    }
    await this.#living;
    this.#state = "ended";
    this.#settle();
  }

  async #keepAlive(): Promise<void> {
    let fastDeaths = 0;
    while (!this.#closed) {
      const bornMs = this.#clock.monotonicMs();
      this.#urgent = false;
      const reason = await this.#oneLife();
      const livedMs = this.#clock.monotonicMs() - bornMs;
      if (this.#closed) break;
      fastDeaths = livedMs < this.#limits.fastDeathMs ? fastDeaths + 1 : 0;
      const broken = fastDeaths >= this.#limits.fastDeathsMax;
      this.#state = broken ? "broken" : "waiting";
      this.#lastError = { text: reason, atMs: this.#clock.nowMs() };
      this.#log.error("agent ended", { reason, livedMs: Math.round(livedMs), fastDeaths });
      this.listener.down(reason);
      this.#settle();
      if (!this.#urgent) await this.#wait(this.#delayMs(fastDeaths, broken));
    }
  }

  /** Doubles from the smallest delay, with half of it at random so that agents do not start in step. */
  #delayMs(fastDeaths: number, broken: boolean): number {
    const { backoffMinMs, backoffMaxMs, breakerMs } = this.#limits;
    const whole = broken
      ? breakerMs
      : Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.max(0, fastDeaths - 1));
    return whole / 2 + (this.options.random ?? Math.random)() * whole / 2;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async #lifeSettled(life: number): Promise<void> {
    while (this.#settledLife < life && this.#state !== "ended") await this.#settled.promise;
  }

  #settle(): void {
    this.#settledLife = this.#lives;
    this.#settled.resolve();
    this.#settled = Promise.withResolvers<void>();
  }

  /** From spawn to exit; answers why it ended. */
  async #oneLife(): Promise<string> {
    this.#state = "starting";
    this.#lives++;
    const hello = Promise.withResolvers<Extract<Notice, { method: "hello" }>["params"]>();
    let process: AgentProcess;
    try {
      process = new AgentProcess(
        this.spec,
        this.options.spawn ?? spawnChild,
        this.#clock,
        this.#log,
        this.#counts,
        (notice) => {
          if (notice.method === "hello") hello.resolve(notice.params);
          else if (this.#state === "ready") this.listener.notice(notice);
        },
      );
    } catch (error) {
      return `it could not be started: ${error instanceof Error ? error.message : error}`;
    }
    this.#process = process;
    const exit = new AbortController();
    process.exited.then(() => exit.abort());
    this.#meet(process, hello.promise, exit.signal).catch((error) => {
      process.kill(error instanceof Error ? error.message : String(error));
    });
    const reason = await process.exited;
    this.#process = null;
    return reason;
  }

  /** Hello, start, then pings for as long as it lives. @throws to have it killed */
  async #meet(
    process: AgentProcess,
    helloSaid: Promise<Extract<Notice, { method: "hello" }>["params"]>,
    exit: AbortSignal,
  ): Promise<void> {
    const { helloMs, startMs } = this.#limits;
    const hello = await this.#within(helloMs, helloSaid, exit);
    if (hello === null) return;
    if (hello.v !== WIRE_VERSION) {
      throw new AgentMismatch(`it speaks version ${hello.v} of the wire, not ${WIRE_VERSION}`);
    }
    if (hello.agent !== this.spec.name) {
      throw new AgentMismatch(`it calls itself "${hello.agent}", not "${this.spec.name}"`);
    }
    this.#lastHelloAtMs = this.#clock.nowMs();
    this.#methods = hello.methods;
    const params = {
      config: this.spec.config ?? {},
      fences: this.options.fences(),
      parentPid: Deno.pid,
    };
    await process.ask("start", params, { deadlineMs: startMs }, (answer) => {
      const started = StartAnswer.parse(resultOf(answer));
      if (exit.aborted || this.#closed) return;
      this.#state = "ready";
      this.#deviceIds = started.devices.map(({ deviceId }) => deviceId);
      this.#log.info("agent ready", { pid: process.pid, devices: started.devices.length });
      this.listener.started(started);
      this.#settle();
    });
    if (exit.aborted || this.#closed) return;
    await this.#pingForever(process, exit);
  }

  async #pingForever(process: AgentProcess, exit: AbortSignal): Promise<void> {
    const { pingEveryMs, pingDeadlineMs, missesMax } = this.#limits;
    let misses = 0;
    while (!exit.aborted) {
      await this.#pause(pingEveryMs, exit);
      if (exit.aborted) return;
      try {
        const options = { deadlineMs: pingDeadlineMs, signal: exit };
        await process.ask("ping", {}, options, resultOf);
        misses = 0;
      } catch (error) {
        if (!(error instanceof AgentError) || error.kind !== "timeout") continue;
        // One miss may be this process's own: a loop that was blocked finds its timers before its mail.
        if (++misses >= missesMax) throw new AgentMismatch(`it left ${misses} pings unanswered`);
      }
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#clock.timer(ms, end);
      signal.addEventListener("abort", end);
    });
  }

  /** `null` when the process ended first. @throws when the time is over */
  async #within<T>(ms: number, promise: Promise<T>, exit: AbortSignal): Promise<T | null> {
    const over = Promise.withResolvers<null>();
    const cancel = this.#clock.timer(
      ms,
      () => over.reject(new AgentMismatch(`it did not say hello within ${ms} ms`)),
    );
    exit.addEventListener("abort", () => over.resolve(null), { once: true });
    try {
      return await Promise.race([promise, over.promise]);
    } finally {
      cancel();
    }
  }
}

/** The agent does not keep to the contract; its message becomes the reason it was killed. */
class AgentMismatch extends Error {
  override readonly name = "AgentMismatch";
}
