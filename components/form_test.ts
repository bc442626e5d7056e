import assert from "node:assert/strict";
import { argsFrom, fieldsOf } from "./form.ts";

const SCHEMA = {
  type: "object",
  properties: {
    duty: { type: "number", title: "Duty", description: "%", minimum: 0, maximum: 100 },
    pixel: { anyOf: [{ type: "integer", minimum: 0, maximum: 31 }, { type: "null" }] },
    direction: { enum: ["heat", "cool"], type: "string", default: "heat" },
    blink: { type: "boolean" },
    nested: { type: "object" },
  },
  required: ["duty", "direction"],
};

Deno.test("each simple property becomes a field with its limits beside it", () => {
  const [duty, pixel, direction, blink, ...rest] = fieldsOf(SCHEMA);
  assert.equal(rest.length, 0);
  assert.deepEqual(duty, {
    name: "duty",
    label: "Duty",
    hint: "%; 0 to 100",
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
