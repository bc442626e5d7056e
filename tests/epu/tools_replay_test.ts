import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ManualClock } from "../../lib/clock.ts";
import {
  generateWrites,
  MODES,
  openRecording,
  Recorder,
  replay,
  type ReplayAsk,
} from "../../lib/epu/tools/mod.ts";

const ORIGINALS = join(import.meta.dirname!, "../data/epu_recordings");

function scratch() {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-replay-"));
  return {
    watched: join(dir, "watched"),
    recording: join(dir, "recording"),
    target: join(dir, "target"),
    path: (name: string) => join(dir, name),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

/** Every file below `dir` with its content. */
function contents(dir: string): Record<string, string> {
  const paths = readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    paths.filter((path) => statSync(join(dir, path)).isFile()).map((path) => [
      path.replaceAll("\\", "/"),
      readFileSync(join(dir, path), "latin1"),
    ]),
  );
}

async function replayed(
  ask: Omit<ReplayAsk, "clock" | "recording" | "pace"> & { from: string; pace?: ReplayAsk["pace"] },
) {
  using recording = await openRecording(ask.from);
  const clock = new ManualClock();
  let ended = false;
  let lastStepMs = 0;
  const onStep: ReplayAsk["onStep"] = (step) => {
    // Verifying afterwards reads files, in which time the clock goes on.
    lastStepMs = clock.monotonicMs();
    ask.onStep?.(step);
  };
  const running = replay({ pace: MODES.exact, ...ask, onStep, recording, clock }).finally(() =>
    ended = true
  );
  running.catch(() => {});
  while (!ended) await clock.advance(60_000);
  return { report: await running, tookMs: lastStepMs };
}

/** A session written over time while it is recorded, by looks at everything between the writes. */
async function recordSession(at: ReturnType<typeof scratch>): Promise<void> {
  const clock = new ManualClock();
  mkdirSync(at.watched);
  writeFileSync(join(at.watched, "before.txt"), "was there\r\n");
  using recorder = new Recorder({
    dir: at.watched,
    out: at.recording,
    skipBinary: false,
    clock,
  });
  recorder.scan();
  const plan = {
    micrographs: 8,
    squares: 2,
    holesPerSquare: 25,
    areas: 2,
    previews: "pictures",
  } as const;
  let beforeMs = 0;
  for (const write of generateWrites(plan)) {
    await clock.advance(beforeMs === 0 ? 0 : Math.min(5000, Math.max(0, write.atMs - beforeMs)));
    beforeMs = write.atMs;
    const file = join(at.watched, write.path);
    mkdirSync(join(file, ".."), { recursive: true });
    const bytes = write.render();
    writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    recorder.look([file]);
    writeFileSync(file, bytes);
    recorder.look([file]);
  }
  rmSync(join(at.watched, "before.txt"));
  recorder.scan();
  recorder.end();
}

Deno.test("a recorded session replays to the same bytes, on a clock that nobody waits for", async () => {
  using at = scratch();
  await recordSession(at);
  const { report, tookMs } = await replayed({ from: at.recording, target: at.target });
  assert.deepEqual(report.wrong, []);
  assert.deepEqual(report.placeholders, []);
  assert.deepEqual(contents(at.target), contents(at.watched));
  assert(tookMs > 0);
});

Deno.test("with faults it ends the same, whatever the seed", async () => {
  using at = scratch();
  await recordSession(at);
  const expected = contents(at.watched);
  const faults: Record<string, number> = {};
  for (const faultSeed of [1, 2, 3]) {
    const target = at.path(`target${faultSeed}`);
    const { report } = await replayed({ from: at.recording, target, faultSeed });
    assert.deepEqual(report.wrong, []);
    assert.deepEqual(contents(target), expected);
    for (const [kind, count] of Object.entries(report.faults)) {
      faults[kind] = (faults[kind] ?? 0) + count;
    }
  }
  for (const [kind, count] of Object.entries(faults)) assert(count > 0, kind);
});

Deno.test("an addition keeps only what came; a longer rewrite of the same file is kept whole", async () => {
  using at = scratch();
  mkdirSync(at.watched);
  const events: string[] = [];
  using recorder = new Recorder({
    dir: at.watched,
    out: at.recording,
    skipBinary: true,
    clock: new ManualClock(),
    onEvent: ({ e, path }) => events.push(`${e} ${path}`),
  });
  const file = join(at.watched, "a.dm");
  writeFileSync(file, "one");
  recorder.scan();
  appendFileSync(file, " and two");
  recorder.scan();
  writeFileSync(file, "something longer");
  recorder.scan();
  renameSync(file, join(at.watched, "b.dm"));
  writeFileSync(join(at.watched, "big.mrc"), "");
  truncateSync(join(at.watched, "big.mrc"), 3_000_000_000);
  recorder.scan();
  recorder.end();
  assert.deepEqual(events, [
    "write a.dm",
    "append a.dm",
    "write a.dm",
    "write b.dm",
    "placeholder big.mrc",
    "delete a.dm",
  ]);
  const { report } = await replayed({ from: at.recording, target: at.target });
  assert.deepEqual(report.wrong, []);
  assert.deepEqual(report.placeholders, ["big.mrc"]);
  const big = statSync(join(at.target, "big.mrc"));
  assert.deepEqual([big.size, (big.blocks ?? 0) < 100], [3_000_000_000, true]);
  assert.equal(readFileSync(join(at.target, "b.dm"), "utf8"), "something longer");
});

Deno.test("a recording that was cut off at any byte keeps what it saw until then", async () => {
  using at = scratch();
  mkdirSync(at.watched);
  {
    using recorder = new Recorder({
      dir: at.watched,
      out: at.recording,
      skipBinary: true,
      clock: new ManualClock(),
    });
    for (const n of [1, 2, 3]) {
      writeFileSync(join(at.watched, `${n}.xml`), `<n>${n}</n>`);
      recorder.scan();
    }
  }
  const lines = join(at.recording, "recording.jsonl");
  const whole = readFileSync(lines);
  let before = -1;
  for (let length = whole.indexOf(10) + 1; length <= whole.length; length++) {
    writeFileSync(lines, whole.subarray(0, length));
    using recording = await openRecording(at.recording);
    assert(recording.steps.length >= before);
    before = recording.steps.length;
    for (const { act } of recording.steps) {
      if (act.kind === "write") recording.content(act.content);
    }
    assert.equal(recording.notes.length, 1);
  }
  assert.equal(before, 3);
});

Deno.test("damaged contents, foreign files and missing ones are unreadable, not wrong", async () => {
  using at = scratch();
  await recordSession(at);
  const bin = join(at.recording, "contents.bin");
  const bytes = readFileSync(bin);
  bytes[40]! ^= 255;
  writeFileSync(bin, bytes);
  await assert.rejects(replayed({ from: at.recording, target: at.target }), {
    name: "RecordingUnreadable",
  });
  writeFileSync(at.path("text"), "hello");
  writeFileSync(
    at.path("cut.tar.gz"),
    readFileSync(join(ORIGINALS, "true.tar.gz")).subarray(0, 900),
  );
  for (const name of ["text", "cut.tar.gz", "nothing", "watched"]) {
    await assert.rejects(openRecording(at.path(name)), { name: "RecordingUnreadable" }, name);
  }
});

Deno.test("only some paths, and only a part of the time, can be replayed", async () => {
  using at = scratch();
  await recordSession(at);
  const { report } = await replayed({
    from: at.recording,
    target: at.target,
    only: ["**/Metadata/*.dm", "**/EpuSession.dm"],
  });
  assert.deepEqual(report.wrong, []);
  const names = Object.keys(contents(at.target)).map((path) => path.replace(/^[^/]*\//, ""));
  assert.equal(names.filter((name) => name.startsWith("Metadata/")).length, 2);
  assert.equal(names.length, 3);
  using recording = await openRecording(at.recording);
  const middleMs = recording.steps.at(-1)!.offsetMs / 2;
  const half = await replayed({ from: at.recording, target: at.path("half"), untilMs: middleMs });
  assert.deepEqual(half.report.wrong, []);
  assert(Object.keys(contents(at.path("half"))).length < Object.keys(contents(at.watched)).length);
  assert("before.txt" in contents(at.path("half")));
  const late = await replayed({ from: at.recording, target: at.path("late"), fromMs: middleMs });
  assert.deepEqual(contents(at.path("late")), contents(at.watched));
  assert(late.tookMs < (await replayed({ from: at.recording, target: at.path("all") })).tookMs);
});

Deno.test("a replay told to end says so, and one into a folder with files in it is refused", async () => {
  using at = scratch();
  await recordSession(at);
  const controller = new AbortController();
  let steps = 0;
  const { report } = await replayed({
    from: at.recording,
    target: at.target,
    signal: controller.signal,
    onStep: () => ++steps === 20 && controller.abort(),
  });
  assert.deepEqual([report.steps, report.isCutShort, report.wrong], [20, true, null]);
  await assert.rejects(replayed({ from: at.recording, target: at.target }), {
    name: "FolderNotEmpty",
  });
});

Deno.test("the recording may not lie in what it records, nor replace one", () => {
  using at = scratch();
  mkdirSync(at.watched);
  symlinkSync(at.watched, at.path("link"));
  const open = (out: string) =>
    new Recorder({ dir: at.watched, out, skipBinary: true, clock: new ManualClock() });
  assert.throws(() => open(join(at.watched, "in")), { name: "RecordingPlace" });
  assert.throws(() => open(join(at.path("link"), "in")), { name: "RecordingPlace" });
  open(at.recording)[Symbol.dispose]();
  assert.throws(() => open(at.recording), { name: "RecordingPlace" });
});

Deno.test("recordings of the original player replay, with Windows' line ends as they were", async () => {
  using at = scratch();
  for (const name of ["true.tar.gz", "old.json"]) {
    const target = at.path(name);
    const { report } = await replayed({ from: join(ORIGINALS, name), target });
    assert.deepEqual([report.wrong, report.damaged], [[], []]);
    assert.deepEqual([...report.placeholders].sort(), ["Data/odd.unknown", "Data/x.jpg"]);
    const files = contents(target);
    assert.equal(files["Metadata/GridSquare_1.dm"], "<B>\r\n</B>\r\n");
    assert.equal(files["log.txt"], "first\nsecond\n");
    assert.equal(files["EpuSession.dm"], "<A>two</A>");
    assert.equal(files["Images-Disc1/b.xml"], "<a/>");
    assert.equal(files["Data/x.jpg"]?.length, 200);
    assert.equal("gone.xml" in files, false);
    assert.equal(files["big.xml"]?.length, name === "old.json" ? undefined : 1_100_011);
  }
});

Deno.test("what the original recorder lost is found by the digest it kept", async () => {
  using at = scratch();
  const { report } = await replayed({ from: join(ORIGINALS, "lossy.tar.gz"), target: at.target });
  assert.deepEqual(report.wrong, ['"EpuSession.dm" has another content than was recorded']);
});

/** A tar of one entry, ustar. */
function tarOf(name: string, text: string, { kind = "0", link = "" } = {}): Uint8Array {
  const header = new Uint8Array(512);
  const put = (at: number, value: string) => header.set(new TextEncoder().encode(value), at);
  put(0, name);
  put(124, text.length.toString(8).padStart(11, "0"));
  put(148, "        ");
  put(156, kind);
  put(157, link);
  put(257, "ustar\u000000");
  put(148, header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0") + "\0 ");
  const body = new Uint8Array(Math.ceil(text.length / 512) * 512 + 1024);
  body.set(new TextEncoder().encode(text));
  return gzipSync(Uint8Array.from([...header, ...body]));
}

Deno.test("archives with links, and events that leave the folder, are refused before anything is written", async () => {
  using at = scratch();
  const recording = (event: Record<string, unknown>) =>
    JSON.stringify({
      metadata: { watch_dir: "x", recorded_at: "2026-01-01T00:00:00" },
      events: [{ timestamp: 1, event_type: "created", content: "x", ...event }],
    });
  const cases: [string, Uint8Array | string, string][] = [
    ["up.json", recording({ src_path: "../evil" }), "UnsafePath"],
    ["absolute.json", recording({ src_path: "/etc/evil" }), "UnsafePath"],
    ["drive.json", recording({ src_path: "C:\\evil" }), "UnsafePath"],
    ["windows.json", recording({ src_path: "a\\..\\..\\evil" }), "UnsafePath"],
    [
      "move.json",
      recording({ src_path: "a", event_type: "moved", dest_path: "../evil" }),
      "UnsafePath",
    ],
    [
      "huge.json",
      recording({ src_path: "a.mrc", size: 2 ** 50, content: null }),
      "RecordingUnreadable",
    ],
    [
      "link.tar.gz",
      tarOf("recording.json", "", { kind: "2", link: "/etc/passwd" }),
      "RecordingUnreadable",
    ],
    ["none.tar.gz", tarOf("other.json", "{}"), "RecordingUnreadable"],
    ["nonsense.tar.gz", tarOf("recording.json", '{"events":1}'), "RecordingUnreadable"],
  ];
  for (const [name, bytes, error] of cases) {
    writeFileSync(at.path(name), bytes);
    await assert.rejects(openRecording(at.path(name)), { name: error }, name);
  }
  writeFileSync(at.path("fine.tar.gz"), tarOf("./recording.json", recording({ src_path: "a/b" })));
  const { report } = await replayed({ from: at.path("fine.tar.gz"), target: at.target });
  assert.deepEqual(report.wrong, []);
  assert.deepEqual(contents(at.target), { "a/b": "x" });
});

Deno.test("a link that someone puts into the target is not followed", async () => {
  using at = scratch();
  await recordSession(at);
  mkdirSync(at.path("elsewhere"));
  let isLinked = false;
  const running = replayed({
    from: at.recording,
    target: at.target,
    onStep: ({ path, act }) => {
      if (isLinked || act.kind !== "folder" || !path.endsWith("/Metadata")) return;
      isLinked = true;
      rmSync(join(at.target, path), { recursive: true });
      symlinkSync(at.path("elsewhere"), join(at.target, path));
    },
  });
  await assert.rejects(running, { name: "UnsafePath" });
  assert.deepEqual([isLinked, readdirSync(at.path("elsewhere"))], [true, []]);
});
