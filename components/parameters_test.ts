import assert from "node:assert/strict";
import { type Declared, parameterFields, parameterValuesOf, typedText } from "./parameters.ts";

const DECLARED: Declared = {
  temperature: {
    type: "number",
    title: "Temperature",
    unit: "°C",
    minimum: 20,
    maximum: 45,
    default: 37,
  },
  cycles: { type: "integer", minimum: 1 },
  gain: { type: "number", enum: [1, 2, 4], default: 2 },
  strain: { type: "string", enum: ["MG1655", "BW25113"] },
  dilute: { type: "boolean", default: true },
  steps: { type: "array", items: { type: "number" }, default: [0, 0.5] },
};

Deno.test("a script's declaration makes a form: units, limits, choices, defaults, in its order", () => {
  const fields = parameterFields(DECLARED);
  assert.deepEqual(fields.map(({ name, kind }) => [name, kind]), [
    ["temperature", "number"],
    ["cycles", "integer"],
    ["gain", "choice"],
    ["strain", "choice"],
    ["dilute", "boolean"],
    ["steps", "text"],
  ]);
  const [temperature, cycles, gain, strain, , steps] = fields;
  assert.deepEqual(
    [
      temperature!.label,
      temperature!.unit,
      temperature!.min,
      temperature!.max,
      temperature!.initial,
    ],
    ["Temperature", "°C", 20, 45, "37"],
  );
  assert.match(temperature!.hint, /20 to 45/);
  assert.deepEqual([cycles!.required, temperature!.required], [true, false]);
  assert.deepEqual(gain!.choices, ["1", "2", "4"]);
  assert.deepEqual([strain!.initial, strain!.none], [undefined, "choose"]);
  assert.deepEqual([steps!.initial, steps!.hint], ["0, 0.5", "separated by commas"]);
});

Deno.test("what was typed becomes values of the declared types, and what is empty is left out", () => {
  const typed: Record<string, string> = {
    temperature: "30,5",
    cycles: "many",
    gain: "4",
    strain: "",
    steps: "0; 1.5, x",
  };
  const shown = Object.keys(DECLARED);
  assert.deepEqual(parameterValuesOf(DECLARED, shown, (name) => typed[name] ?? null), {
    temperature: 30.5,
    cycles: "many",
    gain: 4,
    dilute: false,
    steps: [0, 1.5, "x"],
  });
  // A box that nobody was shown is not one that was left empty.
  assert.deepEqual(parameterValuesOf(DECLARED, [], () => null), {});
  assert.equal(typedText([1, 2]), "1, 2");
  assert.equal(typedText(true), "true");
});
