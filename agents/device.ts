import { isDeepStrictEqual } from "node:util";
import {
  DeviceError,
  type Driver,
  type DriverAnswer,
  type DriverClock,
  type DriverReading,
} from "../drivers/driver.ts";
import { Capability, type Channel, type Reading } from "../lib/devices/model.ts";
import type { DeviceOutcome } from "../lib/devices/wire.ts";
import { type Bus, Cancelled, type Operation, PRIORITY } from "./bus.ts";
import { AskError, type DeviceStatus, faultOf, statusOf } from "./faults.ts";
import { guardBroken, type Latest } from "./guards.ts";
import { toReading } from "./reading.ts";
import { Watchdog } from "./watchdog.ts";

/** What a device tells its agent to say, unasked. */
export interface DeviceListener {
  readings(readings: Reading[]): void;
  /** The actuator changed without a command. */
  changed(outcome: DeviceOutcome, reason: string): void;
  status(deviceId: string, status: DeviceStatus, code?: string, text?: string): void;
  log(level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>): void;
  /** Latest reading of any device of this agent; `elsewhere` when the device is not one of them. */
  latest(deviceId: string, channel: string): Latest | null | "elsewhere";
}

export interface DeviceLimits {
  /** A probe or a reading that takes longer is given up. */
  readonly startMs: number;
  readonly readMs: number;
  /** One actuator's way to its safe state, once it has its bus. */
  readonly safeMs: number;
  /** How long an operation that is given up for a safe state has to end before it is written beside it. */
  readonly seizeMs: number;
  /** Readings in a row without one good channel before the device counts as offline. */
  readonly failuresMax: number;
  /** Between attempts to reach a safe state that failed, and to start a device that did not. */
  readonly retryMs: number;
}

export const DEVICE_LIMITS: DeviceLimits = {
  startMs: 10_000,
  readMs: 10_000,
  safeMs: 1000,
  seizeMs: 100,
  failuresMax: 3,
  retryMs: 5000,
};

/** However fast a simulation runs, its readings come no more often than this, for the sake of the machine. */
const PACED_PERIOD_MIN_MS = 100;

/**
 * One driver and the rules that hold for every device: fence, one operation at a time on its bus, longest
 * time away from safe, heartbeat, guards, and readings that never look better than they are.
 */
export class AgentDevice {
  readonly capability: Capability;
  readonly id: string;
  readonly #channels: Map<string, Channel>;
  #fence = 0;
  #status: DeviceStatus | null = null;
  #started = false;
  #failures = 0;
  #latest = new Map<string, { reading: Reading; atMs: number }>();
  /** Last known to be away from its safe state. */
  #away = false;
  /** The last safe state could not be reached: no good reading makes that ready. */
  #unsafe = false;
  /** Ways to the safe state under way. */
  #securing = 0;
  /** What the runtime was last told of its setpoint. */
  #told: string | null = null;
  /** Counts commands and safe states, so that a timer of an earlier one does nothing. */
  #epoch = 0;
  readonly #watchdog: Watchdog;
  #closed = new AbortController();

  /** @throws {ZodError} when the driver's capability does not have the wire's shape. */
  constructor(
    private readonly driver: Driver,
    readonly bus: Bus,
    private readonly clock: DriverClock,
    private readonly listener: DeviceListener,
    private readonly limits: DeviceLimits,
  ) {
    this.capability = Capability.parse(driver.capability);
    this.id = this.capability.deviceId;
    this.#channels = new Map(this.capability.channels.map((channel) => [channel.id, channel]));
    this.#watchdog = new Watchdog(this.capability, clock);
  }

  get actuator(): boolean {
    return this.capability.kind === "actuator";
  }

  /** Latest reading of a channel with its age. */
  latest(channel: string): Latest | null {
    const found = this.#latest.get(channel);
    const periodMs = this.#channels.get(channel)?.periodMs;
    if (found === undefined || periodMs === undefined) return null;
    return { reading: found.reading, ageMs: this.clock.monotonicMs() - found.atMs, periodMs };
  }

