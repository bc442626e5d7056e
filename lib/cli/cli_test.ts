import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Auth, authApi } from "../auth/mod.ts";
import { ManualClock } from "../clock.ts";
import { ConfigFile } from "../config_schema.ts";
import { openDataFolder } from "../data_folder.ts";
import { createApi, problemHandler } from "../http.ts";
import { Kv } from "../kv.ts";
import { memoryLog } from "../log.ts";
import { security } from "../security.ts";
import { type CliHost, EXIT, runCli, type ServeAsk } from "./mod.ts";

/** A host that records; `cwd` is a new folder. */
export function testHost(over: Partial<CliHost> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const served: ServeAsk[] = [];
  const host: CliHost = {
    version: "1.2.3",
    env: {},
    cwd: mkdtempSync(join(tmpdir(), "holdfast-cli-")),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    readSecret: () => Promise.resolve("correct horse battery"),
    serve: (ask) => {
      served.push(ask);
      return Promise.resolve(0);
    },
    agent: (name, args) => {
      out.push([name, ...args].join(" "));
      return Promise.resolve(0);
    },
    ...over,
  };
  const run = (...args: string[]) => runCli(args, host);
  return { host, out, err, served, run, text: () => [...out, ...err].join("\n") };
}

Deno.test("help names every command and every exit code, and each command explains itself", async () => {
  const t = testHost();
  assert.equal(await t.run("help"), EXIT.ok);
  const overview = t.out.join("\n");
  for (const code of Object.values(EXIT)) assert.match(overview, new RegExp(`^  ${code} `, "m"));
  const commands = [...overview.matchAll(/^ {2}holdfast ((?:[a-z-]+ ?){1,2})/gm)].map((m) =>
    m[1]!.trim()
  );
  assert(commands.length > 8, commands.join());
  for (const command of commands) {
    const one = testHost();
    assert.equal(await one.run(...command.split(" "), "--help"), EXIT.ok);
    assert.match(one.out.join("\n"), new RegExp(`^holdfast ${command}.*\\n\\n.+\\n[^]*--help`));
  }
});

Deno.test("without a command, help is shown and the exit code says that one was missing", async () => {
  const t = testHost();
  assert.equal(await t.run(), EXIT.usage);
  assert.match(t.text(), /holdfast serve/);
});

Deno.test("the version is a line of its own", async () => {
  const t = testHost();
  assert.equal(await t.run("--version"), EXIT.ok);
  assert.deepEqual(t.out, ["1.2.3"]);
});

Deno.test("a slip in the command line is told with what was meant", async () => {
  const cases: [string[], RegExp][] = [
    [["sreve"], /no command "sreve"; did you mean "serve"\?/],
    [
      ["experiments"],
      /"experiments" needs one of submit, list, watch, cancel, hold, release, download, import/,
    ],
    [["experiments", "lst"], /no command "experiments lst"; did you mean "experiments list"\?/],
    [["serve", "--prot", "9"], /"serve" has no option "--prot"; did you mean "--port"\?/],
    [["serve", "--port"], /--port/],
    [["serve", "--dev=yes"], /--dev/],
    [["serve", "extra"], /"serve" does not take "extra"/],
    [["experiments", "watch"], /"experiments watch" needs NUMBER/],
    [["agent"], /"agent" needs NAME/],
  ];
  for (const [args, wanted] of cases) {
    const t = testHost();
    assert.equal(await t.run(...args), EXIT.usage, args.join(" "));
    assert.match(t.err.join("\n"), wanted);
    assert.deepEqual(t.out, []);
  }
});

Deno.test("what the command line says wins over the environment, which wins over the file", async () => {
  const t = testHost({ env: { HOLDFAST_PORT: "7001", HOLDFAST_HOST: "127.0.0.3" } });
  writeFileSync(
    join(t.host.cwd, "holdfast.toml"),
    '[server]\nport = 7000\n[instrument]\nname = "B"\n',
  );
  assert.equal(await t.run("serve", "-vv", "--port", "7002", "--data", "d"), EXIT.ok);
  const { loaded, verbosity, dev } = t.served[0]!;
  assert.equal(loaded.config.server.port, 7002);
  assert.equal(loaded.config.server.host, "127.0.0.3");
  assert.equal(loaded.config.instrument.name, "B");
  assert.equal(loaded.config.data.dir, join(t.host.cwd, "d"));
  assert.equal(verbosity, 2);
  assert.equal(dev, false);
});

