import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeRefusal, loadConfig, maskConfig } from "./config.ts";

function folderWith(text?: string): string {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-config-"));
  if (text !== undefined) writeFileSync(join(dir, "holdfast.toml"), text);
  return dir;
}

function load(text: string, env: Record<string, string> = {}) {
  const cwd = folderWith(text);
  const loaded = loadConfig({ cwd, env });
  assert(loaded.ok, loaded.ok ? "" : describeRefusal(loaded.refusal));
  return { ...loaded.value, cwd };
}

function mistakes(text: string, env: Record<string, string> = {}): string[] {
  const cwd = folderWith(text);
  const loaded = loadConfig({ cwd, env });
  assert(!loaded.ok, "the configuration was accepted");
  return describeRefusal(loaded.refusal).replaceAll(join(cwd, "holdfast.toml"), "F").split("\n");
}

Deno.test("without a file the simulated instrument starts on loopback, port 8000", () => {
  const cwd = folderWith();
  const loaded = loadConfig({ cwd, env: {} });
  assert(loaded.ok);
  const { config, file, warnings } = loaded.value;
  assert.equal(file, null);
  assert.deepEqual(warnings, []);
  assert.equal(config.instrument.name, "Vessel A");
  assert.equal(config.simulation.enabled, true);
  assert.equal(config.server.host, "127.0.0.1");
  assert.equal(config.server.port, 8000);
  assert.equal(config.data.dir, join(cwd, "data"));
});

Deno.test("keys are snake_case in the file and camelCase in code", () => {
  const { config } = load("[server]\nbody_limit_mb = 20\n[experiments.limits]\nmemory_mb = 64\n");
  assert.equal(config.server.bodyLimitMb, 20);
  assert.equal(config.experiments.limits.memoryMb, 64);
});

Deno.test("every mistake is reported at once, each with its line", () => {
  const found = mistakes(`
[server]
prot = 9000
host = "0.0.0.0"
body_limit_mb = "big"

[experimnts]
[experiments]
sandbox = "bwarp"
active_limit = 0
[log]
level = "verbose"
[[agents]]
id = "Bus One"
agent = "bioreactor"
[[agents]]
id = "bus-two"
agent = "bioreactor"
confg = {}
`);
  assert.deepEqual(found, [
    'F:3: unknown key "prot" in [server]; did you mean "port"?',
    'F:5: server.body_limit_mb: must be a number, found "big"',
    'F:7: unknown key "experimnts"; did you mean "experiments"?',
    'F:9: experiments.sandbox: must be one of "auto", "bwrap", "none", found "bwarp"; did you mean "bwrap"?',
    "F:10: experiments.active_limit: must be at least 1, found 0",
    'F:12: log.level: must be one of "debug", "info", "warn", "error", found "verbose"',
    'F:14: agents.0.id: must be lower case letters, digits, - and _, starting with a letter, found "Bus One"',
    'F:19: unknown key "confg" in [agents.1]; did you mean "config"?',
  ]);
});

Deno.test("a key spelled in camel case is refused with its spelling in the file", () => {
  assert.deepEqual(mistakes("[server]\nbodyLimitMb = 3\n"), [
    'F:2: unknown key "bodyLimitMb"; did you mean "body_limit_mb"?',
  ]);
});

Deno.test("a syntax error names its line and column, and bad variables are reported beside it", () => {
  const found = mistakes("[server]\nport = = 3\n", { HOLDFAST_PORT: "eighty" });
  assert.equal(found.length, 2);
  assert.match(found[0]!, /^F:2: .*\(column \d+\)$/);
  assert.equal(found[1], 'HOLDFAST_PORT: must be a number, found "eighty"');
});

Deno.test("a file that was named must exist", () => {
  const cwd = folderWith();
  const loaded = loadConfig({ cwd, env: {}, file: "absent.toml" });
  assert(!loaded.ok);
  assert.match(describeRefusal(loaded.refusal), /absent\.toml: there is no such file$/);
});

