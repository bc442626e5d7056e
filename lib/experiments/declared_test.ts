import assert from "node:assert/strict";
import { createApi, problemHandler } from "../http.ts";
import { silentLog } from "../log.ts";
import { addDeclared } from "./declared_api.ts";

async function ask(script: string, kind = "python") {
  const api = createApi();
  addDeclared(api);
  api.onError(problemHandler(silentLog));
  const reply = await api.request("/experiments/parameters", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ script, kind }),
  });
  return { status: reply.status, body: await reply.json() };
}

Deno.test("a form reads a script's parameters without submitting anything", async () => {
  const header = '# parameters: {"od": {"type": "number", "unit": "V", "minimum": 0},\n' +
    '#   "dilute": {"type": "boolean", "default": true}}\nthis is no python';
  const { status, body } = await ask(header);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body.declared), ["od", "dilute"]);
  assert.deepEqual(body.declared.od, { type: "number", unit: "V", minimum: 0 });
  assert.deepEqual((await ask("print(1)")).body, { declared: null });
  // A comment of the other language is none.
  assert.deepEqual((await ask(header, "typescript")).body, { declared: null });
});

Deno.test("a declaration that cannot be read comes back with its line", async () => {
  const { status, body } = await ask('\n# parameters: {"od": {"type": "colour"}}\n');
  assert.equal(status, 422);
  assert.equal(body.type, "/problems/script-rejected");
  assert.equal(body.errors[0].line, 2);
  assert.equal((await ask("print(1)", "cobol")).status, 422);
});
