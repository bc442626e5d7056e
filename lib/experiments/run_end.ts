import { type Experiment, KEPT_ON_HOLD } from "./model.ts";
import type { Persistence } from "./persistence.ts";
import { devicesOf, type QueueOptions, runActor } from "./run_deps.ts";

/**
 * Token revoked, devices at the end of the run, leases back: in this order, so that nobody drives a device
 * between. Each step can be repeated, and is after a restart. A run that never began moved nothing, so its
 * devices stay as they are.
 * @throws {ClosedError} when the runtime ends before the devices are there
 */
export async function giveBack(
  o: QueueOptions,
  experiment: Experiment,
  persistence: Persistence,
): Promise<void> {
  const { id, number, attempt, state } = experiment;
  await persistence.insist("revoke a run's token", () => o.tokens.revokeExperimentToken(id));
  if (state !== "starting" && attempt > 0) {
    // After a restart the agents may still be starting, and would refuse.
    await persistence.orClosed(o.devices.ready());
    await bringToEnd(o, experiment);
  }
  await persistence.insist(
    "release a run's leases",
    () => o.locks.releaseAll(runActor(id), `experiment ${number} ended`),
  );
}

async function bringToEnd(o: QueueOptions, experiment: Experiment): Promise<void> {
  const { number, endState } = experiment;
  const states: States = {};
  for (const deviceId of ownDevices(o, experiment)) {
    states[deviceId] = endState[deviceId] ?? "safe";
  }
  await bring(o, experiment, states, "end", `experiment ${number} ended`);
}

/**
 * Brings a held run's devices to their hold state; those it keeps are not touched. Of those that others have
 * only what they have `justTaken`, before they drive it.
 */
export async function bringToHold(
  o: QueueOptions,
  experiment: Experiment,
  justTaken = false,
): Promise<void> {
  const { number, holdState } = experiment;
  const kept = new Set(
    o.devices.list().filter(({ capability }) => KEPT_ON_HOLD.includes(capability.component))
      .map(({ capability }) => capability.deviceId),
  );
  const states: States = {};
  const devices = justTaken ? devicesOf(experiment, o.devices) : ownDevices(o, experiment);
  for (const deviceId of devices) {
    const state = holdState[deviceId] ?? (kept.has(deviceId) ? "keep" : "safe");
    if (state !== "keep") states[deviceId] = state;
  }
  await bring(o, experiment, states, "hold", `experiment ${number} is held`);
}

/** Its devices without those somebody else has taken: they are not its own to move any more. */
function ownDevices(o: QueueOptions, experiment: Experiment): string[] {
  const actor = runActor(experiment.id);
  return devicesOf(experiment, o.devices).filter((id) => !o.locks.isOthers(id, actor));
}

type States = Record<string, Record<string, unknown> | "safe">;

async function bring(
  o: QueueOptions,
  experiment: Experiment,
  states: States,
  to: "end" | "hold",
  reason: string,
): Promise<void> {
  const { id } = experiment;
  if (Object.keys(states).length === 0) return;
  try {
    const failed = failedOf(await o.devices.bring(states, runActor(id), reason));
    if (failed.length === 0) return;
    o.onTrouble(experiment, `did not reach their ${to} state: ${failed.join(", ")}`, to);
  } catch (error) {
    o.log.error(`devices did not reach their ${to} state`, { experiment: id, error });
    o.onTrouble(experiment, `its devices may not have reached their ${to} state`, to);
  }
}

/** Names of devices that `bring` reports as failed, whatever else its report says. */
function failedOf(report: unknown): string[] {
  if (!Array.isArray(report)) return [];
  return report.filter((one) => one?.ok === false).map((one) => String(one.deviceId));
}
