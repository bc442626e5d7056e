import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "./clock.ts";
import { type LogOptions, memoryLog, openLog } from "./log.ts";
import { redact, redactText } from "./redact.ts";

function setUp(options: Partial<LogOptions> = {}) {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-log-"));
  const file = join(dir, "holdfast.log");
  const clock = new ManualClock();
  const shown: string[] = [];
  const log = openLog({ clock, level: "info", file, stderr: (l) => shown.push(l), ...options });
  return { dir, file, clock, shown, log };
}

Deno.test("a line is one JSON object in the file and one line for people on stderr", async () => {
  const { log, file, shown } = setUp();
  log.child({ agent: "bus-1" }).warn("agent restarted", { attempt: 2, why: "no answer" });
  await log.close();
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), {
    agent: "bus-1",
    attempt: 2,
    why: "no answer",
    at: "2026-01-25T20:00:00.000Z",
    level: "warn",
    message: "agent restarted",
  });
  assert.deepEqual(shown, ['20:00:00 WARN  agent restarted agent=bus-1 attempt=2 why="no answer"']);
});

Deno.test("lines below the level are nowhere, and -v shows debug lines", async () => {
  const quiet = setUp({ level: "warn" });
  quiet.log.info("not this");
  quiet.log.warn("this");
  await quiet.log.close();
  assert.equal(quiet.shown.length, 1);
  assert.equal(readFileSync(quiet.file, "utf8").split("\n").length, 2);

  const loud = setUp({ level: "warn", verbosity: 1 });
  loud.log.debug("this too", { error: new Error("boom") });
  await loud.log.close();
  assert.deepEqual(loud.shown, ['20:00:00 DEBUG this too error="Error: boom"']);
});

Deno.test("-vv shows stacks", async () => {
  const { log, shown } = setUp({ verbosity: 2 });
  log.error("failed", { error: new Error("boom", { cause: new Error("root") }) });
  await log.close();
  assert.match(shown[0]!, /\n {4}Error: boom\n {8}at .*log_test\.ts/);
});

Deno.test("100 KB times 3: the newest lines are kept, in three files none larger", async () => {
  const { log, dir, file } = setUp({ sizeKb: 100, files: 3, stderr: () => {} });
  for (let i = 0; i < 5000; i++) {
    log.info("a line of some length to fill the file with", { i });
    if (i % 500 === 0) await log.flush();
  }
  await log.close();
  const names = readdirSync(dir).sort();
  assert.deepEqual(names, ["holdfast.log", "holdfast.log.1", "holdfast.log.2"]);
  for (const name of names) assert(statSync(join(dir, name)).size <= 100 * 1024, name);
  const kept = ["holdfast.log.2", "holdfast.log.1", "holdfast.log"].flatMap((name) =>
    readFileSync(join(dir, name), "utf8").trimEnd().split("\n").map((l) =>
      JSON.parse(l).i as number
    )
  );
  assert.equal(kept.at(-1), 4999);
  assert(
    kept.every((i, at) => at === 0 || i === kept[at - 1]! + 1),
    "a line is missing in between",
  );
  assert.equal(readFileSync(file, "utf8").endsWith("\n"), true);
});

Deno.test("a log opened again goes on where the file ended", async () => {
  const first = setUp();
  first.log.info("one");
  await first.log.close();
  const second = openLog({ clock: first.clock, level: "info", file: first.file, stderr() {} });
  second.info("two");
  await second.close();
  assert.equal(readFileSync(first.file, "utf8").trimEnd().split("\n").length, 2);
});

Deno.test({
  name: "a full disk costs one warning; stderr goes on",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { log, shown } = setUp({ file: "/dev/full" });
    for (let i = 0; i < 20; i++) {
      log.info("still here", { i });
      await log.flush();
    }
    await log.close();
    assert.equal(shown.filter((l) => l.includes("still here")).length, 20);
    const warnings = shown.filter((l) => l.includes("WARN"));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /cannot be written.*No space left/);
  },
});

Deno.test("a folder that vanishes and returns is found again, and the gap is told", async () => {
  const { clock, shown, dir, log: first } = setUp();
  await first.close();
  const place = join(dir, "logs");
  // A file where the folder should be: fails for every user, root too.
  Deno.writeTextFileSync(place, "in the way");
  const file = join(place, "holdfast.log");
  const log = openLog({ clock, level: "info", file, stderr: (l) => shown.push(l) });
  log.info("lost");
  await log.flush();
  Deno.removeSync(place);
  mkdirSync(place);
  log.info("lost too, the disk is not tried at every line");
  await log.flush();
  await clock.advance(31_000);
  log.info("kept");
  await log.close();
  assert.equal(JSON.parse(readFileSync(file, "utf8")).message, "kept");
  assert.match(shown.at(-1)!, /can be written again; 2 lines are missing/);
});

Deno.test("the last lines of a dying process are written at once", () => {
  const { log, file } = setUp();
  log.error("last words");
  log.flushSync();
  assert.match(readFileSync(file, "utf8"), /last words/);
});

Deno.test("no secret reaches the log, by name or by look, however deep", () => {
  const { log, lines } = memoryLog(new ManualClock());
  const secret = "s3cr3t-value";
  log.child({ authorization: `Bearer ${secret}` }).info(
    `GET /x?token=${secret}&a=1 Authorization: Bearer ${secret} Cookie: holdfast_session=${secret}`,
    {
      password: secret,
      nested: { deep: [{ "X-Session-ID": secret, apiKey: secret, set_cookie: secret }] },
      body: `{"password":"${secret}","name":"anna"}`,
      url: `https://anna:${secret}@lab.example/x`,
      minted: "hf_0123456789abcdef",
      error: new Error(`login failed for password=${secret}`, {
        cause: { client_secret: secret },
      }),
    },
  );
  assert.equal(lines.length, 1);
  assert(!lines[0]!.includes(secret), lines[0]);
  assert(!lines[0]!.includes("0123456789abcdef"), lines[0]);
  assert(lines[0]!.includes("anna") && lines[0]!.includes("a=1"), lines[0]);
});

Deno.test("what is about a secret without being one stays readable", () => {
  assert.deepEqual(redact({ tokenId: "01J", tokenCount: 3, cookieName: "c", session: "x" }), {
    tokenId: "01J",
    tokenCount: 3,
    cookieName: "c",
    session: "x",
  });
  assert.equal(redactText("the basic idea of a token"), "the basic idea of a token");
});

Deno.test("a line cannot forge another, nor write to the terminal", async () => {
  const { log, file, shown } = setUp();
  log.info("user agent\n20:00:00 ERROR forged\u001b[2J", { name: "a\r\nb\u009b1m" });
  await log.close();
  assert.equal(readFileSync(file, "utf8").trimEnd().split("\n").length, 1);
  assert.equal(shown.length, 1);
  // deno-lint-ignore no-control-regex
  assert(!/[\u0000-\u001f\u007f-\u009f]/.test(shown[0]!), shown[0]);
});

Deno.test("values that cannot be written do not hurt the caller", () => {
  const { log, lines } = memoryLog(new ManualClock());
  const round: Record<string, unknown> = { big: 10n, nan: NaN, fn() {} };
  round.self = round;
  Object.defineProperty(round, "bad", {
    enumerable: true,
    get() {
      throw new Error("no");
    },
  });
  log.info("odd", { round, long: "x".repeat(100_000), bytes: new Uint8Array(9) });
  assert(lines[0]!.length < 20_000);
  assert.equal(JSON.parse(lines[0]!).round.bad, "unreadable");
});