Deno.test("a wrong configuration ends with its own code and every mistake", async () => {
  const t = testHost();
  writeFileSync(join(t.host.cwd, "holdfast.toml"), "[server]\nprot = 1\nport = -1\n");
  assert.equal(await t.run("serve"), EXIT.config);
  const text = t.err.join("\n");
  assert.match(
    text,
    /2 mistakes\n.*holdfast\.toml:2: unknown key "prot".*\n.*holdfast\.toml:3: server\.port/,
  );
  assert.deepEqual(t.served, []);
});

Deno.test("failures of serving end with codes that a service manager can tell apart", async () => {
  class Named extends Error {
    constructor(name: string, message: string) {
      super(message);
      this.name = name;
    }
  }
  const cases: [Error, number][] = [
    [new Named("PortTaken", "Port 8000 is taken by another program"), EXIT.portTaken],
    [new Deno.errors.AddrInUse("Address already in use"), EXIT.portTaken],
    [new Named("UnsafeListen", 'Cannot listen on "0.0.0.0"'), EXIT.unsafeListen],
    [new Named("DataFolderInUse", "Another Holdfast"), EXIT.dataFolder],
    [new Error("something else"), EXIT.failed],
  ];
  for (const [error, code] of cases) {
    const t = testHost({ serve: () => Promise.reject(error) });
    assert.equal(await t.run("serve"), code, error.name);
    assert.deepEqual(t.err, [`holdfast: ${error.message}`]);
  }
});

Deno.test("init writes a configuration that config accepts, and replaces none without being told to", async () => {
  const t = testHost();
  assert.equal(await t.run("init"), EXIT.ok);
  const file = join(t.host.cwd, "holdfast.toml");
  assert.deepEqual(t.out, [file]);
  assert.equal(await t.run("config"), EXIT.ok);
  writeFileSync(file, "# mine\n");
  assert.equal(await t.run("init"), EXIT.failed);
  assert.equal(readFileSync(file, "utf8"), "# mine\n");
  assert.match(t.err.at(-1)!, /--force/);
  assert.equal(await t.run("init", "--force"), EXIT.ok);
  assert.notEqual(readFileSync(file, "utf8"), "# mine\n");
  assert.equal(await t.run("init", "no/such/folder/x.toml"), EXIT.failed);
});

Deno.test("config shows what is in effect, as a file that gives the same, secrets masked", async () => {
  const t = testHost({ env: { HOLDFAST_PORT: "7003", HOLDFAST_POTR: "1" } });
  writeFileSync(
    join(t.host.cwd, "holdfast.toml"),
    '[[agents]]\nid = "b"\nagent = "c"\nconfig = { API_key = "geheim", camelKept = 1 }\n',
  );
  assert.equal(await t.run("config"), EXIT.ok);
  const shown = t.out.join("\n");
  assert(!shown.includes("geheim"));
  assert.match(shown, /port = 7_?003/);
  assert.match(shown, /camelKept = 1/);
  assert.match(t.err.join(), /HOLDFAST_POTR sets nothing; did you mean "HOLDFAST_PORT"/);

  const again = testHost();
  writeFileSync(join(again.host.cwd, "holdfast.toml"), shown);
  assert.equal(await again.run("config"), EXIT.ok, again.text());
  const [, ...lines] = again.out;
  assert.deepEqual(lines, t.out.slice(1));

  const json = testHost();
  assert.equal(await json.run("config", "--json"), EXIT.ok);
  assert.equal(JSON.parse(json.out.join("")).server.bodyLimitMb, 8);
});

