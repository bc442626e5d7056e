import assert from "node:assert/strict";
import { join } from "node:path";
import { agentScript } from "../agents/commands.ts";
import { systemClock } from "../../lib/clock.ts";
import { loadConfig } from "../../lib/config.ts";
import { openDataFolder } from "../../lib/data_folder.ts";
import { openInstrument } from "../../lib/instrument/mod.ts";
import { silentLog } from "../../lib/log.ts";
import { buildApp } from "../../routes/app.ts";
import * as pages from "../../fresh.gen.ts";

const PAUSES = Deno.env.get("HOLDFAST_LONG") === "1" ? 60 : 3;
const DRIVERS = 3;

/** A Holdfast over one recording stirrer, listening on a free port. */
async function runRecorded(dir: string, historyFile: string) {
  const loaded = loadConfig({ cwd: dir, env: { HOLDFAST_PORT: "0" } });
  assert.ok(loaded.ok);
  const { config } = loaded.value;
  const folder = await openDataFolder(config.data.dir);
  const instrument = await openInstrument({
    config,
    version: "0",
    clock: systemClock,
    log: silentLog,
    folder,
    agents: [{
      name: "recording_agent",
      ...agentScript("recording_agent.ts", { write: [historyFile] }),
      config: { historyFile },
    }],
    apiUrl: () => "http://127.0.0.1:1",
  });
  await instrument.devices.ready();
  const app = await buildApp(instrument, {
    root: join(import.meta.dirname!, "..", ".."),
    manifest: pages,
    dev: false,
    machineName: "test",
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, info) => app.fetch(request, { remoteAddr: info.remoteAddr }),
  );
  return {
    instrument,
    url: `http://127.0.0.1:${server.addr.port}`,
    async close() {
      await server.shutdown();
      await instrument.close();
      folder.close();
    },
  };
}

/** A process that takes the lock and drives; what it said, line by line. */
class Driver {
  readonly said: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #over: Promise<void>;
  #heard: (() => void)[] = [];

  constructor(url: string, name: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", join(import.meta.dirname!, "lock_driver.ts"), url, name],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#over = this.#listen();
  }
  async #listen(): Promise<void> {
    let rest = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      this.said.push(...lines);
      for (const heard of this.#heard.splice(0)) heard();
    }
  }
  count(what: RegExp): number {
    return this.said.filter((line) => what.test(line)).length;
  }
  /** Resolves once it says one more of these. */
  async saysAgain(what: RegExp): Promise<void> {
    const before = this.count(what);
    while (this.count(what) === before) {
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }
  pause(): void {
    this.#child.kill("SIGSTOP");
  }
  goOn(): void {
    this.#child.kill("SIGCONT");
  }
  async end(): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("end\n"));
    await writer.close();
    await this.#child.status;
    await this.#over;
  }
}

Deno.test(`with ${PAUSES} pauses of a holder among ${DRIVERS} processes no command of a lost lock reaches the hardware`, async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-paused-" });
  const historyFile = join(dir, "history");
  await Deno.writeTextFile(historyFile, "");
  const recorded = await runRecorded(dir, historyFile);
  const drivers = Array.from(
    { length: DRIVERS },
    (_, i) => new Driver(recorded.url, `driver-${i}`),
  );
  const lost = () => drivers.reduce((sum, one) => sum + one.count(/^refused .* lock_lost$/), 0);
  // A pause that meets a holder just as it gives its lock back proves nothing.
  for (let pause = 0; pause < PAUSES || lost() === 0; pause++) {
    assert.ok(pause < 10 * PAUSES, "no holder ever lost its lock in a pause");
    const paused = drivers[pause % DRIVERS]!;
    // It drives: somewhere between two commands it stands still, with its lock.
    await paused.saysAgain(/^accepted/);
    paused.pause();
    // Its lease runs out, and others drive.
    await Promise.race(
      drivers.filter((one) => one !== paused).map((one) => one.saysAgain(/^granted/)),
    );
    await Promise.race(
      drivers.filter((one) => one !== paused).map((one) => one.saysAgain(/^accepted/)),
    );
    paused.goOn();
    await paused.saysAgain(/^(refused|granted)/);
  }
  await Promise.all(drivers.map((driver) => driver.end()));
  await recorded.close();

  const owners = new Map<number, Driver>();
  for (const driver of drivers) {
    for (const line of driver.said) {
      const [what, fence] = line.split(" ");
      if (what !== "granted") continue;
      assert.equal(owners.has(Number(fence)), false, `fence ${fence} was given twice`);
      owners.set(Number(fence), driver);
    }
  }
  const history = (await Deno.readTextFile(historyFile)).trim().split("\n").map(Number);
  const driven = history.filter((duty) => duty !== 0).map((duty) => Math.round(duty * 1e6));
  let last = 0;
  for (const command of driven) {
    const fence = Math.floor(command / 100);
    assert.ok(owners.has(fence), `a command under fence ${fence}, which nobody was given`);
    assert.ok(fence >= last, `a command under fence ${fence} came after one under ${last}`);
    last = fence;
  }
  const reached = new Set(driven);
  const said = drivers.flatMap((driver) => driver.said.map((line) => line.split(" ")));
  for (const [what, duty, code] of said) {
    const command = Math.round(Number(duty) * 1e6);
    if (what === "accepted") assert.ok(reached.has(command), `${duty} was accepted and not done`);
    if (what === "refused" && code === "lock_lost") {
      assert.equal(reached.has(command), false, `${duty} was refused and done`);
    }
  }
  await Deno.remove(dir, { recursive: true });
});
