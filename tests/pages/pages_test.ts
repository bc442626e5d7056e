import assert from "node:assert/strict";
import { runInstrument, type RunningInstrument } from "../running_instrument.ts";
import { mainOf, post, shows, textOf } from "./page_forms.ts";

/** What a run of a few milliseconds leaves behind: a log, numbers, a file. */
const SHORT_RUN = `
const out = Deno.env.get("OUTPUT_DIR");
Deno.writeTextFileSync(out + "/experiment_data.csv",
  "timestamp,temperature,co2_ppm\\r\\n" +
  "2026-11-21T08:00:00Z,24.5,600\\r\\n2026-11-21T08:00:10Z,25.5,610\\r\\n");
console.log("the first line");
console.log("<b>the last line</b>");
`;

async function submit(instrument: RunningInstrument, script: string, title: string) {
  const { experiments } = instrument.instrument;
  const { location, text } = await post(instrument, "/experiments/new", {
    script,
    title,
    kind: "typescript",
  });
  if (location === null) assert.fail(mainOf(text));
  const found = await experiments.get(location.split("/").at(-1)!);
  return found ?? assert.fail(`"${title}" was not submitted`);
}

Deno.test("pages on a simulated instrument, as a browser without scripts has them", async (t) => {
  await using instrument = await runInstrument();
  const { devices, experiments, alarms, locks, events } = instrument.instrument;
  await firstReadings(instrument);

  await t.step(
    "pages without anything on them say what would be here and how to begin",
    async () => {
      shows(mainOf((await textOf(instrument, "/experiments")).text), /Submit the first one/);
      shows(mainOf((await textOf(instrument, "/alarms")).text), /No alarm stands/);
      shows(mainOf((await textOf(instrument, "/")).text), /Start a demo experiment/);
      const none = await textOf(instrument, "/events?subject=nobody");
      shows(mainOf(none.text), /Nothing like that has happened yet/);
    },
  );

  await t.step("a script is submitted as text and as a file, and runs", async () => {
    const asText = await submit(instrument, SHORT_RUN, "As text");
    await experiments.whenEnded(asText.id, 30_000);
    assert.equal((await experiments.get(asText.id))?.state, "completed");
    const form = new FormData();
    form.set("file", new File([SHORT_RUN], "as_file.ts"));
    form.set("script", "this text does not count");
    form.set("wallMinutes", "2,5");
    form.set("end.stirrer.duty", "20");
    const { status, location } = await textOf(instrument, "/experiments/new", {
      method: "POST",
      body: form,
    });
    assert.equal(status, 303);
    const asFile = await experiments.get(location!.split("/").at(-1)!);
    assert.equal(asFile?.title, "as_file.ts");
    assert.equal(asFile?.limits.wallMs, 150_000);
    assert.deepEqual(asFile?.endState, { stirrer: { duty: 20 } });
    await experiments.whenEnded(asFile!.id, 30_000);
  });

  await t.step("every page is there with its content", async () => {
    const pages: [string, ...RegExp[]][] = [
      ["/", /Optical density/, /<b class="num">2\d\.\d\d<\/b> °C/, /As text/, /<path d="M/],
      ["/devices", /Heater current/, /sim-i2c/, /nobody/],
      ["/devices/stirrer", /Set duty/, /name="duty"/, /0 to 100/, /after 1 min without/],
      ["/devices/optical-density", /OD 90°/, /ADS1115/],
      ["/devices/ring-light", /name="pixel"/, /Set every pixel: for programs/],
      ["/experiments", /As text/, /completed/, /archive\.zip/],
      ["/experiments/1", /the first line/, /&lt;b>the last line/, /experiment_data\.csv/, /25\.5/],
      ["/experiments/new", /name="script"/, /sample=demo\.py/],
      ["/experiments/new?sample=demo.ts", /changeStirrer/],
      ["/experiments/new?from=1", /the first line/, /value="As text"/],
      ["/events", /experiment 1/, /Filter/],
      ["/events?type=experiment.", /starting to running/],
      ["/alarms", /Alarms/],
      ["/settings", /Dark-room/, /Issue token/, /Add fault/, /Effective configuration/],
      ["/login", /Nobody needs to log in here/],
      ["/problems", /device-held/],
      ["/problems/device-held", /What to do/],
    ];
    for (const [path, ...wanted] of pages) {
      const { status, text } = await textOf(instrument, path);
      assert.equal(status, 200, path);
      for (const pattern of wanted) shows(mainOf(text), pattern, path);
      shows(text, /<form[^>]*action="\/api\/v1\/stop"[^>]*><button class="stop"/, path);
      assert.doesNotMatch(text, / style="/, `${path}: the policy refuses styles in attributes`);
      assert.doesNotMatch(mainOf(text), /\bNaN\b|\[object|undefined</, path);
    }
  });

  await t.step("what no page is called is not found", async () => {
    for (
      const path of ["/nothing", "/devices/nothing", "/experiments/99", "/problems/nothing"]
    ) {
      const { status, text } = await textOf(instrument, path);
      assert.equal(status, 404, path);
      shows(mainOf(text), /Overview/, path);
    }
  });

  await t.step("no address makes a page fail, and none comes back as markup", async () => {
    const hostile = [
      "/?window=99y&channels=%00,../..,x.y&from=-1&to=1e309",
      "/?channels=" + "stirrer.duty,".repeat(200),
      "/?from=9999999999999999999&to=abc",
      "/?from=2026-02-30T00:00:00Z&to=%F0%9F%92%A9",
      "/?window=%3Cscript%3Ealert(1)%3C/script%3E",
      "/devices/%00",
      "/devices/__proto__",
      "/devices/stirrer?window=constructor&channels=toString.valueOf",
      "/experiments?cursor=-5",
      "/experiments?cursor=99999999999999999999",
      "/experiments?mine=%00",
      "/experiments/0",
      "/experiments/%2e%2e%2f",
      "/experiments/99999999999999999999999",
      "/experiments/1?columns=%3Cscript%3E,__proto__",
      "/experiments/new?sample=../../etc/passwd",
      "/experiments/new?from=9999999999",
      "/events?type=%3Cscript%3E&before=x",
      "/events?before=0",
      "/events?subject=" + "a".repeat(5000),
      "/events?subject=%3Cscript%3Ealert(1)%3C/script%3E",
      "/events?type=" + "a.".repeat(100),
      "/login?next=javascript:alert(1)&failed=%3Cscript%3E",
      "/login?next=//evil.example",
      "/problems/..%2f..%2fdeno.json",
    ];
    for (const path of hostile) {
      const { status, text } = await textOf(instrument, path);
      assert([200, 400, 404].includes(status), `${path.slice(0, 80)}: ${status}`);
      assert(!text.includes("<script>alert"), path.slice(0, 80));
      assert(!/href="(javascript:|\/\/evil)/.test(text), path);
    }
    for (const zone of ["Mars/Base", "%E0%A4%A", "../../etc", "a".repeat(4000)]) {
      const { status } = await textOf(instrument, "/", { headers: { cookie: `zone=${zone}` } });
      assert.equal(status, 200, zone.slice(0, 20));
    }
  });

  await t.step("times are written in the zone of whoever reads", async () => {
    const at = async (zone: string) => {
      const { text } = await textOf(instrument, "/experiments/1", {
        headers: { cookie: `zone=${encodeURIComponent(zone)}` },
      });
      const [, iso, shown] = /<time dateTime="([^"]+)"[^>]*>([^<]+)<\/time>/i.exec(mainOf(text))!;
      return { iso: iso!, hour: Number(/ (\d\d):/.exec(shown!)![1]) };
    };
    const [utc, kolkata] = [await at("UTC"), await at("Asia/Tokyo")];
    assert.equal(utc.iso, kolkata.iso);
    assert.equal(new Date(utc.iso).getUTCHours(), utc.hour);
    assert.equal((utc.hour + 9) % 24, kolkata.hour);
  });

  await t.step("the address holds what a chart shows", async () => {
    const { text } = await textOf(instrument, "/?window=1h&channels=o2.o2");
    shows(mainOf(text), /Last hour/);
    shows(mainOf(text), /O₂ \(%\)/);
    const [from, to] = [Date.UTC(2026, 0, 2, 3, 4, 5), Date.UTC(2026, 0, 2, 4, 4, 5)];
    const range = await textOf(instrument, `/?from=${from}&to=${to}`, {
      headers: { cookie: "zone=UTC" },
    });
    shows(mainOf(range.text), /2 Jan( 2026)? 03:04:05 to 04:04:05/);
  });

  await t.step(
    "a device is driven by its form, and a wrong value comes back with the reason",
    async () => {
      // A browser says who it is: what it has taken by hand is its own.
      const [cookie] = (await textOf(instrument, "/devices")).headers.get("set-cookie")!.split(";");
      const browser = { cookie: cookie! };
      const done = await post(instrument, "/devices/stirrer", { op: "set", duty: "12,5" }, browser);
      assert.deepEqual([done.status, done.location], [303, "/devices/stirrer"]);
      assert.deepEqual(devices.view("stirrer")?.state.setpoint, { duty: 12.5 });
      const wrong = await post(instrument, "/devices/stirrer", { op: "set", duty: "400" }, browser);
      assert.equal(wrong.status, 422);
      shows(mainOf(wrong.text), /role="alert"/);
      shows(mainOf(wrong.text), /value="400"/);
      shows(mainOf(wrong.text), /aria-invalid="true"/);
      const unknown = await post(instrument, "/devices/stirrer", { op: "<explode>" }, browser);
      assert.equal(unknown.status, 422);
      shows(mainOf(unknown.text), /has no operation "&lt;explode>"|&quot;&lt;explode>/);
      assert.equal((await post(instrument, "/devices/nothing", { op: "set" })).status, 404);
      const back = { action: "release", device: "stirrer" };
      assert.equal((await post(instrument, "/locks", back, browser)).status, 303);
    },
  );

  await t.step("a held device says who holds it and cannot be pressed", async () => {
    await locks.grantAll({
      deviceIds: ["stirrer"],
      actor: "user:anna",
      label: "experiment 42",
      ttlMs: null,
    });
    const { text } = await textOf(instrument, "/devices/stirrer");
    shows(mainOf(text), /<button[^>]*disabled[^>]*>Set duty/);
    shows(mainOf(text), /held by <b>experiment 42<\/b>/);
    const refused = await post(instrument, "/devices/stirrer", { op: "set", duty: "20" });
    assert.equal(refused.status, 409);
    shows(mainOf(refused.text), /is held by experiment 42/);
    await locks.releaseAll("user:anna", "the test goes on");
  });

  await t.step(
    "a script with a mistake comes back with its line, and nothing typed is lost",
    async () => {
      const script = "const a = 1;\nconst b = ;\n";
      const refused = await post(instrument, "/experiments/new", {
        script,
        kind: "typescript",
        title: "Mine & <yours>",
      });
      assert.equal(refused.status, 422);
      const page = mainOf(refused.text);
      shows(page, /line 2/);
      shows(page, /class="wrong">2\n/);
      shows(page, /const b = ;/);
      shows(page, /value="Mine &amp; &lt;yours>"/);
      const minutes = await post(instrument, "/experiments/new", {
        script: "1",
        wallMinutes: "soon",
      });
      assert.equal(minutes.status, 422);
      shows(mainOf(minutes.text), /“soon” is not a number of minutes/);
      const empty = await post(instrument, "/experiments/new", { script: " \n" });
      assert.equal(empty.status, 422);
      shows(mainOf(empty.text), /The script is empty/);
    },
  );

  await t.step("the same form sent twice makes one experiment, a changed one another", async () => {
    const form = { key: "abc", script: SHORT_RUN, kind: "typescript", title: "Pressed twice" };
    const [first, second] = [
      await post(instrument, "/experiments/new", form),
      await post(instrument, "/experiments/new", form),
    ];
    assert.equal(first.status, 303);
    assert.equal(first.location, second.location);
    const changed = await post(instrument, "/experiments/new", { ...form, title: "Changed" });
    assert.notEqual(changed.location, first.location);
    for (const { location } of [first, changed]) {
      await experiments.whenEnded(location!.split("/").at(-1)!, 30_000);
    }
  });

  await t.step("STOP and starting again are forms that come back to their page", async () => {
    const headers = { referer: `${instrument.url}/devices/stirrer` };
    const stopped = await post(instrument, "/api/v1/stop", {}, headers);
    assert.deepEqual([stopped.status, stopped.location], [303, "/devices/stirrer"]);
    const { text } = await textOf(instrument, "/devices/stirrer");
    shows(mainOf(text), /The instrument is stopped/);
    shows(mainOf(text), /the instrument is stopped; start it again first/);
    const waits = await submit(instrument, SHORT_RUN, "Waits");
    shows(mainOf((await textOf(instrument, "/")).text), /Next in queue/);
    const page = `/experiments/${waits.number}`;
    for (const [action, state] of [["pause", "paused"], ["resume", "queued"]] as const) {
      assert.equal((await post(instrument, page, { action })).status, 303);
      assert.equal((await experiments.get(waits.id))?.state, state);
    }
    const cancelled = await post(instrument, page, { action: "cancel" });
    assert.deepEqual([cancelled.status, cancelled.location], [303, `/experiments/${waits.id}`]);
    assert.equal((await experiments.get(waits.id))?.state, "cancelled");
    assert.equal((await post(instrument, page, { action: "cancel" })).status, 409);
    assert.equal((await post(instrument, page, { action: "explode" })).status, 422);
    const again = await post(instrument, "/api/v1/stop/clear", { reason: "a test" }, headers);
    assert.equal(again.status, 303);
    assert.equal(devices.stopped(), null);
    assert.doesNotMatch(mainOf((await textOf(instrument, "/")).text), /The instrument is stopped/);
  });

  await t.step("an alarm is shown, acknowledged and remembered", async () => {
    await alarms.raise({
      id: "test:foam",
      severity: "critical",
      subject: "instrument",
      title: "Foam in the exhaust",
      text: "The filter is wet; change it",
    });
    shows(mainOf((await textOf(instrument, "/")).text), /Foam in the exhaust/);
    const done = await post(instrument, "/alarms", { acknowledge: "test:foam" });
    assert.deepEqual([done.status, done.location], [303, "/alarms"]);
    shows(mainOf((await textOf(instrument, "/alarms")).text), /Acknowledged, still there/);
    await alarms.clear("test:foam");
    shows(mainOf((await textOf(instrument, "/alarms")).text), /History/);
    const unknown = await post(instrument, "/alarms", { acknowledge: "no such alarm" });
    assert.equal(unknown.status, 303);
  });

  await t.step("a theme is kept in a cookie and shown by every page after", async () => {
    const { status, headers } = await post(instrument, "/settings/theme", { theme: "darkroom" });
    assert.equal(status, 303);
    const cookie = headers.get("set-cookie")!.split(";")[0]!;
    assert.equal(cookie, "theme=darkroom");
    const { text } = await textOf(instrument, "/events", { headers: { cookie } });
    assert.match(text, /<html[^>]*data-theme="darkroom"/);
    const odd = await post(instrument, "/settings/theme", { theme: '"><script>' });
    assert.match(odd.headers.get("set-cookie")!, /^theme=system;/);
  });

  await t.step("a token is shown once and can be revoked", async () => {
    const form = { name: "growth <logger>", role: "operator", scope: "devices" };
    const issued = await post(instrument, "/settings/tokens", form);
    assert.equal(issued.status, 200);
    const [token] = /hf_[A-Za-z0-9_-]+/.exec(mainOf(issued.text))!;
    shows(mainOf(issued.text), /growth &lt;logger>/);
    const page = mainOf((await textOf(instrument, "/settings")).text);
    assert(!page.includes(token));
    const [, revoke = ""] = /name="revoke" value="([^"]+)"/.exec(page)!;
    assert.equal((await post(instrument, "/settings/tokens", { revoke })).status, 303);
    assert.deepEqual(instrument.instrument.auth.tokens.list(), []);
    const nameless = await post(instrument, "/settings/tokens", { name: " ", role: "admin" });
    assert.equal(nameless.status, 422);
    shows(mainOf(nameless.text), /A token needs a name/);
  });

  await t.step("the simulator takes faults and another speed from its forms", async () => {
    const act = (fields: Record<string, string>) => post(instrument, "/settings/simulator", fields);
    const fault = { act: "add", device: "co2", kind: "stuck", seconds: "30" };
    assert.equal((await act(fault)).status, 303);
    shows(mainOf((await textOf(instrument, "/settings")).text), /repeats its last value/);
    assert.equal((await act({ act: "clear" })).status, 303);
    assert.equal((await act({ act: "scale", scale: "10" })).status, 303);
    assert.match(
      mainOf((await textOf(instrument, "/settings")).text),
      /<option value="10" selected>/,
    );
    assert.equal((await act({ act: "scale", scale: "1" })).status, 303);
    const wrongs: Record<string, string>[] = [
      { ...fault, kind: "explode" },
      { ...fault, device: "nothing" },
      { ...fault, device: "*" },
      { act: "scale", scale: "fast" },
      { act: "?" },
    ];
    for (const wrong of wrongs) {
      const { status, text } = await act(wrong);
      assert.equal(status, 422, JSON.stringify(wrong));
      shows(mainOf(text), /role="alert"/);
    }
  });

  await t.step("the event log is paged to its end and filtered", async () => {
    let path: string | undefined = "/events";
    let pages = 0;
    while (path !== undefined) {
      const { text } = await textOf(instrument, path);
      pages++;
      path = /href="(\/events\?before=\d+)"[^>]*>Older/.exec(mainOf(text))?.[1];
      assert(pages < 20, "the pages have no end");
    }
    const all = await events.read({ limit: 1000 });
    assert.equal(pages, Math.ceil(all.length / 100) + (all.length % 100 === 0 ? 1 : 0));
    const alone = mainOf((await textOf(instrument, "/events?type=alarm.&subject=instrument")).text);
    shows(alone, /Foam in the exhaust/);
    assert.doesNotMatch(alone, /starting to running/);
  });

  await t.step("none of it was a failure of the pages", () => {
    assert.deepEqual(instrument.complaints.filter((line) => line.includes("ERROR")), []);
  });
});

