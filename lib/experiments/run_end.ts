import type { Experiment } from "./model.ts";
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
  const { id, number, endState } = experiment;
  const states: Record<string, Record<string, unknown> | "safe"> = {};
  for (const deviceId of devicesOf(experiment, o.devices)) {
    states[deviceId] = endState[deviceId] ?? "safe";
  }
  try {
    const report = await o.devices.bring(states, runActor(id), `experiment ${number} ended`);
    const failed = failedOf(report);
    if (failed.length === 0) return;
    o.onTrouble(experiment, `did not reach their end state: ${failed.join(", ")}`);
  } catch (error) {
    o.log.error("devices did not reach their end state", { experiment: id, error });
    o.onTrouble(experiment, "its devices may not have reached their end state");
  }
}

/** Names of devices that `bring` reports as failed, whatever else its report says. */
function failedOf(report: unknown): string[] {
  if (!Array.isArray(report)) return [];
  return report.filter((one) => one?.ok === false).map((one) => String(one.deviceId));
}
