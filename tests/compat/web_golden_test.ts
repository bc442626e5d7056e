import assert from "node:assert/strict";
import type { Alarm } from "../../lib/alarms/model.ts";
import { ManualClock } from "../../lib/clock.ts";
import { runs } from "../../lib/experiments/test_rig.ts";
import { type Faces, openFaces } from "./original_faces.ts";

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/;

function form(content: BlobPart, name = "mine.py", field = "file"): RequestInit {
  const body = new FormData();
  body.set(field, new File([content], name));
  return { method: "POST", body };
}

async function upload(faces: Faces, init: RequestInit): Promise<{ status: number; html: string }> {
  const reply = await faces.fetch("web", "/upload", init);
  assert.match(reply.headers.get("content-type") ?? "", /^text\/html/);
  return { status: reply.status, html: await reply.text() };
}

Deno.test("the old pages lead to ours, on every port", async () => {
  await using faces = await openFaces({ begin: false });
  for (const face of ["web", "hub", "node"] as const) {
    for (
      const [path, target] of [
        ["/upload", "/experiments/new"],
        ["/queue", "/experiments"],
        ["/my-experiments", "/experiments?mine=1"],
        ["/dashboard", "/"],
        ["/experiment/01ABC", "/experiments/01ABC"],
        ["/experiment/..%2f..%2fx", "/experiments/..%2F..%2Fx"],
        ["/experiment/%2f%2fevil.example", "/experiments/%2F%2Fevil.example"],
      ] as const
    ) {
      const reply = await faces.fetch(face, path);
      assert.deepEqual([reply.status, reply.headers.get("location")], [302, target], path);
    }
  }
});

runs(
  "an upload answers with its id and place, and what is wrong with it, always as a page",
  async () => {
    await using faces = await openFaces({ begin: false });
    const first = await upload(faces, form("print(1)\n"));
    const [waiting] = await faces.rig.experiments.queue();
    assert.equal(first.status, 200);
    assert.match(first.html, new RegExp(`<code id="experiment_id">${waiting!.id}</code>`));
    assert.match(first.html, /<span id="queue_position">1<\/span>/);
    assert.match((await upload(faces, form("print(2)\n"))).html, /id="queue_position">2</);
    assert.equal(await faces.rig.experiments.script(waiting!), "print(1)\n");

    const wrong: [RequestInit, RegExp][] = [
      [form("print(1)", "mine.txt"), /Only Python files \(\.py\) are taken here/],
      [form("print(1)", "mine.py", "script"), /no file in its field/],
      [form(new Uint8Array([0x70, 0xff, 0xfe]), "mine.py"), /not UTF-8 text/],
      [form("if x\n"), /Line 1: expected/],
      [form("  \n"), /The script is empty/],
      [form("x = 1\n" + "#".repeat(1_100_000)), /the limit is 1024 KiB/],
      [{ method: "POST", body: "file=x" }, /not a form with a file/],
    ];
    for (const [init, message] of wrong) {
      const { status, html } = await upload(faces, init);
      assert.equal(status, 200);
      assert.match(html, message);
      assert.doesNotMatch(html, /experiment_id/);
    }
    assert.equal((await faces.rig.experiments.queue()).length, 2);
  },
);

