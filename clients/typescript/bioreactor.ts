import { BioreactorClient, type Colour, record, type Reply } from "./client.ts";
import {
  BioreactorError,
  CommandFailed,
  JobFailed,
  SensorFault,
  StopIncomplete,
  UnknownComponent,
} from "./errors.ts";
import { ExperimentLink } from "./experiment.ts";
import { type Job, Jobs, type RunOptions } from "./jobs.ts";
import { isAtRest, Native, type RelayState } from "./native.ts";
import { number, numbers, type Reading } from "./readings.ts";
import { REAL_TIME } from "./real_time.ts";
import { type ApiOptions, say } from "./transport.ts";

/** While the instrument stops, one call must not use up the time the others need. */
const STOP_TIMEOUT_MS = 4000;
/** A script that cannot reach its instrument at all should say so soon. */
const START_PATIENCE_MS = 15_000;
const EXIT_SIGTERM = 128 + 15;

export interface PeltierState {
  dutyCycle: number | null;
  direction: string | null;
  active: boolean;
}
export interface StirrerState {
  dutyCycle: number | null;
  active: boolean;
}
export interface RingLightState {
  red: number | null;
  green: number | null;
  blue: number | null;
  active: boolean;
}

/**
 * The instrument as a script sees it.
 *
 * ```ts
 * await using bio = await Bioreactor.connect();
 * ```
 *
 * At the end of the block, however it ends, and on SIGTERM, everything the script may have started is
 * stopped. Commands throw when they fail; nothing is ever reported as 0 because it could not be read.
 */
export class Bioreactor implements AsyncDisposable {
  readonly experiment: ExperimentLink;
  readonly #native: Native;
  readonly #jobs: Jobs;
  readonly #lastGood = new Map<string, Reading>();
  readonly #onSigterm: () => void;

  private constructor(
    readonly client: BioreactorClient,
    /** The node's reply to `/api/status` when the script began. */
    readonly status: Reply,
  ) {
    this.experiment = new ExperimentLink(client.api);
    this.#native = new Native(client.api);
    this.#jobs = new Jobs(this, (failure) => void this.#endScript(1, failure));
    this.#onSigterm = () => void this.#endScript(EXIT_SIGTERM);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", this.#onSigterm);
  }

  /** @throws {ApiAway} the instrument does not answer */
  static async connect(options: ApiOptions = {}): Promise<Bioreactor> {
    const client = new BioreactorClient(options);
    const patienceMs = Math.min(options.patienceMs ?? START_PATIENCE_MS, START_PATIENCE_MS);
    return new Bioreactor(client, record(await client.api.get("/api/status", { patienceMs })));
  }

  // Actuators

