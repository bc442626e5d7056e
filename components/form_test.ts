import assert from "node:assert/strict";
import { argsFrom, errorsByField, fieldsOf, isFormable, newKey } from "./form.ts";

const SCHEMA = {
  type: "object",
  properties: {
    duty: {
      type: "number",
      title: "Duty",
      description: "%; 0 stops the bar",
      "x-unit": "%",
      minimum: 0,
      maximum: 100,
    },
    pixel: { anyOf: [{ type: "integer", minimum: 0, maximum: 31 }, { type: "null" }] },
    red: { type: "integer", description: "0 dark to 255 full", minimum: 0, maximum: 255 },
    direction: { enum: ["heat", "cool"], type: "string", default: "heat" },
    blink: { type: "boolean" },
    nested: { type: "object" },
  },
  required: ["duty", "direction"],
};

Deno.test("each simple property becomes a field with its limits beside it", () => {
  const [duty, pixel, red, direction, blink, ...rest] = fieldsOf(SCHEMA);
  assert.equal(red!.hint, "0 dark to 255 full", "limits are not said twice");
  assert.equal(rest.length, 0);
  assert.deepEqual(duty, {
    name: "duty",
    label: "Duty",
    hint: "0 stops the bar; 0 to 100",
    unit: "%",
    kind: "number",
    required: true,
    min: 0,
    max: 100,
    initial: undefined,
  });
  assert.equal(pixel!.kind, "integer");
  assert.equal(pixel!.required, false);
  assert.deepEqual(direction!.choices, ["heat", "cool"]);
  assert.equal(direction!.required, false);
  assert.equal(blink!.kind, "boolean");
});

Deno.test("what a person filled in becomes typed arguments, empty optional fields left out", () => {
  const filled: Record<string, string> = { duty: " 12,5 ", pixel: "", direction: "cool" };
  assert.deepEqual(argsFrom(fieldsOf(SCHEMA), (name) => filled[name] ?? null), {
    duty: 12.5,
    direction: "cool",
    blink: false,
  });
});

Deno.test("text in a number field reaches the driver's check as it was written", () => {
  assert.deepEqual(argsFrom(fieldsOf(SCHEMA), (name) => name === "duty" ? "fast" : null), {
    duty: "fast",
    blink: false,
  });
});

Deno.test("what is wrong is said beside the field it is about", () => {
  const errors = [{ path: "args.duty", message: "too big", in: "json" }, {
    path: "op",
    message: "?",
  }];
  assert.deepEqual(errorsByField(errors), { duty: "too big", op: "?" });
  assert.deepEqual(errorsByField(undefined), {});
});

Deno.test("each command has a name of its own", () => {
  assert.match(newKey(), /^[0-9a-f]{32}$/);
  assert.notEqual(newKey(), newKey());
});

Deno.test("an operation whose required arguments have no field is left to programs", () => {
  assert.ok(isFormable(SCHEMA));
  assert.ok(isFormable({}));
  assert.ok(!isFormable({ properties: { pixels: { type: "array" } }, required: ["pixels"] }));
});
