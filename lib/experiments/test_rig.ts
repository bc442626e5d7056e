import { systemClock } from "../clock.ts";
import { Config, ConfigFile } from "../config_schema.ts";
import type { DeviceView } from "../devices/model.ts";
import { Kv } from "../kv.ts";
import { Locks, RunLeases } from "../locks/mod.ts";
import { silentLog } from "../log.ts";
import { type Experiment, type ExperimentAsk, isTerminal } from "./model.ts";
import type { RunDevices } from "./run_deps.ts";
import { Experiments, type ExperimentsOptions } from "./service.ts";

/** For tests of runs: real processes, real store, real locks; devices that only note what they were told. */

export const hasPython = isProgram("/usr/bin/python3");
export const hasBwrap = isProgram("/usr/bin/bwrap");

function isProgram(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Two actuators and a sensor, unless told otherwise; STOP can be pressed. */
export class NotingDevices implements RunDevices {
  brought: { states: Record<string, unknown>; actor: string }[] = [];
  #stopped: ReturnType<RunDevices["stopped"]> = null;

  constructor(private readonly kv: Kv, private readonly views: DeviceView[] = bioreactor()) {}

  list(): DeviceView[] {
    return this.views;
  }
  ready(): Promise<void> {
    return Promise.resolve();
  }
  bring(states: Record<string, unknown>, actor: string): Promise<unknown> {
    this.brought.push({ states, actor });
    return Promise.resolve([]);
  }
  stopped() {
    return this.#stopped;
  }
  readonly lostSetpoints: RunDevices["lostSetpoints"] = {
    list: () => [],
    restore: (deviceId) =>
      Promise.resolve({ ok: false, refusal: { kind: "device-unknown", deviceId } }),
    giveUp: () => Promise.resolve(),
  };
  onReturn(): () => void {
    return () => {};
  }
  /** As the real ones do: what stops or clears is an event. */
  async press(reason: string | null): Promise<void> {
    this.#stopped = reason === null ? null : { sinceMs: 1, actor: "user:anna", reason };
    await this.kv.transact([], () => ({
      ok: true,
      value: {
        value: null,
        events: [{ type: "instrument.stop", subject: "instrument", actor: "x", text: "stop" }],
      },
    }));
  }
}

function bioreactor(): DeviceView[] {
  return [
    view("stirrer", "actuator", { duty: { type: "number", minimum: 0, maximum: 100 } }),
    view("pump-inflow", "actuator", { flow: { type: "number", minimum: 0 } }),
    view("co2", "sensor"),
  ];
}

/** An actuator that takes nothing in particular. */
export function actuator(deviceId: string): DeviceView {
  return view(deviceId, "actuator", {});
}

function view(
  deviceId: string,
  kind: "sensor" | "actuator",
  properties?: Record<string, unknown>,
): DeviceView {
  const args = { type: "object", properties, additionalProperties: false };
  return {
    capability: {
      deviceId,
      label: deviceId,
      component: deviceId,
      kind,
      bus: "none",
      simulated: true,
      description: "",
      channels: [],
      operations: properties === undefined ? [] : [{ op: "set", label: "Set", args }],
      facts: {},
    },
    state: {
      deviceId,
      status: "ready",
      setpoint: null,
      readback: null,
      safe: true,
      actor: "system",
      atMs: 0,
      lastError: null,
    },
    readings: [],
    holder: null,
  };
}

export interface Rig extends AsyncDisposable {
  readonly dir: string;
  readonly kv: Kv;
  readonly locks: Locks;
  readonly devices: NotingDevices;
  readonly experiments: Experiments;
  /** Tokens of running experiments, by id. */
  readonly tokens: Map<string, string>;
  /** What scripts asked the API: `GET /path token`. */
  readonly asked: string[];
  readonly apiPort: number;
  submit(script: string, ask?: Partial<ExperimentAsk>): Promise<Experiment>;
  /** Resolves when the experiment reaches one of these states. */
  reach(id: string, ...states: Experiment["state"][]): Promise<Experiment>;
  /** Resolves when it has ended. */
  ended(id: string): Promise<Experiment>;
  /** Resolves when the log holds `text`. */
  says(id: string, text: string): Promise<void>;
  /** Submits, waits for the end, and gives the log with it. */
  run(script: string, ask?: Partial<ExperimentAsk>): Promise<Experiment & { log: string }>;
  /** Closes the experiments and the store, and leaves the folder. */
  close(): Promise<void>;
}

export interface RigOptions {
  readonly dir?: string;
  readonly kvPath?: string;
  readonly config?: Partial<Config["experiments"]>;
  readonly options?: Partial<ExperimentsOptions>;
  /** Called at each thing the experiments ask of others, before it is done. */
  readonly step?: (what: string) => void;
  readonly begin?: boolean;
}

/** Opens experiments over a store in memory, or the one at `kvPath`. */
export async function openRig(o: RigOptions = {}): Promise<Rig> {
  const dir = o.dir ?? await Deno.makeTempDir({ prefix: "holdfast-runs-" });
  const kv = await Kv.open(o.kvPath ?? ":memory:", systemClock);
  const locks = await Locks.open(kv, systemClock);
  const runLeases = new RunLeases(locks);
  const devices = new NotingDevices(kv);
  const tokens = new Map<string, string>();
  const asked: string[] = [];
  const step = o.step ?? (() => {});
  const api = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(`${request.method} ${pathname} ${request.headers.get("authorization") ?? ""}`);
    return Response.json({ status: "operational" });
  });
  const config = ConfigFile.parse({ experiments: { killGraceMs: 1500 } });
  const experiments = await Experiments.open({
    kv,
    clock: systemClock,
    log: silentLog,
    locks: {
      reserve: (claim) => (step("reserve"), runLeases.reserve(claim)),
      execute: (claim, options) => (step("execute"), runLeases.execute(claim, options)),
      makeWay: (actor) => (step("make way"), runLeases.makeWay(actor)),
      releaseAll: (actor, reason) => (step("release"), runLeases.releaseAll(actor, reason)),
      holds: (actor) => runLeases.holds(actor),
      actors: (prefix) => runLeases.actors(prefix),
      obstacle: (claim, asking) => runLeases.obstacle(claim, asking),
      onAsked: (listener) => runLeases.onAsked(listener),
      isOthers: (id, actor) => runLeases.isOthers(id, actor),
    },
    devices: {
      list: () => devices.list(),
      ready: () => devices.ready(),
      stopped: () => devices.stopped(),
      lostSetpoints: devices.lostSetpoints,
      onReturn: () => devices.onReturn(),
      bring: (states, actor) => (step("bring"), devices.bring(states, actor)),
    },
    auth: {
      issueExperimentToken(id) {
        step("token");
        tokens.set(id, `token-of-${id}`);
        return Promise.resolve(`token-of-${id}`);
      },
      revokeExperimentToken(id) {
        step("revoke");
        tokens.delete(id);
        return Promise.resolve();
      },
    },
    dir,
    apiUrl: () => `http://127.0.0.1:${api.addr.port}`,
    config: { ...config.experiments, ...o.config },
    diskFloorMb: 10,
    watchMs: 100,
    ...o.options,
  });
  // As the instrument does: what is taken from who is no run goes to safe.
  locks.onLost((_names, actor) => experiments.leaseLost(actor));
  if (o.begin !== false) await experiments.begin();

  const reach = (id: string, ...states: Experiment["state"][]) =>
    new Promise<Experiment>((resolve, reject) => {
      const stop = experiments.onChange((one) => {
        if (one.id !== id) return;
        if (states.includes(one.state)) {
          stop();
          resolve(one);
        } else if (isTerminal(one.state)) {
          stop();
          reject(new Error(`It is ${one.state}: ${one.error?.text}, not ${states.join(" or ")}`));
        }
      });
      experiments.get(id).then((one) => {
        if (one !== null && states.includes(one.state)) {
          stop();
          resolve(one);
        }
      }, reject);
    });
  const ended = (id: string) =>
    reach(id, "completed", "failed", "cancelled", "timed_out", "interrupted");
  const submit = async (script: string, ask: Partial<ExperimentAsk> = {}) => {
    const submitted = await experiments.submit(
      { script, kind: "python", ...ask } as ExperimentAsk,
      { owner: "user:anna", actor: "user:anna" },
    );
    if (!submitted.ok) throw new Error(JSON.stringify(submitted.refusal));
    return submitted.value.experiment;
  };
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await experiments.close();
    kv.close();
    await api.shutdown();
  };
  return {
    dir,
    kv,
    locks,
    devices,
    experiments,
    tokens,
    asked,
    apiPort: api.addr.port,
    submit,
    reach,
    ended,
    async says(id, text) {
      const end = new AbortController();
      let seen = "";
      for await (const piece of experiments.logStream(id, end.signal)) {
        seen += piece.text;
        if (seen.includes(text)) return;
      }
      throw new Error(`It never said ${JSON.stringify(text)}: ${seen}`);
    },
    async run(script, ask) {
      const { id } = await submit(script, ask);
      const end = await ended(id);
      return { ...end, log: experiments.log(id, { tail: 100_000 }).text };
    },
    close,
    async [Symbol.asyncDispose]() {
      for (const { id } of [...experiments.runs(), ...await experiments.queue()]) {
        const over = ended(id);
        await experiments.cancel(id, "system", "the test is over");
        await over;
      }
      await close();
      if (o.dir === undefined) await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Pids of processes whose command line holds `text`. */
export function processesWith(text: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const line = new TextDecoder().decode(Deno.readFileSync(`/proc/${name}/cmdline`));
      if (line.includes(text)) found.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/** Resolves once `holds`; for what happens in other processes, which tell nobody. Gives up after 20 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > 20_000) throw new Error(`It did not happen: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** For experiments that need Python in its box; the name says why it is left out where there is none. */
export function runs(name: string, fn: () => Promise<void>): void {
  const ignore = !hasPython || !hasBwrap;
  Deno.test({ name: ignore ? `${name} (needs python3 and bwrap)` : name, ignore, fn });
}