Deno.test("an agent gets its name and the words behind it", async () => {
  const t = testHost();
  assert.equal(await t.run("agent", "bioreactor_sim", "one"), EXIT.ok);
  assert.deepEqual(t.out, ["bioreactor_sim one"]);
});

Deno.test("doctor says what is there, and fails only for what keeps Holdfast from starting", async () => {
  const t = testHost({
    env: { HOLDFAST_PORT: "0", HOLDFAST_EXPERIMENTS_PYTHON: "no-such-python" },
  });
  assert.equal(await t.run("doctor"), EXIT.ok, t.text());
  assert.match(t.text(), /^ok {6}Deno: \d/m);
  assert.match(t.text(), /^missing Python: "no-such-python" cannot be run/m);

  using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = testHost({ env: { HOLDFAST_PORT: String(busy.addr.port) } });
  assert.equal(await taken.run("doctor"), EXIT.failed);
  assert.match(taken.text(), /^BAD {5}address: .* is taken/m);

  const open = testHost({ env: { HOLDFAST_HOST: "0.0.0.0", HOLDFAST_PORT: "0" } });
  assert.equal(await open.run("doctor"), EXIT.failed);
  assert.match(open.text(), /^BAD {5}address: .*\[auth\]/m);

  const wrong = testHost({ env: { HOLDFAST_PORT: "x" } });
  assert.equal(await wrong.run("doctor"), EXIT.failed);
  assert(!existsSync(join(t.host.cwd, "data")), "doctor made a folder");
});

Deno.test("an instrument that does not answer, or is none, is told by its own code", async () => {
  const port = (() => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return listener.addr.port;
  })();
  const away = testHost();
  assert.equal(
    await away.run("experiments", "list", "--url", `http://127.0.0.1:${port}`),
    EXIT.unreachable,
  );
  assert.match(
    away.text(),
    /No answer from http:\/\/127\.0\.0\.1:\d+\. Is Holdfast running there\?/,
  );
  const nonsense = testHost();
  assert.equal(await nonsense.run("experiments", "list", "--url", "ftp://x"), EXIT.usage);

  await using other = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("<h1>router</h1>", { status: 502 }),
  );
  const strange = testHost({ env: { HOLDFAST_URL: `http://127.0.0.1:${other.addr.port}/` } });
  assert.equal(await strange.run("experiments", "list"), EXIT.refused);
  assert.match(strange.text(), /answered 502; is that a Holdfast\?/);
});

Deno.test("users and tokens are kept in the data folder while nothing runs on it", async () => {
  const t = testHost();
  assert.equal(await t.run("user", "add", "Ada", "--role", "admin"), EXIT.ok, t.text());
  assert.equal(await t.run("user", "add", "bert"), EXIT.ok);
  assert.equal(await t.run("user", "role", "bert", "observer"), EXIT.ok);
  assert.equal(await t.run("user", "password", "bert"), EXIT.ok);
  assert.equal(await t.run("user", "list"), EXIT.ok);
  assert.match(t.out.join("\n"), /^Role +Added +Name\nadmin +\S+ \S+ +ada\nobserver .* bert$/m);
  assert.equal(await t.run("user", "remove", "ada"), EXIT.refused);
  assert.match(t.err.at(-1)!, /last admin/);
  assert.equal(await t.run("user", "remove", "bert"), EXIT.ok);

  t.out.length = 0;
  const issued = await t.run("token", "issue", "ci", "--scope", "devices", "--days", "30");
  assert.equal(issued, EXIT.ok);
  assert.match(t.out.join("\n"), /^hf_[\w-]{43}$/);
  const token = t.out.pop()!;
  assert.equal(await t.run("token", "list"), EXIT.ok);
  const [id] = t.out[1]!.split(" ");
  assert.match(t.out[1]!, /operator +devices +20\d\d-.* ci$/);
  assert(!t.text().includes(token));
  assert.equal(await t.run("token", "revoke", id!), EXIT.ok);
  assert.equal(await t.run("token", "revoke", id!), EXIT.refused);
});