runs("nothing that was uploaded becomes part of the page, nor of a path", async () => {
  await using faces = await openFaces({ begin: false });
  const { html } = await upload(faces, form("print(1)\n", "../../<script>alert(1)</script>.py"));
  assert.doesNotMatch(html, /alert\(1\)|<script/);
  assert.match(html, /Vessel &#60;A&#62;/);
  const bad = await upload(faces, form("<img src=x onerror=alert(1)>\n"));
  assert.doesNotMatch(bad.html, /<img/);
  // A single character that a page could not carry either.
  assert.match((await upload(faces, form("print('\0')\n"))).html, /Error: /);
});

runs(
  "the sixth active experiment of one owner is an error text, and its cookie's owner has five",
  async () => {
    await using faces = await openFaces({ begin: false });
    for (let n = 0; n < 5; n++) await upload(faces, form("print(1)\n"));
    assert.match((await upload(faces, form("print(1)\n"))).html, /Error: .*the limit is 5/);
    assert.equal(
      (await faces.ask("web", "GET", "/api/experiments/user")).body.experiments.length,
      5,
    );
  },
);

runs(
  "buttons answer 200 whatever happens on the web's port, and with the hub's codes on the others",
  async () => {
    await using faces = await openFaces({ begin: false });
    const { ask, rig } = faces;
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      const { body } = await ask("web", "POST", "/api/experiments/start", {
        body: { script_content: "print(1)" },
      });
      ids.push(body.experiment_id);
    }
    const [one, two, three] = ids as [string, string, string];
    const press = (path: string) => ask("web", "POST", `/api/experiments/${path}`);
    const order = async () => (await rig.experiments.queue()).map(({ id }) => id);
    const exchanges: [string, boolean, string][] = [
      [`${two}/pause`, true, "Experiment paused"],
      [`${two}/pause`, false, ""],
      [`${two}/resume`, true, "Experiment resumed"],
      [`${three}/reorder?new_position=0`, true, "Experiment moved to position 0"],
      [`${two}/run-now`, true, "Experiment moved to the front of the queue"],
      [`${one}/cancel`, true, "Experiment cancelled"],
      [`${one}/cancel`, false, ""],
      ["nothing/cancel", false, "Experiment not found"],
      ["nothing/reorder?new_position=1", false, "Experiment not found"],
    ];
    for (const [path, success, message] of exchanges) {
      const reply = await press(path);
      assert.equal(reply.status, 200, path);
      assert.deepEqual(Object.keys(reply.body), ["success", "message"], path);
      assert.equal(reply.body.success, success, path);
      if (message !== "") assert.equal(reply.body.message, message);
      else assert.notEqual(reply.body.message, "");
    }
    assert.deepEqual(await order(), [two, three]);
    const absent = await press(`${two}/reorder`);
    assert.deepEqual([absent.status, absent.body.detail[0].loc], [422, ["query", "new_position"]]);
    for (const face of ["hub", "node"] as const) {
      assert.equal((await ask(face, "POST", `/api/experiments/${one}/cancel`)).status, 400, face);
      assert.equal((await ask(face, "POST", "/api/experiments/nothing/cancel")).status, 404, face);
    }
  },
);

runs("where people log in, another's experiment is not changed by the old buttons", async () => {
  await using faces = await openFaces({ begin: false, role: "operator" });
  const { body } = await faces.ask("web", "POST", "/api/experiments/start", {
    session: "anna",
    body: { script_content: "print(1)" },
  });
  for (const verb of ["cancel", "pause", "run-now", "reorder?new_position=0"]) {
    const reply = await faces.ask("web", "POST", `/api/experiments/${body.experiment_id}/${verb}`, {
      session: "bo",
    });
    assert.deepEqual(reply, {
      status: 200,
      body: {
        success: false,
        message: "Only its owner or an admin can change this experiment",
      },
    }, verb);
  }
});

Deno.test("live data of an idle instrument is what the sensors say and the settings show", async () => {
  await using faces = await openFaces({ begin: false });
  const { ask } = faces;
  const { status, body } = await ask("web", "GET", "/api/live-data");
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), [
    "timestamp",
    "co2_ppm",
    "temperature",
    "photodiodes",
    "peltier_current",
    "status",
    "source",
  ]);
  assert.match(body.timestamp, STAMP);
  assert.deepEqual([body.status, body.source], ["success", "hardware"]);
  assert.equal(typeof body.temperature, "number");
  assert.equal(body.photodiodes.length, 3);
  assert.ok(body.photodiodes.every((one: unknown) => typeof one === "number"));
  await ask("web", "POST", "/api/settings/dashboard", {
    body: { display_components: { co2_sensor: false, photodiodes: false } },
  });
  assert.deepEqual(Object.keys((await ask("hub", "GET", "/api/live-data")).body), [
    "timestamp",
    "temperature",
    "peltier_current",
    "status",
    "source",
  ]);
});

Deno.test("live data of a sensor that is not there is null, and says so when there is none at all", async () => {
  const without = ["co2_sensor", "temp_sensor", "optical_density", "peltier_current"];
  await using faces = await openFaces({ begin: false, without });
  const { body } = await faces.ask("web", "GET", "/api/live-data");
  assert.deepEqual({ ...body, timestamp: null }, {
    timestamp: null,
    co2_ppm: null,
    temperature: null,
    photodiodes: [],
    peltier_current: null,
    status: "error",
    source: "hardware",
  });
});

