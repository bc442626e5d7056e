import type { DriverClock } from "../../drivers/driver.ts";
import { type Clock, delay } from "../../lib/clock.ts";

/** The clock of drivers over the clock that a test moves. */
export function driverClock(clock: Clock): DriverClock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    wait: (ms, signal) => delay(clock, ms, signal),
  };
}