const PASSWORD = "correct horse battery";

Deno.test("pages offer what a role allows, and refuse the rest", async (t) => {
  await using instrument = await runInstrument({ HOLDFAST_AUTH_ENABLED: "true" });
  const { auth, devices, experiments } = instrument.instrument;
  await devices.stop("system", "only submitting");
  const cookies = new Map<string, string>();
  for (const [name, role] of [["ola", "observer"], ["ove", "operator"], ["pia", "operator"]]) {
    await auth.users.add({ name: name!, role: role as "observer", password: PASSWORD }, "system");
    const login = await post(instrument, "/api/v1/login", { name: name!, password: PASSWORD });
    cookies.set(name!, login.headers.get("set-cookie")!.split(";")[0]!);
  }
  const as = (name: string) => ({ headers: { cookie: cookies.get(name)! } });
  const page = async (name: string, path: string) =>
    mainOf((await textOf(instrument, path, as(name))).text);

  await t.step("an observer watches, and is told who can do more", async () => {
    assert.doesNotMatch(await page("ola", "/"), /Start a demo experiment|Start again/);
    const device = await page("ola", "/devices/stirrer");
    assert.doesNotMatch(device, /name="duty"/);
    shows(device, /An operator can drive this device/);
    shows(await page("ola", "/experiments/new"), /Submitting needs another role/);
    const settings = await page("ola", "/settings");
    shows(settings, /Log out/);
    assert.doesNotMatch(settings, /Issue token|Add user|Add fault|Effective configuration/);
  });

  await t.step("an operator drives, and is not shown what only admins may", async () => {
    shows(await page("ove", "/devices/stirrer"), /name="duty"/);
    const settings = await page("ove", "/settings");
    shows(settings, /Issue token/);
    assert.doesNotMatch(settings, /value="admin">admin<\/option>|Add user/);
  });

  await t.step("nobody ends an experiment of somebody else's", async () => {
    const form = { script: SHORT_RUN, kind: "typescript", title: "Ove's" };
    const { location } = await post(instrument, "/experiments/new", form, as("ove").headers);
    assert.doesNotMatch(await page("pia", location!), /name="action" value="(?!annotate)/);
    shows(await page("ove", location!), /name="action" value="cancel"/);
    const cancel = (name: string) =>
      post(instrument, location!, { action: "cancel" }, as(name).headers);
    assert.equal((await cancel("pia")).status, 403);
    assert.equal((await experiments.get(location!.split("/").at(-1)!))?.state, "queued");
    assert.equal((await cancel("ove")).status, 303);
  });

  await t.step("a stranger is asked to log in and learns nothing but the name", async () => {
    const { text } = await textOf(instrument, "/login?next=%2Fdevices");
    shows(mainOf(text), /name="next" value="\/devices"/);
    assert.match(text, /class="stop"/);
    assert.doesNotMatch(text, /idle|no alarms|islands_TopStatus|href="\/experiments"/);
    const wrong = await textOf(instrument, "/login?failed=wrong");
    shows(mainOf(wrong.text), /do not belong together/);
  });
});

/** Resolves once every sensor has given its first good reading. */
async function firstReadings({ instrument: { devices } }: RunningInstrument): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => {
    const sensors = devices.list().filter(({ capability }) => capability.kind === "sensor");
    const measured = sensors.every(({ readings }) =>
      readings.length > 0 && readings.every(({ quality }) => quality === "good")
    );
    if (sensors.length > 0 && measured) resolve();
  };
  const stop = devices.onReadings(look);
  look();
  await promise;
  stop();
}
