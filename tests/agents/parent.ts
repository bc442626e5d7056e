import { Supervised } from "./supervised.ts";

/**
 * A runtime that drives one actuator and then waits to be killed: `parent.ts WAY STATE_FILE`. Prints the
 * pid of its agent once the actuator is on.
 */
if (import.meta.main) {
  const [way, stateFile] = Deno.args as ["source" | "worker", string];
  const agent = new Supervised(way, stateFile);
  await agent.ready();
  await agent.set("stirrer", 30);
  await agent.set("pump", 40);
  console.log(agent.pid);
  await new Promise(() => {});
}
