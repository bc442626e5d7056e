import type { Clock } from "../clock.ts";
import type { DeviceView } from "../devices/model.ts";
import type { LostSetpoints } from "../devices/mod.ts";
import type { Kv } from "../kv.ts";
import type { RunClaim, RunLeases } from "../locks/mod.ts";
import type { Log } from "../log.ts";
import type { Folders } from "./folders.ts";
import type { Experiment } from "./model.ts";
import type { SupervisorCommand } from "./run_handle.ts";
import type { Runners } from "./runners.ts";
import type { ExperimentStore } from "./store.ts";

/** The locks of runs. */
export type RunLocks = Pick<
  RunLeases,
  | "holds"
  | "actors"
  | "reserve"
  | "obstacle"
  | "execute"
  | "makeWay"
  | "releaseAll"
  | "onAsked"
  | "isOthers"
>;

/** The part of `Devices` a run needs. */
export interface RunDevices {
  list(): DeviceView[];
  /** Resolves when every agent has started or failed to: before, `list` may not hold all. */
  ready(): Promise<void>;
  /** Brings devices to their end of the run, past every lease. */
  bring(
    states: Record<string, Record<string, unknown> | "safe">,
    actor: string,
    reason: string,
  ): Promise<unknown>;
  stopped(): { sinceMs: number; actor: string; reason: string } | null;
  /** What runs had set and an outage undid. */
  readonly lostSetpoints: Pick<LostSetpoints, "list" | "restore" | "giveUp">;
  /** An agent has started once more. */
  onReturn(listener: () => void): () => void;
}

/** The part of `Auth` a run needs. */
export interface RunTokens {
  issueExperimentToken(id: string, number: number): Promise<string>;
  revokeExperimentToken(id: string): Promise<void>;
}

/** A run's devices could not be brought to their end or hold state: somebody must look. */
export type OnTrouble = (experiment: Experiment, text: string, during: "end" | "hold") => void;

/** What the queue and its runs are made of. */
export interface QueueOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: ExperimentStore;
  readonly folders: Folders;
  readonly runners: Runners;
  readonly locks: RunLocks;
  readonly devices: RunDevices;
  readonly tokens: RunTokens;
  readonly supervisor: SupervisorCommand;
  /** Folder of `clients/`, absolute. */
  readonly clients: string;
  /** Folder of the box's own `etc`, absolute. */
  readonly etc: string;
  readonly apiUrl: () => string;
  readonly timeScale: () => number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  readonly diskFloorMb: number;
  /** Longest outage after which a run gets its setpoints back; 0: never. */
  readonly restoreMs: number;
  /** How often a run's limits are looked at. */
  readonly watchMs: number;
  readonly onTrouble: OnTrouble;
}

/** Who a run is, as the holder of leases and the actor of its commands. */
export function runActor(id: string): string {
  return `experiment:${id}`;
}

/** The runtime's own name as an actor. */
export const SYSTEM = "system";

/** Devices a run holds: those it named, else every actuator. */
export function devicesOf(experiment: Experiment, devices: RunDevices): string[] {
  const known = devices.list();
  return experiment.devices.length > 0
    ? experiment.devices.filter((id) => known.some((one) => one.capability.deviceId === id))
    : known.filter((one) => one.capability.kind === "actuator").map((one) =>
      one.capability.deviceId
    );
}

/** What it wants to drive, as the locks are asked for it. */
export function claimOf(experiment: Experiment, devices: RunDevices): RunClaim {
  const { id, number } = experiment;
  return {
    actor: runActor(id),
    label: `experiment ${number}`,
    deviceIds: devicesOf(experiment, devices),
  };
}
