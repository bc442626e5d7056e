import type { Driver } from "../../drivers/driver.ts";
import {
  simulatedBioreactor,
  SimulatedBioreactorConfig,
} from "../../drivers/simulated_bioreactor/mod.ts";
import { SteppingClock } from "./stepping_clock.ts";

/** A simulated bioreactor in this process, on a clock that the test moves. */
export function rig(config: Record<string, unknown> = {}) {
  const clock = new SteppingClock();
  const simulated = simulatedBioreactor(SimulatedBioreactorConfig.parse(config), clock);
  return {
    ...simulated,
    clock,
    /** @throws when there is no such device */
    driver(deviceId: string): Driver {
      const found = simulated.drivers.find(({ capability }) => capability.deviceId === deviceId);
      if (found === undefined) throw new RangeError(`no device "${deviceId}"`);
      return found;
    },
  };
}
