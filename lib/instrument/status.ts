import type { Experiment } from "../experiments/mod.ts";
import type { Instrument } from "./instrument.ts";
import type { InstrumentState, InstrumentStatus } from "./model.ts";

/** The part of the instrument its status is read from. */
type Sources =
  & Pick<Instrument, "config" | "version" | "clock" | "devices" | "locks" | "alarms">
  & { readonly startedAtMs: number; readonly experiments: { runs(): Experiment[] } };

export function statusOf(sources: Sources): InstrumentStatus {
  const { config, version, startedAtMs, clock, devices, locks, alarms } = sources;
  const stopped = devices.stopped();
  const runs = sources.experiments.runs();
  const holders = locks.holders().map(({ holder }) => holder);
  const holder = holders.find(({ actor }) => actor === `experiment:${runs[0]?.id}`) ??
    holders[0] ?? null;
  return {
    name: config.instrument.name,
    stripe: config.instrument.stripe,
    simulated: devices.list().some(({ capability }) => capability.simulated),
    state: stateOf(sources, stopped !== null, runs),
    holder,
    alarms: alarms.active(),
    stopped,
    version,
    startedAtMs,
    nowMs: clock.nowMs(),
  };
}

function stateOf(
  { devices }: Sources,
  stopped: boolean,
  runs: readonly Experiment[],
): InstrumentState {
  if (stopped) return "stopped";
  const agents = devices.agents();
  if (runs.length > 0) {
    return runs.every(({ state }) => state === "holding") ? "holding" : "running";
  }
  if (agents.length > 0 && agents.every(({ state }) => state === "broken")) return "fault";
  return agents.some(({ state }) => state === "starting" || state === "waiting")
    ? "starting"
    : "idle";
}