  /** The highest fence seen only grows. */
  raiseFence(fence: number): void {
    this.#fence = Math.max(this.#fence, fence);
  }

  /** Probes and brings to safe. A device that fails is reported and tried again; it does not stop the others. */
  async start(): Promise<DeviceOutcome> {
    try {
      const { startMs } = this.limits;
      await this.bus.run(this.#operation(PRIORITY.command, startMs), () => this.driver.start());
      const answer = this.driver.state();
      if (this.actuator && !answer.safe) {
        throw new DeviceError("not_safe", `"${this.id}" is not in its safe state after its start`);
      }
      this.#started = true;
      this.#away = false;
      this.#setStatus("ready");
      return this.#outcome(answer);
    } catch (error) {
      const { code, text } = faultOf(error);
      this.#setStatus(statusOf(code), code, text);
      this.#retryLater(() => this.#startAgain());
      return { ...this.#outcome(this.#stateOrUnknown()), ok: false, error: { code, text } };
    }
  }

  async #startAgain(): Promise<void> {
    if (this.#started) return;
    const outcome = await this.start();
    if (outcome.ok) this.listener.changed(outcome, "came back, safe at start");
  }

  /** Reads while it is open, one period after another; a missed period is skipped, not caught up. */
  async readForever(): Promise<void> {
    const periods = this.capability.channels.map(({ periodMs }) => periodMs);
    if (periods.length === 0) return;
    let dueMs = this.clock.monotonicMs();
    while (!this.#closed.signal.aborted) {
      const paced = Math.min(...periods) / Math.max(1, this.driver.pace?.() ?? 1);
      const periodMs = Math.max(paced, Math.min(PACED_PERIOD_MIN_MS, ...periods));
      if (this.#started) await this.#readOnce();
      const nowMs = this.clock.monotonicMs();
      dueMs += periodMs * Math.max(1, Math.ceil((nowMs - dueMs) / periodMs));
      await this.clock.wait(dueMs - nowMs, this.#closed.signal).catch(() => {});
    }
  }

  async #readOnce(): Promise<void> {
    try {
      this.#take(
        await this.bus.run(
          this.#operation(PRIORITY.reading, this.limits.readMs),
          async (signal) => {
            const found = await this.driver.read(signal);
            this.#noticeOwnChange();
            return found;
          },
        ),
      );
    } catch (error) {
      // A reading that a safe state pushed aside is no fault of the device.
      if (error instanceof Cancelled && (error.code === "safe" || error.code === "cancelled")) {
        return;
      }
      const { code, text } = faultOf(error);
      const bad = { value: null, quality: "bad", code } as const;
      this.#take(this.capability.channels.map(({ id }) => ({ channel: id, ...bad })), text);
    }
  }

  /** A dose that ended, a guard of the driver: the actuator moved without being told. */
  #noticeOwnChange(): void {
    if (!this.actuator) return;
    const answer = this.#stateOrUnknown();
    if (this.#told === null || standing(answer) === this.#told) return;
    if (answer.safe) {
      this.#away = false;
      this.#watchdog.end();
    }
    const { cause } = answer.readback;
    const reason = typeof cause === "string" ? cause : "changed by the device itself";
    this.listener.changed(this.#outcome(answer), reason);
  }

  #take(found: readonly DriverReading[], text?: string): void {
    const atMs = this.clock.nowMs();
    const readings: Reading[] = [];
    for (const one of found) {
      const channel = this.#channels.get(one.channel);
      if (channel !== undefined) readings.push(toReading(this.id, channel, one, atMs));
      else {
        this.listener.log("warn", "a reading of a channel the device does not have", {
          device: this.id,
          channel: one.channel,
        });
      }
    }
    this.#keep(readings);
    this.listener.readings(readings);
    this.#countFailures(readings, text);
  }

  #keep(readings: readonly Reading[]): void {
    const atMs = this.clock.monotonicMs();
    for (const reading of readings) this.#latest.set(reading.channel, { reading, atMs });
  }

  /** Offline after several readings without one usable channel, ready again with the first usable one. */
  #countFailures(readings: readonly Reading[], text?: string): void {
    if (readings.length === 0) return;
    const bad = readings.every(({ quality }) => quality === "bad");
    this.#failures = bad ? this.#failures + 1 : 0;
    if (!bad && !this.#unsafe) this.#setStatus("ready");
    if (this.#failures < this.limits.failuresMax) return;
    const code = readings[0]!.code ?? "bad";
    const found = text ?? `${this.#failures} readings in a row gave nothing but "${code}"`;
    this.#setStatus(statusOf(code), code, found);
  }

  /**
   * Drives the device and answers what it reports.
   * @throws {AskError} stale fence, unknown operation, device that did not start, guard
   * @throws {Cancelled} at the deadline, or when a safe state took the bus
   */
  async command(
    op: string,
    args: Record<string, unknown>,
    { fence, deadlineMs, signal }: { fence: number; deadlineMs: number; signal: AbortSignal },
  ): Promise<{ answer: DriverAnswer; readings: Reading[] }> {
    this.#checkFence(fence);
    this.#checkOperation(op, args);
    let began = false;
    try {
      const answer = await this.bus.run(
        this.#operation(PRIORITY.command, deadlineMs),
        async (own) => {
          // The fence may have grown and the guard may have broken while this waited for the bus.
          this.#checkFence(fence);
          this.#checkGuards(args);
          began = true;
          return await this.#drive(op, args, own);
        },
        signal,
      );
      const readings = this.#readingsOf(answer);
      return { answer, readings };
    } catch (error) {
      // Given up half way: nobody knows where it stands, so it goes where we know it is.
      if (began && this.actuator && error instanceof Cancelled && error.code !== "safe") {
        this.cut("a command was given up");
      }
      throw error;
    }
  }

  async #drive(op: string, args: Record<string, unknown>, own: AbortSignal): Promise<DriverAnswer> {
    const epoch = ++this.#epoch;
    try {
      const answer = await this.driver.command(op, args, own);
      if (epoch === this.#epoch && !own.aborted) this.#commanded(answer, epoch);
      return answer;
    } catch (error) {
      // A refusal may come after half of the work: what it was, still counts.
      if (epoch === this.#epoch) this.#watch(this.#stateOrUnknown(), epoch);
      throw error;
    }
  }

  #commanded(answer: DriverAnswer, epoch: number): void {
    this.#told = standing(answer);
    this.#unsafe = false;
    this.#setStatus("ready");
    this.#watch(answer, epoch);
  }

  #checkFence(fence: number): void {
    if (fence < this.#fence) {
      throw new AskError(
        "stale_fence",
        `Cannot drive "${this.id}": fence ${fence} is older than ${this.#fence}`,
        -32000,
        { given: fence, latest: this.#fence },
      );
    }
    this.#fence = fence;
  }

  #checkOperation(op: string, args: Record<string, unknown>): void {
    const known = this.capability.operations.map((operation) => operation.op);
    if (!known.includes(op)) {
      const list = known.map((one) => `"${one}"`).join(", ") || "none";
      throw new AskError(
        "operation_unknown",
        `"${this.id}" has no operation "${op}"; it has ${list}`,
        -32602,
      );
    }
    if (!this.#started) {
      throw new AskError("offline", `"${this.id}" did not answer when it was started`);
    }
    this.#checkGuards(args);
  }

  #checkGuards(args: Record<string, unknown>): void {
    const broken = guardBroken(this.capability, this.listener);
    if (broken === null || isDeepStrictEqual(args, this.capability.safeState)) return;
    throw new AskError("guard", `Cannot drive "${this.id}": ${broken}`);
  }

