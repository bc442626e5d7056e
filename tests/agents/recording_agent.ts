import { runAgent } from "../../agents/harness.ts";
import { newBench, TestActuator } from "./test_driver.ts";

/**
 * An agent whose one actuator, `stirrer`, appends every output it sets to `config.historyFile`, a number a
 * line: what the hardware was made to do, in the order in which it was.
 */
if (import.meta.main) {
  const bench = newBench();
  await runAgent({
    name: "recording_agent",
    drivers: (config) => {
      const path = String(config.historyFile);
      bench.onChange = (_deviceId, duty) =>
        Deno.writeTextFileSync(path, `${duty}\n`, { append: true });
      return [new TestActuator("stirrer", bench)];
    },
  });
}
