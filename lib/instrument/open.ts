import { Alarms } from "../alarms/mod.ts";
import { Auth } from "../auth/mod.ts";
import type { Clock } from "../clock.ts";
import { Compat } from "../compat/mod.ts";
import type { Config } from "../config.ts";
import { Coordination } from "../coordination/mod.ts";
import type { DataFolder } from "../data_folder.ts";
import { type AgentSpec, Devices } from "../devices/mod.ts";
import { Epu, Steering } from "../epu/mod.ts";
import { EventLog } from "../events.ts";
import { Experiments, type ExperimentsOptions, holdGate, publicView } from "../experiments/mod.ts";
import { Kv } from "../kv.ts";
import { covers, LockFeeds, Locks, RunLeases } from "../locks/mod.ts";
import type { Log } from "../log.ts";
import { Smartem } from "../smartem/mod.ts";
import { LiveStream, Telemetry } from "../telemetry/mod.ts";
import { superviseEpu } from "./epu_watch.ts";
import type { Instrument } from "./instrument.ts";
import { statusOf } from "./status.ts";

export interface InstrumentOptions {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Opened and owned by this process. */
  readonly folder: Pick<DataFolder, "path" | "kvPath" | "telemetryPath" | "freeBytes">;
  readonly agents: readonly AgentSpec[];
  /** Reads EPU's folders; absent where none is configured. */
  readonly epuAgent?: AgentSpec;
  /** Where running scripts reach the API; asked only once it listens. */
  readonly apiUrl: () => string;
  /** How runs are started; default: from source, by this Deno. */
  readonly runs?: Pick<ExperimentsOptions, "supervisor" | "clients" | "place" | "watchMs">;
}

const HOUSEKEEPING_MS = 60_000;
const TRIM_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Opens every domain and joins them: stores first, then what decides, then what moves. The queue does not
 * run before `experiments.begin()`, which needs the API to listen.
 * @throws {KvUnavailable} @throws {TelemetryUnavailable}
 */