  /** Cuts the device when it is away from safe and one of its guards is broken. */
  enforceGuards(): void {
    if (!this.#away || this.capability.guards === undefined) return;
    // On its way already, or tried again later.
    if (this.#securing > 0 || this.#unsafe) return;
    const broken = guardBroken(this.capability, this.listener);
    if (broken !== null) this.cut(broken);
  }

  /** Channels that repeat the read-back are up to date with the command's own answer. */
  #readingsOf(answer: DriverAnswer): Reading[] {
    const atMs = this.clock.nowMs();
    const readings: Reading[] = [];
    for (const channel of this.capability.channels) {
      const value = answer.readback[channel.id];
      if (channel.role !== "readback" || typeof value !== channel.type.replace("text", "string")) {
        continue;
      }
      const found = { channel: channel.id, value: value as number, quality: "good" } as const;
      readings.push(toReading(this.id, channel, found, atMs));
    }
    this.#keep(readings);
    return readings;
  }

  /**
   * To the safe state from any state, without a fence: gives up what this device does and every reading of
   * its bus. Twice is harmless. A failure is reported and tried again until it succeeds or a command comes.
   */
  async safe(reason: string): Promise<DeviceOutcome> {
    this.#watchdog.end();
    this.#securing++;
    const epoch = ++this.#epoch;
    const { safeMs, seizeMs } = this.limits;
    try {
      const answer = await this.bus.seize(
        { ...this.#operation(PRIORITY.safe, safeMs + seizeMs), waitMs: seizeMs },
        (other) => this.#yields(other),
        new Cancelled("safe", `"${this.id}" is brought to its safe state: ${reason}`),
        () => this.driver.safe(),
        // What was left behind ended after the safe state was written, and may have undone it.
        () => this.cut(reason),
      );
      if (!answer.safe) {
        throw new DeviceError("not_safe", `"${this.id}" does not report its safe state`);
      }
      if (epoch === this.#epoch) {
        this.#unsafe = false;
        this.#away = false;
      }
      return this.#outcome(answer);
    } catch (error) {
      const { code, text } = faultOf(error);
      this.#unsafe = true;
      this.#away = true;
      this.#setStatus("fault", code, `Safe state not reached (${reason}): ${text}`);
      this.#retryLater(() => {
        if (epoch === this.#epoch) this.cut(reason);
      });
      return { ...this.#outcome(this.#stateOrUnknown()), ok: false, error: { code, text } };
    } finally {
      this.#securing--;
    }
  }

  #yields({ deviceId, priority }: Operation): boolean {
    return priority === PRIORITY.reading || (deviceId === this.id && priority !== PRIORITY.safe);
  }

  /** The agent itself brings the device to safe and says so. */
  cut(reason: string): void {
    this.safe(reason).then((outcome) => this.listener.changed(outcome, reason));
  }

  /** The runtime still stands behind the setpoint. */
  renew(): void {
    if (this.#away) this.#watchdog.renew();
  }

  #watch(answer: DriverAnswer, epoch: number): void {
    this.#away = !answer.safe && this.capability.safeState !== undefined;
    if (!this.#away) return this.#watchdog.end();
    this.#watchdog.begin((reason) => {
      if (epoch === this.#epoch) this.cut(reason);
    });
    this.enforceGuards();
  }

  /** Ends reading and every timer; the safe state is the caller's to ask for first. */
  close(): void {
    this.#closed.abort();
    this.#watchdog.end();
  }

  #retryLater(act: () => void): void {
    this.clock.wait(this.limits.retryMs, this.#closed.signal).then(act, () => {});
  }

  #operation(priority: Operation["priority"], deadlineMs: number) {
    return { deviceId: this.id, priority, deadlineMs };
  }

  #outcome(answer: DriverAnswer): DeviceOutcome {
    const { setpoint, readback, safe } = answer;
    this.#told = standing(answer);
    return { deviceId: this.id, ok: true, setpoint, readback, safe };
  }

  /** What the driver believes, for a report about a device that failed. */
  #stateOrUnknown(): DriverAnswer {
    try {
      return this.driver.state();
    } catch {
      return { setpoint: {}, readback: {}, safe: false };
    }
  }

  /** What the driver believes now. */
  outcome(): DeviceOutcome {
    return this.#outcome(this.#stateOrUnknown());
  }

  #setStatus(status: DeviceStatus, code?: string, text?: string): void {
    if (status === this.#status) return;
    const first = this.#status === null;
    this.#status = status;
    if (!first || status !== "ready") this.listener.status(this.id, status, code, text);
  }
}

function standing({ setpoint, safe }: DriverAnswer): string {
  return JSON.stringify([setpoint, safe]);
}