runs(
  "live data of a run is the last whole row of its CSV, in every dialect, null for what is no number",
  async () => {
    await using faces = await openFaces();
    const { ask, rig } = faces;
    const live = async () => (await ask("web", "GET", "/api/live-data")).body;
    const script = `
import os, sys, time
f = open(os.path.join(os.environ["OUTPUT_DIR"], "experiment_data.csv"), "w", newline="")
def step(text):
    f.write(text); f.flush(); print("wrote", flush=True)
    while not os.path.exists(os.path.join(os.environ["OUTPUT_DIR"], "go")): time.sleep(0.01)
    os.remove(os.path.join(os.environ["OUTPUT_DIR"], "go"))
step("timestamp,co2_ppm,temperature,od_voltages,peltier_direction,extra\\r\\n")
step('2026-01-25T20:35:11.103915,633.0,,"[0.12, None, 0.18]",forward,9\\r\\n')
step('2026-01-25T20:35:12.250Z,nan,25.5,"[nan, 1]",reverse,9\\r\\n2026-01-25T20:35:1')
`;
    const started = await ask("hub", "POST", "/api/experiments/start", {
      body: { script_content: script },
    });
    const id = started.body.experiment_id;
    const goesOn = async (writes: number) => {
      const end = new AbortController();
      let seen = "";
      for await (const piece of rig.experiments.logStream(id, end.signal)) {
        seen += piece.text;
        if (seen.split("wrote").length > writes) return;
      }
    };
    const next = () => Deno.writeTextFile(`${rig.dir}/experiments/${id}/output/go`, "");
    await goesOn(1);
    assert.equal((await live()).source, "hardware", "a header is no row");
    await next();
    await goesOn(2);
    assert.deepEqual(await live(), {
      timestamp: "2026-01-25T20:35:11.103915",
      co2_ppm: 633,
      temperature: null,
      stirrer_duty: null,
      peltier_duty: null,
      ring_light_r: null,
      ring_light_g: null,
      ring_light_b: null,
      peltier_current: null,
      od_voltages: [0.12, null, 0.18],
      eyespy_voltages: null,
      photodiodes: null,
      vial_temperatures: null,
      io_temperatures: null,
      temperatures: null,
      peltier_direction: "forward",
      status: "success",
      source: "csv",
    });
    await next();
    await goesOn(3);
    const { timestamp, co2_ppm, temperature, od_voltages } = await live();
    assert.deepEqual(
      [timestamp, co2_ppm, temperature, od_voltages],
      ["2026-01-25T20:35:12.250000", null, 25.5, [null, 1]],
      "the line that is being written does not count",
    );
    await next();
    await rig.ended(id);
    assert.equal((await live()).source, "hardware");
  },
);

Deno.test("dashboard settings are kept, checked, and every change of them is an event", async () => {
  await using faces = await openFaces({ begin: false });
  const { ask, rig } = faces;
  const defaults = {
    display_components: {
      co2_sensor: true,
      temperature: true,
      photodiodes: true,
      peltier_current: true,
    },
    update_interval: 5,
    csv_file_path: "",
  };
  const get = () => ask("web", "GET", "/api/settings/dashboard");
  const post = (body: unknown) => ask("web", "POST", "/api/settings/dashboard", { body });
  assert.deepEqual(await get(), { status: 200, body: defaults });
  assert.deepEqual(await post({ ...defaults, update_interval: 0.5 }), {
    status: 200,
    body: { status: "success", message: "Settings saved" },
  });
  assert.deepEqual((await get()).body, { ...defaults, update_interval: 0.5 });
  const seq = rig.kv.seq;
  for (
    const [body, message] of [
      [{ update_interval: 0.4 }, /update_interval/],
      [{ update_interval: 3601 }, /update_interval/],
      [{ update_interval: "2" }, /update_interval/],
      [{ display_components: { camera: true } }, /"camera" is none of co2_sensor/],
      [{ display_components: { temperature: "yes" } }, /display_components\.temperature/],
      [{ colour: "red" }, /"colour" is none of display_components/],
      [[], /object/],
      [null, /object/],
    ] as const
  ) {
    const reply = await post(body);
    assert.deepEqual([reply.status, reply.body.status], [200, "error"], JSON.stringify(body));
    assert.match(reply.body.message, message);
  }
  const raw = await faces.fetch("web", "/api/settings/dashboard", { method: "POST", body: "{" });
  assert.deepEqual(await raw.json(), { status: "error", message: "The body is not valid JSON" });
  assert.equal(rig.kv.seq, seq, "what was refused changed nothing");
  assert.deepEqual((await get()).body, { ...defaults, update_interval: 0.5 });
  await post({ update_interval: 0.5 });
  assert.equal(rig.kv.seq, seq, "nor did what changed nothing");
});