Deno.test("bad names, roles, scopes and passwords are refused before anything is written", async () => {
  const cases: [string[], number][] = [
    [["user", "add", "ada", "--role", "king"], EXIT.usage],
    [["token", "issue", "ci", "--scope", "everything"], EXIT.usage],
    [["token", "issue", "ci", "--days", "soon"], EXIT.usage],
    [["user", "add", "no name"], EXIT.refused],
    [["user", "role", "nobody", "admin"], EXIT.refused],
  ];
  for (const [args, code] of cases) {
    assert.equal(await testHost().run(...args), code, args.join(" "));
  }
  const weak = testHost({ readSecret: () => Promise.resolve("short") });
  assert.equal(await weak.run("user", "add", "ada"), EXIT.refused);
  assert.match(weak.text(), /at least 10 characters/);
});

Deno.test("while a Holdfast owns the data folder, the command says how to ask that one", async () => {
  const t = testHost();
  using _owner = await openDataFolder(join(t.host.cwd, "data"));
  assert.equal(await t.run("user", "list"), EXIT.dataFolder);
  assert.match(t.text(), /running on .*--url http:\/\/127\.0\.0\.1:8000/);
});

Deno.test("with --url the same commands ask a running instrument", async () => {
  const clock = new ManualClock(Date.now());
  const kv = await Kv.open(":memory:", clock);
  const auth = await Auth.open({ kv, clock, enabled: true, sessionHours: 1 });
  const app = createApi();
  app.onError(problemHandler(memoryLog(clock).log));
  app.use("*", ...security({ config: ConfigFile.parse({}), auth, clock }));
  app.route("/api/v1", authApi(auth));
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, app.fetch);
  const url = `http://127.0.0.1:${server.addr.port}`;
  const first = await auth.tokens.issue({ name: "root", role: "admin", scopes: [] }, "system");
  assert(first.ok);

  const nobody = testHost({ env: { HOLDFAST_URL: url } });
  assert.equal(await nobody.run("user", "list"), EXIT.refused);
  assert.match(nobody.text(), /HOLDFAST_TOKEN/);

  const t = testHost({ env: { HOLDFAST_TOKEN: first.value.token } });
  assert.equal(await t.run("user", "add", "anna", "--role", "admin", "--url", url), EXIT.ok);
  assert.equal(await t.run("user", "password", "anna", "--url", url), EXIT.ok);
  assert.equal(await t.run("user", "role", "anna", "observer", "--url", url), EXIT.refused);
  assert.equal(await t.run("user", "list", "--url", url), EXIT.ok);
  assert.match(t.out.join("\n"), /admin .* anna/);
  t.out.length = 0;
  assert.equal(await t.run("token", "issue", "second", "--url", url), EXIT.ok);
  assert.match(t.out.pop()!, /^hf_/);
  assert.equal(await t.run("token", "list", "--url", url), EXIT.ok);
  const [id] = t.out[1]!.split(" ");
  assert.equal(await t.run("token", "revoke", id!, "--url", url), EXIT.ok);
  assert.equal(await t.run("user", "remove", "nobody", "--url", url), EXIT.refused);
  await kv.close();
});

Deno.test("what is added after a backup is gone after the restore, and kept aside", async () => {
  const t = testHost();
  assert.equal(await t.run("user", "add", "ada"), EXIT.ok);
  assert.equal(await t.run("restore"), EXIT.dataFolder);
  assert.equal(await t.run("backup"), EXIT.ok, t.text());
  assert.equal(await t.run("backup", "--list"), EXIT.ok);
  const [name] = t.out.at(-1)!.split(" ");
  assert.equal(await t.run("user", "add", "late"), EXIT.ok);
  assert.equal(await t.run("restore", name!), EXIT.ok, t.text());
  const [, kept] = /What it replaced is in (.+)$/.exec(t.err.at(-1)!)!;
  assert(existsSync(kept!));
  t.out.length = 0;
  assert.equal(await t.run("user", "list"), EXIT.ok);
  assert.match(t.text(), /ada/);
  assert(!t.out.join().includes("late"));
  assert.equal(await t.run("restore", "../evil"), EXIT.dataFolder);
});
