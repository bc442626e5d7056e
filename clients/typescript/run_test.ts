import assert from "node:assert/strict";
import { join } from "node:path";
import { type Fixture, serveInstrument } from "./node_fixture.ts";

const library = new URL(".", import.meta.url);

/** Starts a script as an experiment's: only what a run allows, the library by its name. */
async function start(
  folder: string,
  node: Fixture,
  script: string,
  timeScale?: number,
): Promise<Deno.ChildProcess> {
  const imports = { bioreactor_client: new URL("mod.ts", library).href };
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ imports }));
  await Deno.writeTextFile(join(folder, "user_script.ts"), script);
  const output = join(folder, "output");
  await Deno.mkdir(output);
  const env = {
    BIOREACTOR_NODE_API_URL: node.url,
    EXPERIMENT_ID: "01EXP",
    EXPERIMENT_TOKEN: "hf_secret",
    OUTPUT_DIR: output,
    ...(timeScale === undefined ? {} : { TIME_SCALE: String(timeScale) }),
  };
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      ...["--no-prompt", "--no-remote", "--no-npm", "--no-check", "--no-lock", "--cached-only"],
      `--config=${join(folder, "deno.json")}`,
      `--allow-net=${new URL(node.url).host}`,
      `--allow-read=${folder},${library.pathname}`,
      `--allow-write=${output}`,
      `--allow-env=${Object.keys(env).join(",")}`,
      ...(timeScale === undefined ? [] : [`--preload=${new URL("rehearse.ts", library).pathname}`]),
      join(folder, "user_script.ts"),
    ],
    clearEnv: true,
    env: { ...env, DENO_DIR: join(folder, "cache"), NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a script runs with an experiment's permissions and nothing more", () =>
  inFolder(async (folder) => {
    await using node = serveInstrument();
    const child = await start(
      folder,
      node,
      `import { Bioreactor, measureAllData, writeDataToCsv } from "bioreactor_client";
      await using bio = await Bioreactor.connect();
      await bio.setPhase("measuring");
      await bio.changeStirrer(30);
      for (let row = 0; row < 2; row++) writeDataToCsv(await measureAllData(bio));
      bio.checkpoint({ rows: 2 });
      await bio.logEvent("done");
      console.log("ok", bio.loadCheckpoint<{ rows: number }>().rows);`,
    );
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    assert.deepEqual([decoder.decode(stderr), code], ["", 0]);
    assert.equal(decoder.decode(stdout), "ok 2\n");
    assert.deepEqual([node.state.notes, node.state.phases], [["done"], ["measuring"]]);
    assert.equal(node.state.stirrer, 0, "it was stopped at the end");
    const text = await Deno.readTextFile(join(folder, "output", "experiment_data.csv"));
    const [header, first, second, rest] = text.split("\r\n");
    assert.match(
      header!,
      /^timestamp,co2_ppm,temperature,od_voltages,eyespy_voltages,stirrer_duty/,
    );
    for (const row of [first!, second!]) {
      assert.match(row, /,633\.0,25\.4,"\[0\.12, None, 0\.18\]",\[\],30\.0,0\.0,forward,0,0,0$/);
    }
    assert.equal(rest, "");
  }));

Deno.test("SIGTERM stops what a script has started before it ends", () =>
  inFolder(async (folder) => {
    await using node = serveInstrument();
    const child = await start(
      folder,
      node,
      `import { Bioreactor } from "bioreactor_client";
      const bio = await Bioreactor.connect();
      await bio.changePump("inflow", 1);
      bio.run([[function pump() {}, 3600, true]]);
      console.log("up");`,
    );
    const reader = child.stdout.getReader();
    await reader.read();
    assert.equal(node.state.pumps.inflow, 1);
    child.kill("SIGTERM");
    const { code } = await child.status;
    await reader.cancel();
    await child.stderr.cancel();
    assert.equal(code, 143);
    assert.equal(node.state.pumps.inflow, 0);
  }));

Deno.test("a script whose job is given up ends with everything at rest and not as a success", () =>
  inFolder(async (folder) => {
    await using node = serveInstrument();
    const child = await start(
      folder,
      node,
      `import { Bioreactor } from "bioreactor_client";
      const bio = await Bioreactor.connect();
      await bio.changePump("inflow", 1);
      bio.run([[() => { throw new Error("broken"); }, 0.01, true]], { errorsMax: 3, errorsForS: 0 });`,
    );
    const { code, stderr } = await child.output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /failed 3 times in a row and was ended: broken/);
    assert.equal(node.state.pumps.inflow, 0);
  }));

Deno.test("a rehearsal passes in a fraction of the time, on every clock a script has", () =>
  inFolder(async (folder) => {
    await using node = serveInstrument();
    const child = await start(
      folder,
      node,
      `import { Bioreactor, sleep, writeDataToCsv } from "bioreactor_client";
      const began = [Date.now(), performance.now(), new Date().getTime()];
      await using bio = await Bioreactor.connect();
      const calls: number[] = [];
      const jobs = bio.run([[function job(_, elapsed) { calls.push(elapsed); }, 60, 1200]]);
      await jobs.wait();
      const { skipped } = jobs.counts().job!;
      await sleep(600);
      writeDataToCsv({ a: 1 }, { form: "strict" });
      const now = [Date.now(), performance.now(), new Date().getTime()];
      console.log(JSON.stringify({ calls, skipped, took: now.map((ms, at) => (ms - began[at]) / 1000) }));
      console.log(new Date(5).getTime(), new Date() instanceof Date, typeof Date());`,
      600,
    );
    const startMs = performance.now();
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    // A minute is 0.1 s here: a busy machine skips turns, says so once, and never makes them up.
    assert.match(decoder.decode(stderr), /^(.* takes longer than its 60 s: turns are skipped\n)?$/);
    assert.equal(code, 0);
    assert.ok(performance.now() - startMs < 20_000);
    const [first, second] = decoder.decode(stdout).split("\n");
    const { calls, skipped, took } = JSON.parse(first!);
    assert.equal(calls.length + skipped, 20);
    const minutes = calls.map((elapsed: number) => Math.floor(elapsed / 60));
    assert.deepEqual(minutes, [...new Set(minutes)]);
    for (const seconds of took) assert.ok(seconds >= 1799 && seconds < 6000, String(took));
    assert.equal(second, "5 true string");
  }));