/** Messages of a stream as they come, comments and the opening left out. */
async function* messages(reply: Response) {
  let text = "";
  for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const block = text.slice(0, end);
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1] ?? null;
      const id = field("id");
      yield {
        event: block.startsWith(":") ? block : field("event") ?? "open",
        id: id === null ? null : Number(id),
        data: JSON.parse(field("data") ?? "null"),
      };
    }
  }
}

const ALARM: Alarm = {
  v: 1,
  id: "stale:temp",
  severity: "warning",
  subject: "temp",
  title: "Temperature is stale",
  text: "x",
  raisedAtMs: 1,
  clearedAtMs: null,
  acknowledgedBy: null,
  acknowledgedAtMs: null,
};

Deno.test("as a stream, live data tells the whole state, then readings, states and alerts as they come", async () => {
  const clock = new ManualClock();
  await using faces = await openFaces({ begin: false, clock });
  const open = async (last?: number) =>
    messages(
      await faces.fetch("web", "/api/live-data", {
        headers: {
          accept: "text/event-stream",
          ...(last === undefined ? {} : { "last-event-id": String(last) }),
        },
      }),
    );
  const stream = await open();
  const take = async (from: typeof stream) => (await from.next()).value!;
  const first = await take(stream);
  assert.equal(first.event, "open");
  const kinds: string[] = [];
  for (let message; (message = await take(stream)).event !== "queue";) {
    assert.equal(message.id, null);
    assert.equal(typeof message.data.component, "string");
    kinds.push(message.event);
  }
  assert.deepEqual([...new Set(kinds)], ["reading", "state"]);

  await faces.command("led", "set", { power: 40 });
  const state = await take(stream);
  assert.deepEqual(
    [state.event, state.data.component, state.data.power, state.id],
    ["state", "led", 40, first.id! + 1],
  );
  faces.alarm(ALARM);
  const alert = await take(stream);
  assert.deepEqual([alert.event, alert.data], ["alert", ALARM]);

  // However often the sensors are read, one is told of once an interval.
  await faces.ask("web", "POST", "/api/settings/dashboard", { body: { update_interval: 2 } });
  for (let n = 0; n < 10; n++) await faces.sample();
  clock.advance(2000);
  const components: string[] = [];
  let message = await take(stream);
  for (; message.data.component !== "peltier_current"; message = await take(stream)) {
    assert.equal(message.event, "reading");
    components.push(message.data.component);
  }
  assert.equal(new Set(components).size, components.length);
  assert.match(message.data.timestamp, STAMP);
  clock.advance(15_000);
  assert.equal((await take(stream)).event, ": ping");

  // Whoever comes back is told what it missed, in order and once.
  const returned = await open(first.id!);
  assert.deepEqual(await take(returned), { event: "open", id: first.id, data: null });
  assert.deepEqual(await take(returned), state);
  assert.deepEqual(await take(returned), alert);
  assert.equal((await take(returned)).event, "reading");
  // And one whose place is no longer known, the whole state.
  const stranger = await open(5);
  await take(stranger);
  assert.deepEqual((await take(stranger)).id, null);
  const refused = await faces.fetch("web", "/api/live-data", {
    headers: { accept: "text/event-stream" },
  });
  assert.equal(refused.status, 503, "more viewers than the instrument serves");
  await refused.body?.cancel();
  faces.compat.feed.disconnect((actor) => actor.startsWith("session"));
  for (const one of [stream, returned, stranger]) await one.return(undefined);
});

runs("the stream tells the queue and the log of the run", async () => {
  await using faces = await openFaces();
  const reply = await faces.fetch("web", "/api/live-data", {
    headers: { accept: "text/event-stream" },
  });
  const stream = messages(reply);
  const { body } = await faces.ask("hub", "POST", "/api/experiments/start", {
    // It stays until it was seen to run.
    body: {
      script_content: "import time\nprint('hello from the run', flush=True)\ntime.sleep(60)",
    },
  });
  let log = "";
  let ran = false;
  for await (const { event, data } of stream) {
    if (event === "log") {
      assert.equal(data.experiment_id, body.experiment_id);
      log += data.text;
    }
    if (event === "queue") ran ||= data.total_running === 1;
    if (ran && log.includes("hello from the run")) break;
  }
  assert.equal(log, "hello from the run\n");
});
