import {
  type SimulatedBioreactor,
  simulatedBioreactor,
  SimulatedBioreactorConfig,
} from "../drivers/simulated_bioreactor/mod.ts";
import { type AgentOptions, runAgent } from "./harness.ts";
import { systemDriverClock } from "./server.ts";

/**
 * The simulated bioreactor as an agent: no bus, no permission. Its devices follow from the configuration
 * that `start` brings; `fault`, `faults`, `clear-faults` and `time-scale` steer the simulation.
 */
export function bioreactorSimAgent(clock = systemDriverClock): AgentOptions {
  let running: SimulatedBioreactor | null = null;
  const asks = () => {
    if (running === null) throw new RangeError("The simulation has not been started");
    return running.asks;
  };
  return {
    name: "bioreactor_sim",
    clock,
    drivers: (given) => {
      running = simulatedBioreactor(parseConfig(given), clock);
      return running.drivers;
    },
    extensions: {
      fault: (params) => asks().fault(params),
      faults: () => asks().faults(),
      "clear-faults": (params) => asks().clearFaults(params),
      "time-scale": (params) => asks().timeScale(params),
    },
  };
}

/** @throws {RangeError} naming every key that does not fit. */
function parseConfig(given: Record<string, unknown>): SimulatedBioreactorConfig {
  const parsed = SimulatedBioreactorConfig.safeParse(given);
  if (parsed.success) return parsed.data;
  const text = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new RangeError(`The simulated bioreactor cannot be configured: ${text.join("; ")}`);
}

if (import.meta.main) await runAgent(bioreactorSimAgent());
