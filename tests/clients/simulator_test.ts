import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bioreactor, measureAllData, OutOfRange } from "../../clients/typescript/mod.ts";
import { parseLine } from "../../clients/typescript/csv_fields.ts";
import { type SimulatedInstrument, simulatedInstrument } from "./simulated_instrument.ts";

const clients = fileURLToPath(new URL("../../clients/", import.meta.url));
const examples = join(clients, "examples");
const long = Deno.env.get("HOLDFAST_LONG") === "1";

async function hasPython(): Promise<boolean> {
  try {
    const args = ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"];
    return (await new Deno.Command("python3", { args }).output()).success;
  } catch {
    return false;
  }
}
const ignore = !await hasPython();
const why = ignore ? " (skipped: no python3 of version 3.9 or later)" : "";

interface Ended {
  code: number;
  out: string;
  err: string;
  /** Rows of `experiment_data.csv` by column; empty without the file. */
  rows: Record<string, string>[];
}

/** Runs a script as an experiment would; after `stopAfterMs` it is told to stop. */
async function run(
  instrument: SimulatedInstrument,
  script: string,
  { timeScale, stopAfterMs }: { timeScale: number; stopAfterMs?: number },
): Promise<Ended> {
  const folder = await Deno.makeTempDir();
  try {
    const env = {
      BIOREACTOR_NODE_API_URL: instrument.url,
      OUTPUT_DIR: folder,
      TIME_SCALE: String(timeScale),
    };
    const [command, args] = script.endsWith(".ts")
      ? [Deno.execPath(), await typescript(folder, script)]
      : ["python3", [join(clients, "python", "holdfast_launch.py"), script]];
    const child = new Deno.Command(command, {
      args,
      env: { ...env, PYTHONDONTWRITEBYTECODE: "1", NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const timer = stopAfterMs === undefined
      ? undefined
      : setTimeout(() => child.kill("SIGTERM"), stopAfterMs);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const decoder = new TextDecoder();
    const rows = rowsOf(join(folder, "experiment_data.csv"));
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr), rows };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function typescript(folder: string, script: string): Promise<string[]> {
  const config = join(folder, "deno.json");
  const library = new URL("../../clients/typescript/", import.meta.url);
  const imports = { bioreactor_client: new URL("mod.ts", library).href };
  await Deno.writeTextFile(config, JSON.stringify({ imports }));
  return [
    "run",
    ...["-A", "--no-lock", "--no-check", `--config=${config}`],
    `--preload=${fileURLToPath(new URL("rehearse.ts", library))}`,
    script,
  ];
}

/** Every row has as many fields as the header, or the file is not what it says. */
function rowsOf(path: string): Record<string, string>[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    return [];
  }
  assert.ok(text.endsWith("\r\n"), "the last line is whole");
  const [header = "", ...lines] = text.split("\r\n").slice(0, -1);
  const columns = parseLine(header);
  return lines.map((line) => {
    const fields = parseLine(line);
    assert.equal(fields.length, columns.length, line);
    return Object.fromEntries(columns.map((name, at) => [name, fields[at]!]));
  });
}

function atRest({ devices }: SimulatedInstrument): void {
  for (const { capability, state } of devices.list()) {
    if (capability.kind === "actuator") assert.ok(state.safe, `${capability.deviceId} rests`);
  }
}

/** Each example, how much faster, and for how long where it would take hours even so. */
const EXAMPLES: { file: string; timeScale: number; stopAfterMs?: number; check(e: Ended): void }[] =
  [
    {
      file: "five_minute_logger.py",
      timeScale: 200,
      check({ out, rows }) {
        assert.match(out, /Experiment complete!\n$/);
        assert.equal(rows.length, 30);
        for (const row of rows) {
          assert.ok(Math.abs(Number(row.temperature) - 24) < 3, row.temperature);
          assert.ok(Number(row.co2_ppm) > 300 && Number(row.co2_ppm) < 3000, row.co2_ppm);
          assert.match(row.od_voltages!, /^\[0\.\d+, 0\.\d+, 0\.\d+\]$/);
          assert.deepEqual([row.stirrer_duty, row.peltier_duty, row.ring_light_r], [
            "40.0",
            "0.0",
            "0",
          ]);
        }
      },
    },
    {
      file: "demo.py",
      timeScale: 60,
      check({ out, rows }) {
        assert.match(out, /Demo complete/);
        assert.equal(rows.length, 60);
        assert.equal(rows[0]!.stirrer_duty, "30.0");
        assert.ok(rows.some((row) => Number(row.peltier_duty) === 40), "it warms in between");
      },
    },
    {
      file: "demo.ts",
      timeScale: 60,
      check({ out, rows }) {
        assert.match(out, /Demo complete/);
        assert.ok(rows.length > 15 && rows.length <= 60, String(rows.length));
        assert.ok(rows.some((row) => Number(row.peltier_duty) === 40), "it warms in between");
      },
    },
    {
      file: "led_test.py",
      timeScale: 20,
      check: ({ out }) => assert.match(out, /LED test passed\n$/),
    },
    {
      file: "temperature_hold.py",
      timeScale: 200,
      stopAfterMs: long ? undefined : 9000,
      check({ out, rows }) {
        const { temperature } = rows.at(-1)!;
        assert.ok(Math.abs(Number(temperature) - 30) < 2, temperature);
        if (long) assert.match(out, /second half: \d+\.\d+ to \d+\.\d+ °C/);
      },
    },
    {
      file: "chemostat.py",
      timeScale: 200,
      stopAfterMs: 5000,
      check({ rows }) {
        assert.ok(Number(rows.at(-1)!.temperature) > Number(rows[0]!.temperature) + 1);
      },
    },
    {
      file: "turbidostat.py",
      timeScale: 60,
      stopAfterMs: 6000,
      check({ rows }) {
        assert.ok(rows.length >= 3);
        assert.ok(Number(rows.at(-1)!.od) > 0.2, "the culture is seen");
        assert.equal(rows[0]!.exchanged_ml, "0.0");
      },
    },
    {
      file: "light_cycle.py",
      timeScale: 1000,
      stopAfterMs: 55_000,
      check({ rows, err }) {
        assert.match(err, /event: relay_3 closed/);
        const lit = rows.map((row) => row.ring_light_r === "50");
        const day = lit.indexOf(true);
        assert.ok(day >= 0 && lit.indexOf(false, day) > 0, "a day, then a night");
      },
    },
    {
      file: "logger.ts",
      timeScale: 200,
      check({ out, rows }) {
        assert.match(out, /Experiment complete!\n$/);
        // A turn lasts 50 ms here: on a busy machine some are skipped.
        assert.ok(rows.length > 10 && rows.length <= 30, String(rows.length));
      },
    },
  ];

Deno.test({
  name: `every example script runs on the simulated bioreactor and leaves it at rest${why}`,
  ignore,
  async fn(t) {
    const covered = EXAMPLES.map(({ file }) => file).sort();
    const present = [...Deno.readDirSync(examples)].map(({ name }) => name).sort();
    assert.deepEqual(covered, present, "every example is run");
    for (const timeScale of new Set(EXAMPLES.map((one) => one.timeScale))) {
      await using instrument = await simulatedInstrument({ timeScale });
      for (const example of EXAMPLES.filter((one) => one.timeScale === timeScale)) {
        const { file, stopAfterMs, check } = example;
        // A night comes after 43 s only; the rest of the suite need not wait for it.
        if (file === "light_cycle.py" && !long) continue;
        await t.step(file, async () => {
          const ended = await run(instrument, join(examples, file), { timeScale, stopAfterMs });
          const expected = stopAfterMs === undefined ? 0 : 143;
          assert.equal(ended.code, expected, ended.err);
          check(ended);
          atRest(instrument);
        });
      }
    }
  },
});

/** Calls everything there is; prints what came back. */
const EVERYTHING = `
import json
from bioreactor_client import *
out = {}
with Bioreactor() as bio:
    bio.change_led(True); out["led"] = bio.client.get_state("led")["power"]
    bio.change_led(20.0)
    bio.change_peltier(30, True); out["peltier"] = bio.get_peltier_state()
    bio.change_peltier(30, False); out["cooling"] = bio.get_peltier_state()["direction"]
    bio.change_pump("inflow", 0.5)
    bio.change_pump("inflow", 0)
    bio.change_stirrer(35.5); out["stirrer"] = bio.get_stirrer_state()
    bio.change_ring_light(1, 2, 3); out["ring"] = bio.get_ring_light_state()
    bio.change_ring_light([4, 5, 6], 7)
    out["relay"] = [bio.change_relay("relay_1", "closed"), bio.get_relay_state("relay_1"),
                    bio.change_relay("relay_1", "toggle")]
    bio.relay_dose("relay_2", 1)
    out["dose"] = bio.dose("outflow", 2.0, 2.0)
    out["sensors"] = [bio.get_co2(), bio.get_o2(), bio.get_temperature(), bio.get_peltier_curr()]
    out["volts"] = [bio.get_od_voltages(), bio.get_eyespy_voltages(), bio.get_photodiodes()]
    out["older"] = [bio.get_vial_temp(), bio.get_io_temp()]
    every = bio.get_all()
    out["all"] = sorted({key.split(".")[0] for key, one in every.items() if one.ok})
    balanced_flow(bio, "inflow", 0.1)
    ring_light_cycle(bio)
    pid_controller(bio, 30.0)
    out["row"] = list(measure_all_data(bio, elapsed=1))
    client = bio.client
    client.control_led(False); client.control_ring_light([0, 0, 0]); client.control_peltier(5, "heat")
    client.control_pump("inflow", 0.0); client.control_stirrer(10)
    out["client"] = [sorted(client.get_status()), sorted(client.get_sensors())]
    errors = []
    for act in (lambda: bio.change_pump("tube_1_in", 1), lambda: bio.change_stirrer(101),
                lambda: bio.change_relay("relay_9", "open"), lambda: bio.change_pump("inflow", 99),
                lambda: bio.change_ring_light(0, 0, 256), lambda: bio.client.get_state("nonsense")):
        try:
            act()
            errors.append(None)
        except ConnectionError as error:
            errors.append(type(error).__name__)
    out["errors"] = errors
print(json.dumps(out))
`;

Deno.test({
  name: `every call of the Python library works on the simulated bioreactor${why}`,
  ignore,
  async fn() {
    await using instrument = await simulatedInstrument({ timeScale: 20 });
    const script = await Deno.makeTempFile({ suffix: ".py" });
    await Deno.writeTextFile(script, EVERYTHING);
    const { code, out, err } = await run(instrument, script, { timeScale: 20 });
    await Deno.remove(script);
    assert.equal(code, 0, err);
    const seen = JSON.parse(out);
    assert.equal(seen.led, 100);
    assert.deepEqual(seen.peltier, { duty_cycle: 30, direction: "forward", active: true });
    assert.equal(seen.cooling, "reverse");
    assert.deepEqual(seen.stirrer, { duty_cycle: 35.5, active: true });
    assert.deepEqual(seen.ring, { red: 1, green: 2, blue: 3, active: true });
    assert.deepEqual(seen.relay, ["closed", "closed", "open"]);
    assert.ok(Math.abs(seen.dose - 2) < 0.02, String(seen.dose));
    for (const value of seen.sensors) assert.equal(typeof value, "number");
    assert.deepEqual(seen.volts.map((list: unknown[]) => list.length), [3, 2, 3]);
    assert.deepEqual(seen.older.map((list: unknown[]) => list.length), [4, 2]);
    for (const device of ["temperature", "co2", "o2", "stirrer", "pump-inflow", "relay-1"]) {
      assert.ok(seen.all.includes(device), device);
    }
    assert.equal(seen.row.length, 12);
    assert.ok(seen.client[0].includes("status") && seen.client[1].includes("temperature"));
    assert.deepEqual(seen.errors, [
      "UnknownComponent",
      "OutOfRange",
      "UnknownComponent",
      "OutOfRange",
      "OutOfRange",
      "UnknownComponent",
    ]);
    atRest(instrument);
  },
});

/** In the shape of the laboratory library's own examples. */
const LABORATORY = `
import time
from functools import partial
from src import Bioreactor, Config
from src.utils import *
from src.io import *

config = Config()
config.LOG_TO_TERMINAL = False
config.USE_TIMESTAMPED_FILENAME: bool = False
config.DATA_OUT_FILE = "experiment_data.csv"
with Bioreactor(config) as reactor:
    if reactor.is_component_initialized("eyespy_adc"):
        print(sorted(read_all_eyespy_boards(reactor)))
    if hasattr(reactor, "ring_light_driver"):
        reactor.ring_light_driver.set_color((255, 0, 0))
        reactor.ring_light_driver.off()
    reactor.run([
        (partial(measure_and_record_sensors, led_power=15.0), 10, True),
        (partial(temperature_profile, profile=[(60, 25.0), (None, 30.0)]), 20, True),
        (partial(ring_light_cycle, color=(50, 50, 50), on_time=100.0, off_time=100.0), 1, True),
        (partial(relay_schedule, schedule=[(60, "relay_3", True), (None, "relay_3", False)]), 10, True),
        (partial(turbidostat_ekf_mode, od_setpoint=0.1, od_channel="OD_135_V", R=0.003,
                 pump_duration=2.0), 30, True),
    ])
    end = time.time() + 300
    while time.time() < end:
        time.sleep(1)
`;

Deno.test({
  name: `a script of the laboratory library runs on the simulated bioreactor${why}`,
  ignore,
  async fn() {
    await using instrument = await simulatedInstrument({ timeScale: 60 });
    const script = await Deno.makeTempFile({ suffix: ".py" });
    await Deno.writeTextFile(script, LABORATORY);
    const { code, out, err, rows } = await run(instrument, script, { timeScale: 60 });
    await Deno.remove(script);
    assert.equal(code, 0, err);
    assert.doesNotMatch(err, /failed, it goes on/);
    assert.equal(out, "['eyespy1', 'eyespy2']\n");
    assert.ok(rows.length > 10, String(rows.length));
    const last = rows.at(-1)!;
    assert.ok(Number(last.OD_135_V) > 0.1 && Number(last.temperature_C) > 15);
    assert.ok(Number(last.pump_outflow_time_s) > 0, "it diluted");
    assert.ok(rows.some((row) => row.ring_light_R === "50"));
    atRest(instrument);
  },
});

Deno.test("every call of the TypeScript library works on the simulated bioreactor", async () => {
  await using instrument = await simulatedInstrument({ timeScale: 20 });
  {
    await using bio = await Bioreactor.connect({ url: instrument.url });
    await bio.changeLed(true);
    await bio.changePeltier(30, false);
    assert.deepEqual(await bio.getPeltierState(), {
      dutyCycle: 30,
      direction: "reverse",
      active: true,
    });
    await bio.changeStirrer(35.5);
    assert.deepEqual(await bio.getStirrerState(), { dutyCycle: 35.5, active: true });
    await bio.changeRingLight(1, 2, 3);
    await bio.changeRingLight([4, 5, 6], 7);
    assert.equal(await bio.changeRelay("relay_1", "closed"), "closed");
    assert.equal(await bio.getRelayState("relay_1"), "closed");
    assert.ok(Math.abs(await bio.dose("outflow", 2, 2) - 2) < 0.02);
    await bio.changePump("inflow", 0.5);
    await assert.rejects(bio.changePump("inflow", 99), OutOfRange);
    assert.ok(await bio.getCo2() > 100 && await bio.getO2() > 5);
    assert.equal((await bio.getOdVoltages()).length, 3);
    assert.equal(Object.keys(await measureAllData(bio)).length, 11);
    assert.ok(Object.keys(await bio.getAll()).includes("temperature.temperature"));
  }
  atRest(instrument);
});