Deno.test("the environment wins over the file, by short name and by section and key", () => {
  const { config, cwd } = load('[server]\nport = 1234\n[instrument]\nname = "From file"\n', {
    HOLDFAST_PORT: "4321",
    HOLDFAST_HOST: "::1",
    HOLDFAST_DATA: "elsewhere",
    HOLDFAST_SIMULATION_TIME_SCALE: "60",
    HOLDFAST_SIMULATION_ENABLED: "no",
    HOLDFAST_SERVER_ALLOWED_HOSTS: "vessel-a.local, 10.0.0.7",
    HOLDFAST_COMPAT_PORTS: "3000,9000",
    HOLDFAST_EXPERIMENTS_LIMITS_WALL_MS: "60000",
    LOG_LEVEL: "WARNING",
  });
  assert.equal(config.server.port, 4321);
  assert.equal(config.server.host, "::1");
  assert.equal(config.instrument.name, "From file");
  assert.equal(config.data.dir, join(cwd, "elsewhere"));
  assert.equal(config.simulation.timeScale, 60);
  assert.equal(config.simulation.enabled, false);
  assert.deepEqual(config.server.allowedHosts, ["vessel-a.local", "10.0.0.7"]);
  assert.deepEqual(config.compat.ports, { web: 3000, node: 9000 });
  assert.equal(config.experiments.limits.wallMs, 60_000);
  assert.equal(config.log.level, "warn");
});

Deno.test("ports of the originals' faces are told by name, or by the originals' own numbers", () => {
  const ports = (toml: string, env = {}) => load(toml, env).config.compat.ports;
  assert.deepEqual(ports(""), {});
  assert.deepEqual(ports("[compat]\nports = [9000, 3000, 8000, 60620]\n"), {
    web: 3000,
    hub: 8000,
    node: 9000,
    locks: 60620,
  });
  assert.deepEqual(ports("[compat]\nports = { node = 9001, web = 0 }\n"), { node: 9001, web: 0 });
  assert.deepEqual(ports("[compat.ports]\nhub = 8001\n"), { hub: 8001 });
  assert.deepEqual(
    ports("[compat]\nports = [3000]\n", { HOLDFAST_COMPAT_PORTS: "web=3001, node=9001" }),
    { web: 3001, node: 9001 },
  );
});

Deno.test("a port that shows no face, two faces on one port and a face nobody knows are mistakes", () => {
  assert.deepEqual(mistakes("[compat]\nports = [3000, 3001]\n"), [
    "F:2: compat.ports: 3001 is none of 3000 (web), 8000 (hub), 9000 (node), 60620 (locks) and 30080 (smartem); " +
    "for another port say whose it is: { node = 9001 }",
  ]);
  assert.deepEqual(mistakes("[compat.ports]\nhub = 9000\nnode = 9000\n"), [
    "F:3: compat.ports.node: port 9000 is the hub's already; each face needs its own",
  ]);
  assert.deepEqual(mistakes("[compat.ports]\nnod = 9000\n"), [
    'F:2: unknown key "nod" in [compat.ports]; did you mean "node"?',
  ]);
  assert.deepEqual(mistakes("[compat]\nports = { web = 70000 }\n"), [
    "F:2: compat.ports.web: must be at most 65535, found 70000",
  ]);
  for (const text of ["3000,node=9001", "web", "3000;9000"]) {
    assert.deepEqual(mistakes("", { HOLDFAST_COMPAT_PORTS: text }), [
      `HOLDFAST_COMPAT_PORTS: must be ports such as "3000,9000" or "web=3000,node=9001", ` +
      `found "${text}"`,
    ]);
  }
});

Deno.test("a bad value from the environment names the variable, not the file", () => {
  assert.deepEqual(
    mistakes("[server]\nport = 1\n", { HOLDFAST_PORT: "70000", HOLDFAST_AUTH_ENABLED: "perhaps" }),
    [
      'HOLDFAST_AUTH_ENABLED: must be true or false, found "perhaps"',
      "HOLDFAST_PORT: server.port: must be at most 65535, found 70000",
    ].sort(),
  );
});

