import assert from "node:assert/strict";
import { runInstrument } from "../running_instrument.ts";
import { mainOf, post, shows, textOf } from "./page_forms.ts";

/** Leaves a table of two quantities and a file behind. */
const TABLE = `
const out = Deno.env.get("OUTPUT_DIR");
const now = Date.now();
const stamp = (ms) => new Date(now + ms).toISOString();
Deno.writeTextFileSync(out + "/experiment_data.csv",
  "timestamp,temperature,co2_ppm\\r\\n" +
  stamp(0) + ",24.5,600\\r\\n" + stamp(60_000) + ",25.5,610\\r\\n");
Deno.mkdirSync(out + "/images");
Deno.writeTextFileSync(out + "/images/plate one.txt", "x");
console.log("done");
`;
const BARE = `console.log("no numbers");\n`;
const DECLARING = `// parameters: {"temperature": {"type": "number", "unit": "°C", "minimum": 20,
//   "maximum": 45, "default": 37}, "cycles": {"type": "integer", "minimum": 1},
//   "strain": {"type": "string", "enum": ["MG1655", "BW25113"], "default": "MG1655"},
//   "dilute": {"type": "boolean", "default": true}}
console.log(1);
`;

Deno.test("pages about experiments, as a browser without scripts has them", async (t) => {
  await using instrument = await runInstrument();
  const { experiments, devices } = instrument.instrument;
  const main = async (path: string) => {
    const { status, text } = await textOf(instrument, path);
    assert.equal(status, 200, path);
    assert.doesNotMatch(text, / style="/, path);
    assert.doesNotMatch(mainOf(text), /\bNaN\b|\[object|undefined</, path);
    return mainOf(text);
  };
  async function submit(title: string, script: string, more: Record<string, string> = {}) {
    const form = { script, title, kind: "typescript", ...more };
    const { location, text } = await post(instrument, "/experiments/new", form);
    if (location === null) assert.fail(mainOf(text).replace(/<[^>]*>/g, " "));
    return (await experiments.get(location.split("/").at(-1)!))!;
  }
  async function run(title: string, script: string) {
    const { id } = await submit(title, script);
    await experiments.whenEnded(id, 60_000);
    return (await experiments.get(id))!;
  }

  await t.step("lists without anything on them say what would be there", async () => {
    shows(await main("/experiments/mine"), /Submit the first one/);
    shows(await main("/experiments/results"), /No experiment has completed yet/);
    shows(await main("/experiments/archive"), /Nothing has ended yet/);
    shows(await main("/experiments/compare"), /No experiment has begun yet/);
    const old = await textOf(instrument, "/experiments?mine=1");
    assert.deepEqual([old.status, old.location], [302, "/experiments/mine"]);
  });

  const first = await run("Growth of MG1655", TABLE);
  const second = await run("Growth of BW25113", TABLE);
  const bare = await run("Only words", BARE);
  assert.deepEqual([first, second, bare].map(({ state }) => state), Array(3).fill("completed"));

  await t.step("lists are filtered by owner, state and words, all in the address", async () => {
    const mine = await main("/experiments/mine?q=growth");
    shows(mine, /Growth of MG1655/);
    shows(mine, /Growth of BW25113/);
    assert.doesNotMatch(mine, /Only words/);
    shows(mine, /name="q"[^>]*value="growth"/);
    shows(await main("/experiments/mine?q=growth+mg1655"), /Growth of MG1655/);
    shows(await main("/experiments/mine?state=failed"), /No experiment is like that/);
    shows(await main("/experiments/mine?owner=nobody"), /No experiment is like that/);
    const page = await main("/experiments/mine?state=ended&cursor=2");
    shows(page, /Growth of MG1655/);
    assert.doesNotMatch(page, /BW25113/);
  });

  await t.step("results show their files, and are found by the name of one", async () => {
    const page = await main("/experiments/results");
    shows(page, /2 files/);
    shows(page, new RegExp(`/api/v1/experiments/${first.id}/files/images/plate%20one.txt`));
    shows(page, /name="ids" value="1" form="compare"/);
    const found = await main("/experiments/results?q=plate");
    shows(found, /Growth of MG1655/);
    assert.doesNotMatch(found, /Only words/);
  });

  await t.step("runs are compared on one chart over the time since each began", async () => {
    const page = await main("/experiments/compare?ids=1,2&ids=3&column=temperature");
    assert.equal(page.match(/<path d="M[^"]*" fill="none" stroke="var\(--s[12]\)"/g)?.length, 2);
    shows(page, /1 Growth of MG1655/);
    shows(page, /stroke-dasharray/);
    shows(page, /Without “temperature”: 3 Only words/);
    shows(page, /<option value="co2_ppm"/);
    const table = await main("/experiments/compare?ids=1,2&column=co2_ppm&view=table");
    shows(table, /<th[^>]*>2 Growth of BW25113 \(ppm\)/);
    shows(table, /<td[^>]*>610/);
    shows(await main("/experiments/compare?ids=3"), /there is nothing to draw/);
    shows(await main("/experiments/compare?ids=1,77"), /There is no experiment 77/);
  });

  await t.step("a note stands in the list and on the time axis of the chart", async () => {
    const path = `/experiments/${first.id}`;
    // The chart begins at the first row, and so do the form's minutes.
    const [, zero = ""] = /name="zero" value="(\d+)"/.exec(await main(path))!;
    const note = { action: "annotate", text: "inoculated", minutes: "0", zero };
    const noted = await post(instrument, path, note);
    assert.deepEqual([noted.status, noted.location], [303, `${path}#notes`]);
    shows(await main(path), /<text[^>]*>inoculated<\/text>/);
    await post(instrument, path, { action: "annotate", text: "a <b>bubble</b>" });
    shows(await main(path), /a &lt;b>bubble&lt;\/b>/);
    const list = await experiments.annotations(first.id);
    assert.deepEqual(list.map(({ text, atMs }) => [text, atMs === Number(zero)]), [
      ["inoculated", true],
      ["a <b>bubble</b>", false],
    ]);
    const wrongs: Record<string, string>[] = [
      { text: " " },
      { text: "x".repeat(501) },
      { text: "when?", minutes: "soon", zero },
      { text: "tomorrow", minutes: "1440", zero },
    ];
    for (const wrong of wrongs) {
      const { status } = await post(instrument, path, { action: "annotate", ...wrong });
      assert.equal(status, 422, JSON.stringify(wrong).slice(0, 60));
    }
    assert.equal((await experiments.annotations(first.id)).length, 2);
  });

  await t.step("what a script declares is asked for, with errors beside the fields", async () => {
    const filled = {
      script: DECLARING,
      kind: "typescript",
      parametersShown: "temperature,cycles,strain,dilute",
      "parameter.temperature": "50",
      "parameter.cycles": "",
      "parameter.strain": "MG1655",
      "end.led.power": "12",
      "hold.stirrer": "safe",
      memoryMb: "256",
    };
    const refused = await post(instrument, "/experiments/new", filled);
    assert.equal(refused.status, 422);
    const page = mainOf(refused.text);
    shows(page, /id="parameter-temperature"[^>]*aria-invalid="true"/);
    shows(page, /id="parameter-temperature-error"[^>]*>[^<]*45/);
    shows(page, /id="parameter-cycles-error"[^>]*>is needed/);
    shows(page, /id="parameter-temperature"[^>]*value="50"/);
    assert.doesNotMatch(page, /id="parameter-dilute"[^>]*checked/, "it was not ticked");
    shows(page, /name="end.led.power"[^>]*value="12"/);
    const right = { ...filled, "parameter.temperature": "30,5", "parameter.cycles": "3" };
    const count = (await experiments.list({ limit: 100 })).experiments.length;
    const checked = await post(instrument, "/experiments/new", { ...right, check: "1" });
    assert.equal(checked.status, 200);
    shows(mainOf(checked.text), /Checked, not submitted/);
    shows(mainOf(checked.text), /temperature = 30.5, cycles = 3/);
    assert.equal((await experiments.list({ limit: 100 })).experiments.length, count);
    const { id } = await submit("Declared", DECLARING, right);
    const made = (await experiments.get(id))!;
    assert.deepEqual(made.parameters, {
      temperature: 30.5,
      cycles: 3,
      strain: "MG1655",
      dilute: false,
    });
    assert.deepEqual([made.endState, made.holdState], [{ led: { power: 12 } }, {
      stirrer: "safe",
    }]);
    assert.equal(made.limits.memoryMb, 256);
    await experiments.whenEnded(id, 60_000);
    const again = await main(`/experiments/new?from=${made.number}`);
    shows(again, /id="parameter-temperature"[^>]*value="30.5"/);
    shows(again, /name="memoryMb"[^>]*value="256"/);
    shows(await main(`/experiments/${made.number}`), /<dt>cycles<\/dt><dd class="num">3<\/dd>/);
    const limit = await post(instrument, "/experiments/new", { ...right, memoryMb: "much" });
    shows(mainOf(limit.text), /“much” is not a whole number/);
    const end = await post(instrument, "/experiments/new", { ...right, "end.led.power": "700" });
    assert.equal(end.status, 422);
    shows(mainOf(end.text), /id="end-led-power"[^>]*aria-invalid="true"/);
  });

  await t.step(
    "the queue is reordered, paused and cancelled by forms, in the queue one saw",
    async () => {
      await devices.stop("system", "the queue stands still");
      const ids: string[] = [];
      for (const title of ["A", "B", "C"]) ids.push((await submit(title, BARE)).id);
      const [a, b, c] = ids as [string, string, string];
      const order = async () => (await experiments.queue()).map(({ title }) => title).join("");
      const page = await main("/experiments");
      shows(page, /Nothing is started: the instrument is stopped/);
      shows(page, /Move experiment \d+ up/);
      const version = String(experiments.queueVersion());
      const move = (id: string, position: string, version: string) =>
        post(instrument, `/experiments/${id}`, {
          action: "move",
          back: "queue",
          position,
          version,
        });
      const moved = await move(c, "1", version);
      assert.deepEqual([moved.status, moved.location], [303, "/experiments"]);
      assert.equal(await order(), "CAB");
      const stale = await move(b, "1", version);
      assert.deepEqual([stale.status, stale.location], [303, "/experiments?stale"]);
      assert.equal(await order(), "CAB");
      shows(await main("/experiments?stale"), /Somebody changed the queue meanwhile/);
      for (const position of ["0", "-1", "x", "1.5"]) {
        assert.equal((await move(a, position, version)).status, 422, position);
      }
      const act = (id: string, action: string) =>
        post(instrument, `/experiments/${id}`, { action, back: "queue" });
      assert.equal((await act(a, "pause")).location, "/experiments");
      shows(await main("/experiments"), /not while paused/);
      assert.equal((await act(b, "run-now")).status, 303);
      assert.equal(await order(), "BCA");
      for (const id of [a, b, c]) assert.equal((await act(id, "cancel")).status, 303);
      assert.equal(await order(), "");
      await devices.clearStop("system", "the test goes on");
    },
  );

  await t.step("the archive says what is gone, and forgets what somebody removes", async () => {
    shows(await main("/experiments/archive"), /kept until somebody removes them/);
    await Deno.remove(`${instrument.dir}/data/experiments/${second.id}`, { recursive: true });
    const page = await main("/experiments/archive?q=BW25113");
    shows(page, /its files were removed after their time/);
    assert.doesNotMatch(page, /archive\.zip/);
    shows(await main(`/experiments/${second.id}`), /Its files are gone/);
    const removed = await post(instrument, `/experiments/${second.id}`, { action: "remove" });
    assert.deepEqual([removed.status, removed.location], [303, "/experiments/archive"]);
    assert.equal(await experiments.get(second.id), null);
  });

  await t.step(
    "the dashboard's settings are kept, drawn and known to the original's route",
    async () => {
      const form = {
        channels: ["o2.o2", "stirrer.duty"],
        "colour.o2.o2": "7",
        interval: "0,5",
        "axis_min.o2.o2": "18,5",
        "axis_max.o2.o2": "21",
        "alarm_below.o2.o2": "15",
      };
      const kept = await post(instrument, "/settings/dashboard", form);
      assert.deepEqual([kept.status, kept.location], [303, "/settings#dashboard"]);
      const overview = await main("/");
      shows(overview, /aria-label="O₂, Stirrer, duty: /);
      shows(overview, /class="swatch c7"/);
      const settings = await main("/settings");
      shows(settings, /name="channels" value="o2\.o2" checked/);
      shows(settings, /name="interval"[^>]*value="0.5"/);
      const old = await (await instrument.ask("/api/settings/dashboard")).json();
      assert.equal(old.update_interval, 0.5);
      assert.deepEqual(old.channels, ["o2.o2", "stirrer.duty"]);
      assert.equal(old.display_components.co2_sensor, false);
      assert.deepEqual(old.limits, { "o2.o2": { axis_min: 18.5, axis_max: 21, alarm_below: 15 } });
      shows(settings, /name="axis_min.o2.o2"[^>]*value="18.5"/);
      const wrongs: [Record<string, string | string[]>, RegExp][] = [
        [{ ...form, channels: [] }, /Choose one to 8 channels: 0 are chosen/],
        [{ ...form, interval: "often" }, /“often” is not a number of seconds/],
        [{ ...form, interval: "0.1" }, /from 0.5 to 3600/],
        [{ ...form, "axis_max.o2.o2": "wide" }, /O₂[^<]*“wide” is not a number/],
        [{ ...form, "axis_max.o2.o2": "1" }, /its axis must begin \(axis_min\) below/],
      ];
      for (const [wrong, why] of wrongs) {
        const { status, text } = await post(instrument, "/settings/dashboard", wrong);
        assert.equal(status, 422);
        shows(mainOf(text), why);
      }
      await post(instrument, "/settings/dashboard", { reset: "1" });
      shows(await main("/"), /aria-label="OD [^"]*, Temperature, CO₂: /);
    },
  );

  await t.step("no address makes these pages fail, and none comes back as markup", async () => {
    const script = "%3Cscript%3Ealert(1)%3C/script%3E";
    for (
      const path of [
        `/experiments/mine?owner=${script}&state=${script}&q=${script}`,
        "/experiments/mine?cursor=-1&state=constructor&owner=__proto__",
        `/experiments/mine?q=${"a+".repeat(400)}`,
        "/experiments/mine?cursor=99999999999999999999",
        `/experiments/results?state=queued&q=%00${script}`,
        "/experiments/archive?state=running&cursor=0",
        `/experiments/compare?ids=${script},-1,1e9,99999999999&column=${script}`,
        "/experiments/compare?ids=1&column=__proto__&view=constructor",
        "/experiments?stale=1&mine=2",
      ]
    ) {
      const { status, text } = await textOf(instrument, path);
      assert([200, 400].includes(status), `${path.slice(0, 60)}: ${status}`);
      assert(!text.includes("<script>alert"), path.slice(0, 60));
    }
  });

  await t.step("none of it was a failure of the pages", () => {
    assert.deepEqual(instrument.complaints.filter((line) => line.includes("ERROR")), []);
  });
});

const PASSWORD = "correct horse battery";

Deno.test("pages about experiments offer what a role allows", async (t) => {
  await using instrument = await runInstrument({ HOLDFAST_AUTH_ENABLED: "true" });
  const { auth, devices, experiments } = instrument.instrument;
  await devices.stop("system", "only submitting");
  const cookies = new Map<string, string>();
  for (const [name, role] of [["ola", "observer"], ["ove", "operator"], ["ada", "admin"]]) {
    await auth.users.add({ name: name!, role: role as "observer", password: PASSWORD }, "system");
    const login = await post(instrument, "/api/v1/login", { name: name!, password: PASSWORD });
    cookies.set(name!, login.headers.get("set-cookie")!.split(";")[0]!);
  }
  const headersOf = (name: string) => ({ cookie: cookies.get(name)! });
  const page = async (name: string, path: string) =>
    mainOf((await textOf(instrument, path, { headers: headersOf(name) })).text);
  const submitted = await post(
    instrument,
    "/experiments/new",
    { script: BARE, kind: "typescript", title: "Ove's" },
    headersOf("ove"),
  );
  const path = submitted.location!;

  await t.step("an observer sees the queue, and no button of it", async () => {
    const board = await page("ola", "/experiments");
    shows(board, /Ove&#39;s|Ove's/);
    assert.doesNotMatch(board, /class="grip|name="action"|Submit an experiment/);
    assert.doesNotMatch(await page("ola", path), /name="action"/);
    const note = { action: "annotate", text: "seen" };
    assert.equal((await post(instrument, path, note, headersOf("ola"))).status, 403);
    const dashboard = await post(instrument, "/settings/dashboard", {}, headersOf("ola"));
    assert.equal(dashboard.status, 403);
    shows(await page("ola", "/settings"), /<fieldset class="dashboard-channels" disabled/);
  });

  await t.step("its owner and an admin are offered all of it", async () => {
    for (const name of ["ove", "ada"]) {
      const board = await page(name, "/experiments");
      for (const part of [/class="grip/, /value="move"/, /value="run-now"/, /value="cancel"/]) {
        shows(board, part, name);
      }
    }
    shows(await page("ada", "/experiments/mine?owner=ove&state=open"), /Ove&#39;s|Ove's/);
    shows(await page("ada", "/experiments/mine"), /You have submitted no experiment yet/);
    const [waiting] = await experiments.queue();
    assert.equal(waiting?.state, "queued");
  });
});