  /** On (full power) or off; a number sets the power, percent. */
  async changeLed(state: boolean | number): Promise<void> {
    const power = typeof state === "number" ? state : state ? 100 : 0;
    await this.#control("led", { power });
  }
  /** `power` percent; `forward` true heats, false cools. */
  async changePeltier(power: number, forward: boolean): Promise<void> {
    const direction = forward ? "heat" : "cool";
    await this.#control("peltier_driver", { duty_cycle: power, direction });
  }
  /** Flow of a pump, ml/s; negative runs it backwards where the pump can. */
  async changePump(pumpName: string, mlPerSec: number): Promise<void> {
    await this.#control("pumps", { pump_name: pumpName, velocity: mlPerSec }, pumpName);
  }
  /** Duty cycle of the stirrer, percent. */
  async changeStirrer(dutyCycle: number): Promise<void> {
    await this.#control("stirrer", { duty_cycle: dutyCycle });
  }
  /** `(red, green, blue, pixel?)` or `(colour, pixel?)`, each 0 to 255; `pixel` counts from 0. */
  changeRingLight(red: number, green: number, blue: number, pixel?: number): Promise<void>;
  changeRingLight(color: Colour, pixel?: number): Promise<void>;
  async changeRingLight(first: number | Colour, ...rest: (number | undefined)[]): Promise<void> {
    const [red, green, blue, pixel] = typeof first === "number"
      ? [first, ...rest]
      : [...first, rest[0]];
    await this.#control("ring_light", {
      red,
      green,
      blue,
      ...(pixel === undefined ? {} : { pixel_index: pixel }),
    });
  }
  /** Moves a relay, or toggles it; the new state. */
  changeRelay(name: string, state: RelayState | "toggle"): Promise<RelayState> {
    return this.#native.changeRelay(name, state);
  }
  /** Pumps `ml` millilitres and resolves when it is done, with what was pumped; the device ends the dose. */
  dose(pump: string, ml: number, mlPerSec?: number): Promise<number> {
    return this.#native.dose(pump, ml, mlPerSec);
  }
  /** Closes a relay for `seconds` and resolves once it is open again; the device ends it. */
  relayDose(name: string, seconds: number): Promise<void> {
    return this.#native.relayDose(name, seconds);
  }
  getRelayState(name: string): Promise<RelayState> {
    return this.#native.relayState(name);
  }

  // Sensors

  /** CO2, ppm. @throws {SensorFault} no good value */
  getCo2(): Promise<number> {
    return this.#value("co2_sensor", ["co2_ppm"], "ppm");
  }
  /** O2, percent. @throws {SensorFault} no good value */
  getO2(): Promise<number> {
    return this.#value("o2_sensor", ["o2_percent", "o2"], "%");
  }
  /** Temperature of the culture, °C, or null while the sensor gives no good value. */
  async getTemperature(): Promise<number | null> {
    try {
      return await this.#value("temp_sensor", ["temperature"], "°C");
    } catch (error) {
      if (error instanceof SensorFault || error instanceof UnknownComponent) return null;
      throw error;
    }
  }
  /** Volts of the optical density photodiodes; null for one that failed, empty without the board. */
  getOdVoltages(): Promise<(number | null)[]> {
    return this.#voltages("optical_density");
  }
  /** Volts of the eyespy boards; null for one that failed, empty without any. */
  getEyespyVoltages(): Promise<(number | null)[]> {
    return this.#voltages("eyespy_adc");
  }
  /** Volts of the photodiodes, as older scripts ask for them. */
  async getPhotodiodes(): Promise<(number | null)[]> {
    const reply = await this.client.getPhotodiodes();
    return numbers(reply.readings ?? reply.photodiodes);
  }
  /** Four temperatures, as older scripts ask for them; null where there is no such vial. */
  getVialTemp(): Promise<(number | null)[]> {
    return this.#temperatures("vial_temperatures", 4, "temperature");
  }
  /** Temperatures of inlet and outlet; null where there is no such sensor. */
  getIoTemp(): Promise<(number | null)[]> {
    return this.#temperatures("io_temperatures", 2, null);
  }
  /** Supply current of the peltier, A. @throws {SensorFault} no good value */
  async getPeltierCurr(): Promise<number> {
    const reply = await this.client.getCurrent();
    const value = number(reply.peltier_current);
    if (value === null) throw this.#fault("peltier_current", reply);
    return value;
  }
  async getPeltierState(): Promise<PeltierState> {
    const { duty_cycle, direction, active } = await this.#state("peltier_driver");
    return {
      dutyCycle: number(duty_cycle),
      direction: typeof direction === "string" ? direction : null,
      active: active === true,
    };
  }
  async getStirrerState(): Promise<StirrerState> {
    const { duty_cycle, active } = await this.#state("stirrer");
    return { dutyCycle: number(duty_cycle), active: active === true };
  }
  async getRingLightState(): Promise<RingLightState> {
    const { red, green, blue, active } = await this.#state("ring_light");
    return {
      red: number(red),
      green: number(green),
      blue: number(blue),
      active: active === true,
    };
  }
  /**
   * Everything the instrument knows, by `device.channel`. One call, answered from the latest readings: it
   * costs the hardware nothing. A value older than `maxAgeS` is null, with quality `stale`.
   */
  getAll(maxAgeS?: number): Promise<Record<string, Reading>> {
    return this.#native.getAll(maxAgeS);
  }

  // The run

  /**
   * Starts jobs at fixed rates and returns at once: `.wait()`, `.stop()`, `.counts()`. An error is told
   * and the job goes on; one that keeps failing is given up and ends the script, see `RunOptions`.
   */
  run(jobs: readonly Job[], options?: RunOptions): Jobs {
    return this.#jobs.run(jobs, options);
  }
  /** Waits for a moment or a condition, asked every `everyS`. True when it came, false after `timeoutS`. */
  async waitUntil(
    until: Date | number | ((bioreactor: Bioreactor) => unknown),
    { timeoutS = Infinity, everyS = 1 }: { timeoutS?: number; everyS?: number } = {},
  ): Promise<boolean> {
    const startMs = performance.now();
    for (;;) {
      let leftMs = everyS * 1000;
      if (typeof until === "function") {
        if (await until(this)) return true;
      } else {
        // The wall clock may be set while we wait.
        leftMs = Math.min(Number(until) - Date.now(), 5000);
        if (leftMs <= 0) return true;
      }
      const restMs = timeoutS * 1000 - (performance.now() - startMs);
      if (restMs <= 0) return false;
      await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, restMs)));
    }
  }
  /** Writes a line into the instrument's event log. */
  logEvent(text: string): Promise<void> {
    return this.experiment.logEvent(text);
  }
  /** Says what the script is doing now; shown beside the experiment. */
  setPhase(name: string): Promise<void> {
    return this.experiment.setPhase(name);
  }
  /** Keeps `state` (anything JSON can hold) where the next attempt finds it. All or nothing. */
  checkpoint(state: unknown): void {
    this.experiment.checkpoint(state);
  }
  /** What `checkpoint` kept last, or `fallback`. */
  loadCheckpoint<T = unknown>(fallback?: T): T {
    return (this.experiment.loadCheckpoint() ?? fallback) as T;
  }
  /** Whether somebody asked this experiment to hold. */
  pauseRequested(): Promise<boolean> {
    return this.experiment.pauseRequested();
  }

  // The end

  /**
   * Ends the jobs and brings every actuator to rest; what fails does not keep it from the rest.
   * @throws {StopIncomplete} something did not stop
   */
  async stopAll(): Promise<void> {
    this.#jobs.stop();
    const failures: { name: string; error: unknown }[] = [];
    const options = { timeoutMs: STOP_TIMEOUT_MS, patienceMs: 0 };
    for (const [name, component, body] of await this.#restCommands(failures)) {
      try {
        const path = `/api/v3/${component}/control`;
        await this.client.api.post(path, body, { component: name, ...options });
      } catch (error) {
        if (!isAtRest(error)) failures.push({ name, error });
      }
    }
    failures.push(...await this.#native.restRelays(STOP_TIMEOUT_MS));
    if (failures.length > 0) {
      const list = failures.map(({ name, error }) =>
        `${name} (${error instanceof Error ? error.message : String(error)})`
      );
      throw new StopIncomplete(
        `Cannot confirm that everything stopped: ${list.join("; ")}`,
        failures,
      );
    }
  }
  /** Ends the jobs, waits for their last calls, and stops everything. Twice is harmless. */
  async finish(): Promise<void> {
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", this.#onSigterm);
    this.#jobs.stop();
    let failure: unknown;
    await this.#settleJobs().catch((error) => failure = error);
    await this.stopAll();
    if (failure !== undefined) throw failure;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.finish();
  }

  // Inside

  /** Waits for the jobs' last calls, for some true time at most. */
  async #settleJobs(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = REAL_TIME.setTimeout(late.resolve, STOP_TIMEOUT_MS);
    await Promise.race([this.#jobs.wait(), late.promise]).finally(() => clearTimeout(timer));
  }

  async #endScript(code: number, why?: JobFailed): Promise<never> {
    try {
      await this.finish();
    } catch (error) {
      if (error !== why) say(error instanceof Error ? error.message : String(error));
    }
    Deno.exit(code);
  }

  async #control(component: string, body: Reply, name?: string): Promise<void> {
    const label = name === undefined ? component : `${component}/${name}`;
    const reply = record(
      await this.client.api.post(`/api/v3/${component}/control`, body, {
        component: label,
        headers: { "idempotency-key": crypto.randomUUID() },
      }),
    );
    if (reply.status === "error") {
      throw new CommandFailed(`Cannot set ${label}: ${why(reply)}`, {
        component: label,
        code: codeOf(reply),
      });
    }
  }

  async #state(component: string): Promise<Reply> {
    const lastGood = this.#lastGood.get(component) ?? null;
    const path = `/api/v3/${component}/state`;
    const reply = record(await this.client.api.get(path, { component, lastGood }));
    if (reply.status === "error") throw this.#fault(component, reply);
    return reply;
  }

  async #value(component: string, keys: string[], unit: string): Promise<number> {
    const reply = await this.#state(component);
    const key = keys.find((one) => one in reply);
    const value = key === undefined ? null : number(reply[key]);
    if (value === null) throw this.#fault(component, reply);
    const at = new Date(REAL_TIME.now());
    this.#lastGood.set(component, { value, unit, at, ageS: 0, quality: "good", code: null });
    return value;
  }

  async #voltages(component: string): Promise<(number | null)[]> {
    try {
      return numbers((await this.#state(component)).voltages);
    } catch (error) {
      if (error instanceof SensorFault || error instanceof UnknownComponent) return [];
      throw error;
    }
  }

  async #temperatures(
    key: string,
    count: number,
    single: string | null,
  ): Promise<(number | null)[]> {
    const reply = await this.client.getTemperature();
    const values = numbers(reply[key]);
    if (values.length === 0 && single !== null) values.push(number(reply[single]));
    while (values.length < count) values.push(null);
    return values;
  }

  #fault(component: string, reply: Reply): SensorFault {
    return new SensorFault(`No good value of ${component}: ${why(reply)}`, {
      component,
      code: codeOf(reply),
      lastGood: this.#lastGood.get(component) ?? null,
    });
  }

  /** What brings this instrument's actuators to rest, the most dangerous first. */
  async #restCommands(
    failures: { name: string; error: unknown }[],
  ): Promise<[name: string, component: string, body: Reply][]> {
    let known: Reply | null = null;
    try {
      const options = { timeoutMs: STOP_TIMEOUT_MS, patienceMs: 0 };
      known = record(await this.client.api.get("/api/v3/capabilities", options));
    } catch (error) {
      if (!(error instanceof BioreactorError)) throw error;
      // Without the list the components every instrument may have are tried; pumps need names.
      failures.push({ name: "capabilities", error });
    }
    const pumps = record(known?.pumps).available_pumps;
    const commands: [string, string, Reply][] = (Array.isArray(pumps) ? pumps : []).map((name) => [
      `pumps/${name}`,
      "pumps",
      { pump_name: name, velocity: 0 },
    ]);
    for (
      const [component, body] of [
        ["peltier_driver", { duty_cycle: 0, direction: "heat" }],
        ["led", { power: 0 }],
        ["ring_light", { red: 0, green: 0, blue: 0 }],
        ["stirrer", { duty_cycle: 0 }],
      ] as const
    ) {
      if (known === null || component in known) commands.push([component, component, body]);
    }
    return commands;
  }
}

function why(reply: Reply): string {
  const text = [reply.message, reply.detail, reply.code].find((one) => typeof one === "string");
  return text ?? "it gave none";
}

function codeOf(reply: Reply): string {
  return typeof reply.code === "string" ? reply.code : "no_value";
}
