import assert from "node:assert/strict";
import { ExperimentAsk } from "./model.ts";
import { declaredParameters, parameterValues } from "./parameters.ts";
import { openRig, runs } from "./test_rig.ts";

const HEADER = `"""Turbidostat."""
# parameters: {
#   "od": {"type": "number", "minimum": 0.05, "maximum": 2, "default": 0.6},
#   "temperature": {"type": "number", "unit": "°C", "minimum": 15, "maximum": 45},
#   "medium": {"type": "string", "enum": ["LB", "M9"], "default": "LB"},
#   "steps": {"type": "array", "items": {"type": "integer"}, "maxItems": 3, "default": []}
# }
print("runs")
`;

function declared(script = HEADER) {
  const found = declaredParameters(script, "python");
  assert.ok(found.ok, JSON.stringify(found));
  return found.value;
}

Deno.test("a script's header declares its parameters, over several lines and in either language", () => {
  assert.deepEqual(Object.keys(declared()!), ["od", "temperature", "medium", "steps"]);
  const typescript = declaredParameters(
    `// parameters: {"n": {"type": "integer"}}\nconsole.log(1);`,
    "typescript",
  );
  assert.deepEqual(typescript, { ok: true, value: { n: { type: "integer" } } });
  assert.equal(declared("# parameters of the culture: none\nprint(1)"), null);
  assert.equal(declared("print('# parameters: {')"), null);
});

Deno.test("a declaration that cannot be read is refused with its line", () => {
  const cases: [string, RegExp][] = [
    [`# parameters: {"a": }`, /not valid JSON/],
    [`# parameters: {"a": {"type": "number"}\nprint(1)`, /not valid JSON/],
    [`# parameters: {"a": {"type": "float"}}`, /parameter "a.type"/],
    [`# parameters: {"a": {"type": "number", "minimun": 3}}`, /parameter "a": .*minimun/],
    [`# parameters: {"a b": {"type": "number"}}`, /letters, digits/],
    [`# parameters: {"a": {"type": "number", "maximum": 1, "default": 2}}`, /its default: Too big/],
  ];
  for (const [header, wanted] of cases) {
    const found = declaredParameters(`import os\n${header}\n`, "python");
    assert.ok(!found.ok, header);
    assert.equal(found.refusal[0]!.line, 2);
    assert.match(found.refusal[0]!.message, wanted);
  }
});

Deno.test("values are checked one by one, defaults fill what is not given, and every mistake is named", () => {
  assert.deepEqual(parameterValues(declared(), { temperature: 30, medium: "M9" }), {
    ok: true,
    value: { od: 0.6, temperature: 30, medium: "M9", steps: [] },
  });
  const wrong = parameterValues(declared(), {
    od: "0.6",
    medium: "milk",
    steps: [1, 2.5],
    speed: 3,
  });
  assert.ok(!wrong.ok);
  assert.deepEqual(wrong.refusal.map(({ path }) => path).sort(), [
    "parameters.medium",
    "parameters.od",
    "parameters.speed",
    "parameters.steps.1",
    "parameters.temperature",
  ]);
  const hot = parameterValues(declared(), { temperature: 99 });
  assert.ok(!hot.ok);
  assert.match(hot.refusal[0]!.message, /<=45 \(°C\)/);
  assert.deepEqual(parameterValues(null, {}), { ok: true, value: {} });
  assert.equal(parameterValues(null, { od: 1 }).ok, false);
  assert.equal(parameterValues(declared(), JSON.parse(`{"__proto__": 1}`)).ok, false);
});

runs(
  "a script finds its values, and a submission that does not fit is refused before it is queued",
  async () => {
    await using rig = await openRig();
    const script = HEADER + `
from bioreactor_client import parameters
p = parameters(extra="own")
print(p["od"], p["temperature"], p["medium"], p["extra"], flush=True)
`;
    const done = await rig.run(script, { parameters: { temperature: 30 } });
    assert.equal(done.log, "runs\n0.6 30 LB own\n");
    assert.deepEqual(done.parameters, { od: 0.6, temperature: 30, medium: "LB", steps: [] });
    const by = { owner: "user:anna", actor: "user:anna" };
    const ask = ExperimentAsk.parse({ script });
    const missing = await rig.experiments.submit(ask, by);
    assert.ok(!missing.ok);
    assert.deepEqual(missing.refusal, {
      kind: "invalid-ask",
      errors: [{ path: "parameters.temperature", message: "is needed: it has no default" }],
    });
    const states = await rig.experiments.submit({
      ...ask,
      parameters: { temperature: 30 },
      endState: { stirrer: { duty: 200 }, co2: { ppm: 1 } },
      holdState: { "pump-inflow": { flwo: 1 }, stirrer: "keep" },
    }, by);
    assert.ok(!states.ok && states.refusal.kind === "invalid-ask");
    assert.deepEqual(states.refusal.errors.map(({ path }) => path), [
      "endState.stirrer.duty",
      "endState.co2",
      "holdState.pump-inflow",
    ]);
  },
);

Deno.test({
  name: "a TypeScript script finds its values too",
  async fn() {
    await using rig = await openRig();
    const done = await rig.run(
      `// parameters: {"n": {"type": "integer", "default": 2}}
import { parameters } from "bioreactor_client";
console.log(parameters().n, parameters({ m: 5 }).m);`,
      { kind: "typescript" },
    );
    assert.equal(done.log, "2 5\n");
  },
});

runs("a dry run checks everything and leaves nothing", async () => {
  await using rig = await openRig({ begin: false });
  const by = { owner: "user:anna", actor: "user:anna" };
  const ask = { script: HEADER, parameters: { temperature: 30 } };
  const dry = await rig.experiments.dryRun(ExperimentAsk.parse(ask), by);
  assert.ok(dry.ok);
  assert.equal(dry.value.draft.title, "Turbidostat");
  assert.deepEqual(Object.keys(dry.value.declared!), ["od", "temperature", "medium", "steps"]);
  const broken = await rig.experiments.dryRun(
    ExperimentAsk.parse({ ...ask, script: `${HEADER}print(` }),
    by,
  );
  assert.ok(!broken.ok && broken.refusal.kind === "script-rejected");
  assert.deepEqual((await rig.experiments.list({ limit: 10 })).experiments, []);
  assert.equal(await Deno.stat(`${rig.dir}/scripts`).then(() => true, () => false), false);
});
