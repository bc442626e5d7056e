import { runAgent } from "../../agents/harness.ts";
import { newBench, TestActuator, TestSensor } from "./test_driver.ts";

/**
 * The agent that tests start as a real process. `config.stateFile` receives every output as JSON whenever
 * one changes, so that a test sees what the hardware would have done after the process is gone.
 * Extension `probe` tries what an agent must not be able to do and answers with what it was told.
 */
if (import.meta.main) {
  const bench = newBench();
  await runAgent({
    name: "test_agent",
    drivers: (config) => {
      if (typeof config.stateFile === "string") {
        const path = config.stateFile;
        bench.onChange = () =>
          Deno.writeTextFileSync(path, JSON.stringify(Object.fromEntries(bench.outputs)));
      }
      if (typeof config.safeMs === "number") {
        const ms = config.safeMs;
        bench.waits.set("stirrer safe", () => new Promise((done) => setTimeout(done, ms)));
      }
      return [
        new TestActuator("stirrer", bench, { bus: "pwm" }),
        new TestActuator("peltier", bench, { bus: "bridge" }),
        new TestActuator("pump", bench, { bus: "usb", heartbeatMs: 60_000 }),
        new TestSensor("thermometer", bench, { periodMs: 100 }),
      ];
    },
    extensions: {
      probe: async ({ path }) => ({
        read: await outcome(() => Deno.readTextFile(String(path))),
        write: await outcome(() => Deno.writeTextFile("/tmp/holdfast-probe", "x")),
        env: await outcome(() => Promise.resolve(Deno.env.get("HOME"))),
        run: await outcome(() => new Deno.Command("/bin/true").output()),
        net: await outcome(() => Deno.connect({ hostname: "127.0.0.1", port: 9 })),
        ffi: await outcome(() => Promise.resolve(Deno.dlopen("/lib/libc.so.6", {}))),
        request: (await Deno.permissions.request({ name: "read" })).state,
        worker: await outcome(() => {
          new Worker("data:application/javascript,1", {
            type: "module",
            deno: { permissions: { read: true } },
          });
          return Promise.resolve();
        }),
      }),
      // Neither answers nor lets anything else run.
      hang: () => {
        for (;;) { /* a driver stuck in a blocking call */ }
      },
      crash: () => {
        Deno.exit(3);
      },
      permissions: () => Deno.permissions.query({ name: "read" }).then(({ state }) => state),
    },
  });
}

async function outcome(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return "allowed";
  } catch (error) {
    return (error as Error).name;
  }
}
