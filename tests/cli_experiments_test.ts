import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CliHost, EXIT, runCli } from "../lib/cli/mod.ts";
import { runInstrument } from "./running_instrument.ts";

function terminal(url: string) {
  const out: string[] = [];
  const err: string[] = [];
  const waiting = new Map<string, () => void>();
  const seen = (line: string) => new Promise<void>((resolve) => waiting.set(line, resolve));
  const cwd = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
  const host: CliHost = {
    version: "0",
    env: { HOLDFAST_URL: url },
    cwd,
    out(line) {
      out.push(line);
      waiting.get(line)?.();
    },
    err: (line) => err.push(line),
    readSecret: () => Promise.reject(new TypeError("nobody was to be asked")),
    serve: () => Promise.reject(new TypeError("nothing was to be served")),
    agent: () => Promise.reject(new TypeError("no agent was to be started")),
  };
  const run = async (...args: string[]) => {
    out.length = 0;
    err.length = 0;
    return await runCli(["experiments", ...args], host);
  };
  return { run, out, err, cwd, seen };
}

Deno.test("a script is submitted, watched to its end, listed and downloaded from the command line", async (t) => {
  await using instrument = await runInstrument();
  const { run, out, err, cwd } = terminal(instrument.url);
  const script = (name: string, text: string) => writeFileSync(join(cwd, name), text);

  await t.step("watching shows its log and ends when it ends", async () => {
    script("hello.ts", 'console.log("one");\nconsole.log("two");\n');
    assert.equal(
      await run("submit", "hello.ts", "--title", "Hello", "--watch"),
      EXIT.ok,
      err.join(),
    );
    assert.deepEqual(out, ["1", "one", "two"]);
    assert.match(err.at(-1)!, /^Experiment 1 completed/);
  });

  await t.step("one that fails is told by the exit code", async () => {
    script("fails.ts", 'console.log("so far"); Deno.exit(3);\n');
    assert.equal(await run("submit", "fails.ts"), EXIT.ok);
    const [number] = out;
    assert.equal(await run("watch", number!), EXIT.notCompleted);
    assert.deepEqual(out, ["so far"]);
    assert.match(err.at(-1)!, /^Experiment 2 failed/);
  });

  await t.step(
    "parameters, limits, states and policy go with it, checked before anything is queued",
    async () => {
      script(
        "params.ts",
        '// parameters: {"od": {"type": "number"}, "medium": {"type": "string"}}\n' +
          'import { parameters } from "bioreactor_client";\nconsole.log(JSON.stringify(parameters()));\n',
      );
      script("params.json", '{"od": 0.6, "medium": "LB"}');
      const options = [
        ...["--params", "params.json", "--param", "medium=M9"],
        ...["--limit", "wall=1.5h", "--limit", "cpu=90s", "--limit", "memory=256"],
        ...["--end", 'stirrer={"duty":20}', "--hold", "stirrer=keep", "--hold", "led=safe"],
        ...["--policy", "resume", "--device", "stirrer", "--device", "led"],
      ];
      assert.equal(await run("submit", "params.ts", ...options, "--dry-run"), EXIT.ok, err.join());
      const dry = JSON.parse(out.join("\n"));
      assert.deepEqual(dry.parameters, { od: 0.6, medium: "M9" });
      assert.deepEqual(
        [dry.limits.wallMs, dry.limits.cpuS, dry.limits.memoryMb, dry.onInterrupt],
        [5_400_000, 90, 256, "resume"],
      );
      assert.deepEqual([dry.endState, dry.holdState, dry.devices], [
        { stirrer: { duty: 20 } },
        { stirrer: "keep", led: "safe" },
        ["stirrer", "led"],
      ]);
      assert.match(err.at(-1)!, /would be queued at position 1/);
      assert.equal(await run("submit", "params.ts", ...options, "--watch"), EXIT.ok, err.join());
      assert.equal(out.at(-1), '{"od":0.6,"medium":"M9"}');
      const wrong: [string[], RegExp, number][] = [
        [["--param", "od"], /NAME=VALUE/, EXIT.usage],
        [["--params", "nothing.json"], /Cannot read the parameters/, EXIT.usage],
        [["--limit", "wall=soon"], /a time such as/, EXIT.usage],
        [["--limit", "memory=lots"], /whole number/, EXIT.usage],
        [["--limit", "colour=1"], /no limit "colour"/, EXIT.usage],
        [["--end", "stirrer=20"], /JSON object/, EXIT.usage],
        [["--policy", "hope"], /fail, requeue or resume/, EXIT.usage],
        [["--param", "od=dense"], /od/, EXIT.refused],
        [["--end", 'stirrer={"duty":200}'], /stirrer/, EXIT.refused],
      ];
      for (const [given, why, code] of wrong) {
        assert.equal(await run("submit", "params.ts", ...given), code, given.join(" "));
        assert.match(err.join(), why);
      }
    },
  );

  await t.step("the list is a table, or JSON", async () => {
    assert.equal(await run("list", "--state", "completed"), EXIT.ok);
    assert.equal(out.length, 3);
    assert.match(out[2]!, /^1 +completed +20\d\d-\S+ \S+ +.+ +Hello$/);
    assert.equal(await run("list", "--json"), EXIT.ok);
    assert.equal(JSON.parse(out.join("\n")).length, 3);
    assert.equal(await run("list", "--mine", "--limit", "2"), EXIT.ok);
    assert.equal(out.length, 3);
    assert.match(err.join(), /--before 2/);
    assert.equal(await run("list", "--limit", "2", "--before", "2"), EXIT.ok);
    assert.match(out[1]!, /^1 /);
    assert.equal(err.length, 0);
    assert.equal(await run("list", "--state", "finished"), EXIT.refused);
    assert.match(err.join(), /state/);
  });

  await t.step("its files are downloaded as a zip, and no file is replaced unasked", async () => {
    assert.equal(await run("download", "1"), EXIT.ok);
    const file = join(cwd, "experiment_1_results.zip");
    assert.deepEqual(out, [file]);
    assert.deepEqual([...readFileSync(file).subarray(0, 4)], [0x50, 0x4b, 3, 4]);
    assert.equal(await run("download", "1"), EXIT.failed);
    assert.equal(await run("download", "1", "--force"), EXIT.ok);
    assert.equal(await run("download", "99"), EXIT.refused);
    assert.equal(await run("download", "1", "--data", "xlsx"), EXIT.usage);
    assert.equal(await run("download", "1", "--data", "csv"), EXIT.refused, "it wrote no table");
    assert.equal(await run("download", "1", "--file", "../log.txt"), EXIT.refused);
    assert(!existsSync(join(cwd, "experiment_99_results.zip")));
  });

  await t.step("a running one is cancelled while somebody watches it", async () => {
    script("long.ts", 'console.log("going");\nawait new Promise((r) => setTimeout(r, 600_000));\n');
    assert.equal(await run("submit", "long.ts"), EXIT.ok);
    const number = out[0]!;
    const watcher = terminal(instrument.url);
    const going = watcher.seen("going");
    const watching = watcher.run("watch", number);
    await going;
    assert.equal(await run("cancel", number, "--reason", "enough"), EXIT.ok);
    assert.equal(await watching, EXIT.notCompleted);
    assert.match(watcher.err.at(-1)!, /cancelled/);
    assert.equal(await run("cancel", number), EXIT.refused);
  });

  await t.step("a script that cannot be run is refused with its line", async () => {
    script("broken.ts", "const x = 1;\nconst = 2;\n");
    assert.equal(await run("submit", "broken.ts"), EXIT.refused);
    assert.match(err.join("\n"), /line 2/);
    assert.equal(await run("submit", "absent.ts"), EXIT.failed);
    writeFileSync(join(cwd, "binary.py"), new Uint8Array([0xff, 0xfe, 0]));
    assert.equal(await run("submit", "binary.py"), EXIT.failed);
    assert.match(err.join(), /not UTF-8/);
  });

  await t.step("the original's queue is taken over; what is damaged lies beside it", async () => {
    const filed = (id: string) => ({
      experiment_id: id,
      user_session_id: "7f3a",
      script_content: "print(1)",
      status: "completed",
      created_at: "2026-01-25T20:34:58.120411",
    });
    const text = JSON.stringify({ experiments: { a: filed("a"), b: filed("b") } });
    writeFileSync(join(cwd, "queue.json"), text.slice(0, -9));
    assert.equal(await run("import", "queue.json"), EXIT.failed);
    assert.match(out.join("\n"), /completed +a/);
    assert.match(err.join("\n"), /not taken: "b": the file is cut off in it/);
    const [lost] = JSON.parse(readFileSync(join(cwd, "queue.json.quarantined.json"), "utf8"));
    assert.equal(lost.id, "b");
    writeFileSync(join(cwd, "queue.json"), text);
    assert.equal(await run("import", "queue.json"), EXIT.ok);
    assert.match(err.join("\n"), /1 imported, 1 were imported before/);
    assert.equal(await run("import", "none.json"), EXIT.failed);
  });

  await t.step("only what runs is held, and only what is held is released", async () => {
    script("held.ts", 'console.log("going");\nawait new Promise((r) => setTimeout(r, 600_000));\n');
    await run("submit", "held.ts");
    const number = out[0]!;
    const watcher = terminal(instrument.url);
    const going = watcher.seen("going");
    const watching = watcher.run("watch", number);
    await going;
    assert.equal(await run("release", number), EXIT.refused);
    assert.equal(await run("hold", number, "--reason", "a sample"), EXIT.ok);
    assert.match(err.join("\n"), /is holding/);
    assert.equal(await run("hold", number), EXIT.refused);
    assert.equal(await run("release", number), EXIT.ok);
    assert.equal(await run("cancel", number), EXIT.ok);
    await watching;
  });
});
