import assert from "node:assert/strict";
import type { ExperimentAsk, SubmitRefusal } from "./model.ts";
import { submitProblem } from "./problems.ts";
import { hasPython, openRig, type Rig, runs } from "./test_rig.ts";

async function refusal(rig: Rig, script: string, ask = {}): Promise<SubmitRefusal> {
  const submitted = await rig.experiments.submit(
    { script, kind: "python", ...ask } as ExperimentAsk,
    { owner: "user:anna", actor: "user:anna" },
  );
  assert.ok(!submitted.ok, script.slice(0, 50));
  return submitted.refusal;
}

runs("a script with a mistake is refused with its line before it is queued", async () => {
  await using rig = await openRig({ begin: false });
  const refused = await refusal(rig, "x = 1\nif x\n    print(x)\n");
  assert.deepEqual(refused, {
    kind: "script-rejected",
    errors: [{ line: 2, column: 5, message: "expected ':'" }],
  });
  const problem = submitProblem(refused);
  assert.equal(problem.status, 422);
  assert.equal(problem.detail, "Line 2: expected ':'");
  assert.deepEqual(await rig.experiments.queue(), []);
});

runs("a script that would break its checker is refused, and nothing of it is run", async () => {
  await using rig = await openRig({ begin: false });
  assert.equal((await refusal(rig, "(".repeat(100_000))).kind, "script-rejected");
  assert.equal((await refusal(rig, `x = ${"-".repeat(200_000)}1`)).kind, "script-rejected");
  const proof = `${rig.dir}/proof`;
  const { id } = await rig.submit(`open(${JSON.stringify(proof)}, "w").write("ran")`);
  assert.ok(id);
  await assert.rejects(Deno.stat(proof), Deno.errors.NotFound);
});

Deno.test("an empty, a huge and a broken script are refused for what they are", async () => {
  await using rig = await openRig({ begin: false });
  assert.deepEqual(await refusal(rig, " \n\t\n"), { kind: "script-empty" });
  const huge = await refusal(rig, "#".repeat(1_048_577));
  assert.deepEqual(huge, { kind: "script-too-large", bytes: 1_048_577, limit: 1_048_576 });
  assert.equal(submitProblem(huge).status, 413);
  assert.equal((await refusal(rig, "print('\0')")).kind, "script-rejected");
  assert.equal((await refusal(rig, "print('\ud800')")).kind, "script-rejected");
  assert.deepEqual(await refusal(rig, "print(1)", { devices: ["pump-9"] }), {
    kind: "device-unknown",
    deviceId: "pump-9",
  });
  assert.deepEqual(await refusal(rig, "print(1)", { endState: { "pump-9": {} } }), {
    kind: "device-unknown",
    deviceId: "pump-9",
  });
});

Deno.test("Python is refused where there is no sandbox and none was waived", async () => {
  await using rig = await openRig({ begin: false, config: { python: "/nowhere/python3" } });
  const refused = await refusal(rig, "print(1)");
  assert.equal(refused.kind, "runner-unavailable");
  assert.equal(submitProblem(refused).status, 503);
  await using deno = await openRig({ begin: false, config: { deno: "/nowhere/deno" } });
  assert.equal(
    (await refusal(deno, "console.log(1)", { kind: "typescript" })).kind,
    "runner-unavailable",
  );
});

Deno.test("nothing is accepted when the disk is below its floor", async () => {
  await using rig = await openRig({ begin: false, options: { diskFloorMb: 1e12 } });
  const refused = await refusal(rig, "print(1)");
  assert.equal(refused.kind, "disk-full");
  assert.equal(submitProblem(refused).status, 507);
});

runs("the same script is stored once, under its digest", async () => {
  await using rig = await openRig({ begin: false });
  const [one, two] = [await rig.submit("print(1)\n"), await rig.submit("print(1)\n")];
  assert.equal(one.scriptSha256, two.scriptSha256);
  const scripts = [...Deno.readDirSync(`${rig.dir}/scripts`)].map(({ name }) => name);
  assert.deepEqual(scripts, [`${one.scriptSha256}.py`]);
  assert.equal(await rig.experiments.script(two), "print(1)\n");
});

runs("an experiment nobody named is called by its first comment or docstring line", async () => {
  await using rig = await openRig({ begin: false });
  const titles = async (script: string) => (await rig.submit(script)).title;
  assert.equal(
    await titles('#!/usr/bin/env python3\n"""Growth at 30 degrees."""\n'),
    "Growth at 30 degrees",
  );
  assert.equal(await titles("# -*- coding: utf-8 -*-\n# Chemostat\nx = 1\n"), "Chemostat");
  assert.equal(await titles("x = 1\n# later\n"), "Experiment 3");
});

const unboxed =
  "Python without a sandbox runs only where that was configured, and still leaves nothing behind";
Deno.test(hasPython ? unboxed : `${unboxed} (needs python3)`, { ignore: !hasPython }, async () => {
  await using rig = await openRig({ config: { sandbox: "none" } });
  const done = await rig.run(`
import os, subprocess, urllib.request
print(urllib.request.urlopen(os.environ["BIOREACTOR_NODE_API_URL"] + "/api/status").status)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "300.125"])
    os._exit(0)
`);
  assert.equal(done.state, "completed", done.log);
  assert.equal(done.log, "200\n");
  const left = new Deno.Command("/bin/sh", {
    args: ["-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'sleep 300.12[5]'"],
  }).outputSync();
  assert.equal(new TextDecoder().decode(left.stdout).trim(), "0");
});