export async function openInstrument(options: InstrumentOptions): Promise<Instrument> {
  const { config, clock, log, folder, version } = options;
  const kv = await Kv.open(folder.kvPath, clock);
  const events = new EventLog(kv, clock, {
    countMax: config.events.countMax,
    ageMaxMs: config.events.ageDays * DAY_MS,
  });
  const alarms = await Alarms.open(kv, clock, log);
  const auth = await Auth.open({
    kv,
    clock,
    enabled: config.auth.enabled,
    sessionHours: config.auth.sessionHours,
  });
  const telemetry = Telemetry.open(folder.telemetryPath, clock, log, {
    ...config.telemetry,
    onFault: ({ id, active, severity, title, text }) => {
      const done = active
        ? alarms.raise({ id, severity, subject: "telemetry", title, text })
        : alarms.clear(id);
      done.catch((error) => log.error("cannot record an alarm", { id, error }));
    },
  });
  const locks = await Locks.open(kv, clock);
  // No run is held before the experiments are read, and none can command before the API listens.
  let isHeld = (_actor: string) => false;
  let isRunTaken = (_actor: string) => false;
  const devices = await Devices.open({
    agents: options.agents,
    kv,
    clock,
    log,
    gate: holdGate(locks, (actor) => isHeld(actor)),
    alarms,
  });
  devices.onReadings((readings) => telemetry.record(readings));
  locks.onLost((names, actor) => {
    // A run knows best where its devices are to stand: it is held.
    if (isRunTaken(actor)) return;
    // A lock's name may stand for many devices, or for none of this instrument.
    const deviceIds = devices.list().map(({ capability }) => capability.deviceId)
      .filter((id) => names.some((name) => covers(name, id) || covers(id, name)));
    devices.leaseLost(deviceIds, actor).catch((error) =>
      log.error("cannot bring devices whose lease was lost to safe", { deviceIds, error })
    );
  });
  const experiments = await Experiments.open({
    kv,
    clock,
    log,
    locks: new RunLeases(locks),
    devices,
    auth,
    dir: folder.path,
    apiUrl: options.apiUrl,
    config: config.experiments,
    diskFloorMb: config.data.diskFloorMb,
    timeScale: () => config.simulation.enabled ? config.simulation.timeScale : 1,
    onTrouble: (experiment, text, during) => {
      alarms.raise({
        id: `run:${experiment.id}`,
        severity: "critical",
        subject: experiment.id,
        title: during === "hold"
          ? `Experiment ${experiment.number} is held, and not every device stands still`
          : `Experiment ${experiment.number} ended without a safe end state`,
        text,
      }).catch((error) => log.error("cannot record an alarm", { error }));
    },
    ...options.runs,
  });
  isHeld = (actor) => experiments.isHeld(actor);
  isRunTaken = (actor) => experiments.leaseLost(actor);
  const stream = new LiveStream(
    {
      events,
      seq: () => kv.seq,
      devices: () => devices.list(),
      alarms: () => alarms.active(),
      onReadings: (listener) => devices.onReadings(listener),
      onDevice: (listener) => devices.onState(listener),
      onExperiment: (listener) =>
        experiments.onChange((experiment) => listener(publicView(experiments, experiment))),
      onAlarm: (listener) => alarms.onChange(listener),
    },
    clock,
    log,
    { viewersMax: config.stream.viewersMax },
  );

  const { viewersMax } = config.stream;
  const lockFeeds = new LockFeeds(locks, clock, viewersMax);
  const coordination = new Coordination({
    locks,
    feeds: lockFeeds,
    clock,
    exposeLockKeys: config.coordination.exposeLockKeys,
  });
  const compat = await Compat.open({ kv, clock, log, devices, experiments, alarms, viewersMax });

  const epu = await Epu.open({
    kv,
    clock,
    log,
    folders: config.epu.folders,
    graceMs: config.epu.graceMs,
    finishedMs: config.epu.finishedMinutes * 60_000,
  });
  const steering = await Steering.open({
    kv,
    events,
    clock,
    log,
    epu,
    dir: config.data.dir,
    config: config.epu,
  });
  const smartem = await Smartem.open({ kv, events, clock, log, epu, steering, version });
  const epuWatch = options.epuAgent === undefined
    ? null
    : superviseEpu(options.epuAgent, { epu, clock, log, alarms });

  kv.onEvents((happened) => {
    for (const { type } of happened) {
      // Whoever lost a right must not go on watching: all who came with a login open the stream anew.
      if (/^auth\.(token_revoked|user_removed|user_role|user_password)$/.test(type)) {
        const cameWithLogin = (actor: string) => /^(user|token):/.test(actor);
        stream.disconnect(cameWithLogin);
        compat.feed.disconnect(cameWithLogin);
        lockFeeds.disconnect(cameWithLogin);
        smartem.disconnect(cameWithLogin);
      }
    }
  });

  const stopHousekeeping = keepHouse({ config, clock, log, folder, events, alarms });
  const startedAtMs = clock.nowMs();
  return {
    config,
    version,
    clock,
    log,
    kv,
    events,
    auth,
    locks,
    lockFeeds,
    coordination,
    devices,
    telemetry,
    stream,
    alarms,
    experiments,
    compat,
    epu,
    steering,
    smartem,
    status: () =>
      statusOf({ config, version, startedAtMs, clock, devices, locks, alarms, experiments }),
    async close() {
      stopHousekeeping();
      stream.close();
      compat.close();
      lockFeeds.close();
      coordination.close();
      await experiments.close();
      await devices.close();
      await epuWatch?.close();
      await smartem.close();
      await steering.close();
      await epu.close();
      telemetry.close();
      locks.close();
      alarms.close();
      events[Symbol.dispose]();
      await kv.close();
    },
  };
}

/** What nobody asks for: old events trimmed, the disk watched. Returns the function that ends it. */
function keepHouse(
  { config, clock, log, folder, events, alarms }:
    & Pick<Instrument, "config" | "clock" | "log" | "events" | "alarms">
    & Pick<InstrumentOptions, "folder">,
): () => void {
  let trimmedMs = -Infinity;
  let ended = false;
  let cancel = () => {};
  async function turn() {
    try {
      await watchDisk(folder.freeBytes(), config.data.diskFloorMb, alarms);
      if (clock.monotonicMs() - trimmedMs >= TRIM_EVERY_MS) {
        trimmedMs = clock.monotonicMs();
        await events.trim();
      }
    } catch (error) {
      log.error("housekeeping failed", { error });
    }
    if (!ended) cancel = clock.timer(HOUSEKEEPING_MS, turn);
  }
  cancel = clock.timer(0, turn);
  return () => {
    ended = true;
    cancel();
  };
}

async function watchDisk(freeBytes: number, floorMb: number, alarms: Alarms): Promise<void> {
  const freeMb = Math.floor(freeBytes / 1_048_576);
  if (freeMb >= floorMb) return await alarms.clear("disk");
  await alarms.raise({
    id: "disk",
    severity: "critical",
    subject: "instrument",
    title: "The disk is nearly full",
    text: `${freeMb} MiB are free and ${floorMb} MiB are kept in reserve. No new run starts; ` +
      "readings may soon be lost. Download and remove old runs, or add storage",
  });
}