Deno.test("an empty variable sets nothing, and an unknown one is a warning", () => {
  const { config, warnings } = load("", { HOLDFAST_PORT: "", HOLDFAST_PROT: "1" });
  assert.equal(config.server.port, 8000);
  assert.deepEqual(warnings, [
    'The variable HOLDFAST_PROT sets nothing; did you mean "HOLDFAST_PORT"?',
  ]);
});

Deno.test("the simulation stands back where real agents are configured, unless asked for", () => {
  const agent = '[[agents]]\nid = "bus-1"\nagent = "bioreactor"\n';
  assert.equal(load(agent).config.simulation.enabled, false);
  assert.equal(load(agent + "[simulation]\nenabled = true\n").config.simulation.enabled, true);
  // A real pump answers to no name but its own until somebody says so.
  assert.deepEqual(load(agent).config.compat.pumpNames, []);
  assert.deepEqual(load("").config.compat.pumpNames, [
    "tube_1_in=inflow",
    "tube_1_out=outflow",
  ]);
});

Deno.test("an agent's own configuration is handed over untouched", () => {
  const { config } = load(
    '[[agents]]\nid = "b"\nagent = "c"\nconfig = { OD_Pin = 3, x_y = { zA = 1 } }\n',
  );
  assert.deepEqual(JSON.parse(JSON.stringify(config.agents[0]!.config)), {
    OD_Pin: 3,
    x_y: { zA: 1 },
  });
});

Deno.test("two agents cannot share an id", () => {
  assert.deepEqual(
    mistakes('[[agents]]\nid = "b"\nagent = "c"\n[[agents]]\nid = "b"\nagent = "c"\n'),
    ['F:5: two agents have the id "b"'],
  );
});

Deno.test("what is shown of a configuration hides every secret", () => {
  const shown = maskConfig({
    agents: [{ config: { api_key: "k", mqtt: { password: "p", host: "h" }, tokens: ["t"] } }],
  });
  assert.deepEqual(shown, {
    agents: [{
      config: {
        api_key: "********",
        mqtt: { password: "********", host: "h" },
        tokens: "********",
      },
    }],
  });
});

Deno.test("variables of the device coordination service are understood, and ours win", () => {
  const set = {
    COORDINATION_HOST: "::1",
    COORDINATION_PORT: "60621",
    COORDINATION_LOG_LEVEL: "WARNING",
    COORDINATION_KV_PATH: "locks-data",
  };
  const { config, cwd } = load("[server]\nhost = '127.0.0.2'\n", set);
  assert.equal(config.server.host, "::1");
  assert.deepEqual(config.compat.ports, { locks: 60621 });
  assert.equal(config.log.level, "warn");
  assert.equal(config.data.dir, join(cwd, "locks-data"));
  const both = load("", { ...set, HOLDFAST_HOST: "127.0.0.3", LOG_LEVEL: "error" }).config;
  assert.equal(both.server.host, "127.0.0.3");
  assert.equal(both.log.level, "error");
});

Deno.test("the locks' port joins ports that are there already, and what cannot be is told", () => {
  const ports = (toml: string, env = {}) =>
    load(toml, { COORDINATION_PORT: "60620", ...env }).config.compat.ports;
  assert.deepEqual(ports("[compat]\nports = [9000]\n"), { node: 9000, locks: 60620 });
  assert.deepEqual(ports("[compat]\nports = { node = 9001 }\n"), { node: 9001, locks: 60620 });
  assert.deepEqual(ports("", { HOLDFAST_COMPAT_PORTS: "locks=1,web=2" }), { locks: 1, web: 2 });
  assert.deepEqual(mistakes("", { COORDINATION_PORT: "sixty" }), [
    'COORDINATION_PORT: must be a number, found "sixty"',
  ]);
  const redis = load("", { COORDINATION_REDIS_URL: "redis://localhost:60590" });
  assert.match(redis.warnings.join(), /^COORDINATION_REDIS_URL sets nothing/);
});
