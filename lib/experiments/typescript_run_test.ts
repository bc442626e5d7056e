import assert from "node:assert/strict";
import { openRig, processesWith } from "./test_rig.ts";
import type { ExperimentAsk } from "./model.ts";

const typescript = { kind: "typescript" } as const;

Deno.test("a TypeScript run has its output, its API and its token, and nothing else", async () => {
  await using rig = await openRig();
  const done = await rig.run(
    `
const reply = await fetch(Deno.env.get("BIOREACTOR_NODE_API_URL") + "/api/status", {
  headers: { authorization: "Bearer " + Deno.env.get("EXPERIMENT_TOKEN") },
});
console.log((await reply.json() as { status: string }).status);
Deno.writeTextFileSync(Deno.env.get("OUTPUT_DIR") + "/result.csv", "a\\n1\\n");
console.error("and a word to stderr");
const tries: Record<string, () => unknown> = {
  passwd: () => Deno.readTextFileSync("/etc/passwd"),
  others: () => [...Deno.readDirSync(Deno.env.get("OUTPUT_DIR") + "/../..")],
  outside: () => Deno.writeTextFileSync("/tmp/outside", "x"),
  script: () => Deno.writeTextFileSync(new URL(import.meta.url), "x"),
  program: () => new Deno.Command("/bin/sh", { args: ["-c", "true"] }).outputSync(),
  home: () => Deno.env.get("HOME"),
  hosts: () => fetch("http://127.0.0.2:1234/"),
  api: () => fetch("http://127.0.0.1:${1}/"),
  code: () => import("/etc/hos" + "ts"),
};
for (const [name, attempt] of Object.entries(tries)) {
  try {
    await attempt();
    console.log("DID", name);
  } catch (error) {
    console.log("refused", name, (error as Error).name);
  }
}
`,
    typescript,
  );
  assert.equal(done.state, "completed", done.log);
  assert.match(done.log, /^operational\nand a word to stderr\n/);
  assert.doesNotMatch(done.log, /DID/);
  assert.equal(done.log.match(/refused/g)!.length, 9);
  assert.deepEqual(rig.asked, [`GET /api/status Bearer token-of-${done.id}`]);
  assert.deepEqual((await rig.experiments.files(done.id)).map((f) => f.path), ["result.csv"]);
});

Deno.test("a TypeScript run that does not end is ended, and one that needs too much memory", async () => {
  await using rig = await openRig();
  const { id } = await rig.submit(
    `Deno.addSignalListener("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000);`,
    typescript,
  );
  await rig.says(id, "up");
  const over = rig.ended(id);
  await rig.experiments.cancel(id, "user:anna", "");
  assert.equal((await over).state, "cancelled");
  assert.deepEqual(processesWith(id), []);

  const greedy = await rig.run(
    "const kept = []; for (;;) kept.push(Array.from({ length: 100_000 }, () => ({ x: 1 })));",
    { ...typescript, limits: { memoryMb: 128 } },
  );
  assert.equal(greedy.state, "failed");
  assert.equal(greedy.error!.code, "memory", greedy.error!.text);
});

Deno.test("a TypeScript script's mistakes and imports are refused with their lines", async () => {
  await using rig = await openRig({ begin: false });
  const errors = async (script: string) => {
    const refused = await rig.experiments.submit(
      { script, kind: "typescript" } as ExperimentAsk,
      { owner: "user:anna", actor: "user:anna" },
    );
    assert.ok(!refused.ok && refused.refusal.kind === "script-rejected", script);
    return refused.refusal.errors.map(({ line, message }) => [line, message]);
  };
  assert.deepEqual(await errors("const a = 1;\nlet b = ;\n"), [[2, "Expression expected"]]);
  const allowed = 'a script can import "bioreactor_client" and "node:" modules';
  for (
    const specifier of [
      "https://example.org/x.ts",
      "npm:lodash",
      "jsr:@std/path",
      "./other.ts",
      "/etc/passwd",
      // Looking at the script must not read what it names.
      "/dev/zero",
      "file:///etc/passwd",
    ]
  ) {
    assert.deepEqual(await errors(`\nimport x from "${specifier}";\nconsole.log(x);`), [
      [2, `it imports "${specifier}"; ${allowed}`],
    ]);
  }
  assert.deepEqual(
    await errors('import data from "/etc/hosts.json" with { type: "json" };\nconsole.log(data);'),
    [[1, `it imports "/etc/hosts.json"; ${allowed}`]],
  );
  assert.deepEqual(
    await errors('console.log(1);\nawait import("/etc/passwd");'),
    [[2, `it imports "/etc/passwd"; ${allowed}`]],
  );
  const library = new URL("../../clients/typescript/", import.meta.url);
  for (const path of ["..%2f..%2fdeno.json", "%2e%2e/..%2fdeno.json", "mod.ts"]) {
    assert.deepEqual(
      await errors(`import a from "${library}${path}" with { type: "json" };\nconsole.log(a);`),
      [[1, `it imports "${library}${path}"; ${allowed}`]],
    );
  }
  // What a computed name could stand for is not told: those are this machine's files.
  assert.deepEqual(
    await errors(`const x = Deno.args[0];\nawait import(\`${library}\${x}\`);`),
    [[2, `it imports \`${library}\${x}\`; ${allowed}`]],
  );
  const types = await rig.submit('const n: number = "loose";\nconsole.log(n);', typescript);
  assert.equal(types.state, "queued");
});
