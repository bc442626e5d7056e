import { conformance, type FaultName } from "./conformance.ts";
import { rig } from "./simulated_rig.ts";

for (const { capability: { deviceId } } of rig().drivers) {
  conformance(deviceId, async () => {
    const { driver, drivers, clock, asks } = rig();
    for (const one of drivers) await one.start();
    return {
      driver: driver(deviceId),
      pass: (ms: number) => clock.wait(ms),
      break: (kind: FaultName) => void asks.fault({ deviceId, kind }),
      heal: () => void asks.clearFaults({}),
    };
  });
}
