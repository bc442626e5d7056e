import assert from "node:assert/strict";
import {
  BodyFaults,
  bool,
  choice,
  colour,
  fallback,
  fieldFault,
  float,
  integer,
  integerOrBool,
  named,
  optional,
  readBody,
  readQuery,
  text,
} from "./fastapi.ts";

const LED = { power: float({ ge: 0, le: 100 }) };
const PELTIER = {
  duty_cycle: float({ ge: 0, le: 100 }),
  direction: text("heat", "cool", "forward", "reverse"),
};
const RING = { red: integer({ ge: 0, le: 255 }), pixel_index: optional(integer({ ge: 0 })) };
const SWITCH = { state: bool() };
const COLOUR = { color: colour() };
const pattern = "^(heat|cool|forward|reverse)$";

/** Recorded from FastAPI 0.142 with pydantic 2.13 and the originals' models. */
const RECORDED: [Parameters<typeof readBody>[1], unknown, unknown][] = [
  [LED, { power: 150 }, {
    type: "less_than_equal",
    loc: ["body", "power"],
    msg: "Input should be less than or equal to 100",
    input: 150,
    ctx: { le: 100 },
  }],
  [LED, { power: -1 }, {
    type: "greater_than_equal",
    loc: ["body", "power"],
    msg: "Input should be greater than or equal to 0",
    input: -1,
    ctx: { ge: 0 },
  }],
  [LED, {}, { type: "missing", loc: ["body", "power"], msg: "Field required", input: {} }],
  [LED, undefined, { type: "missing", loc: ["body"], msg: "Field required", input: null }],
  [LED, null, { type: "missing", loc: ["body"], msg: "Field required", input: null }],
  [LED, [1], {
    type: "model_attributes_type",
    loc: ["body"],
    msg: "Input should be a valid dictionary or object to extract fields from",
    input: [1],
  }],
  [LED, 5, {
    type: "model_attributes_type",
    loc: ["body"],
    msg: "Input should be a valid dictionary or object to extract fields from",
    input: 5,
  }],
  [LED, { power: "x" }, {
    type: "float_parsing",
    loc: ["body", "power"],
    msg: "Input should be a valid number, unable to parse string as a number",
    input: "x",
  }],
  [LED, { power: "" }, {
    type: "float_parsing",
    loc: ["body", "power"],
    msg: "Input should be a valid number, unable to parse string as a number",
    input: "",
  }],
  [LED, { power: null }, {
    type: "float_type",
    loc: ["body", "power"],
    msg: "Input should be a valid number",
    input: null,
  }],
  [LED, { power: {} }, {
    type: "float_type",
    loc: ["body", "power"],
    msg: "Input should be a valid number",
    input: {},
  }],
  [PELTIER, { duty_cycle: 1, direction: "up" }, {
    type: "string_pattern_mismatch",
    loc: ["body", "direction"],
    msg: `String should match pattern '${pattern}'`,
    input: "up",
    ctx: { pattern },
  }],
  [PELTIER, { duty_cycle: 1, direction: 5 }, {
    type: "string_type",
    loc: ["body", "direction"],
    msg: "Input should be a valid string",
    input: 5,
  }],
  [RING, { red: 1.5 }, {
    type: "int_from_float",
    loc: ["body", "red"],
    msg: "Input should be a valid integer, got a number with a fractional part",
    input: 1.5,
  }],
  [RING, { red: "a" }, {
    type: "int_parsing",
    loc: ["body", "red"],
    msg: "Input should be a valid integer, unable to parse string as an integer",
    input: "a",
  }],
  [RING, { red: [] }, {
    type: "int_type",
    loc: ["body", "red"],
    msg: "Input should be a valid integer",
    input: [],
  }],
  [SWITCH, { state: "maybe" }, {
    type: "bool_parsing",
    loc: ["body", "state"],
    msg: "Input should be a valid boolean, unable to interpret input",
    input: "maybe",
  }],
  [SWITCH, { state: 2 }, {
    type: "bool_parsing",
    loc: ["body", "state"],
    msg: "Input should be a valid boolean, unable to interpret input",
    input: 2,
  }],
  [SWITCH, { state: null }, {
    type: "bool_type",
    loc: ["body", "state"],
    msg: "Input should be a valid boolean",
    input: null,
  }],
  [COLOUR, { color: 5 }, {
    type: "list_type",
    loc: ["body", "color"],
    msg: "Input should be a valid list",
    input: 5,
  }],
  [COLOUR, { color: [1, "x", 3] }, {
    type: "int_parsing",
    loc: ["body", "color", 1],
    msg: "Input should be a valid integer, unable to parse string as an integer",
    input: "x",
  }],
];

Deno.test("a body that does not fit gets the error FastAPI gives", () => {
  for (const [fields, body, expected] of RECORDED) {
    assert.deepEqual(faults(() => readBody(body, fields)), [expected], JSON.stringify(body));
  }
});

Deno.test("everything that is wrong is named at once", () => {
  assert.deepEqual(
    faults(() => readBody({ red: 300, pixel_index: -1 }, RING)).map(({ type }) => type),
    ["less_than_equal", "greater_than_equal"],
  );
});

Deno.test("numbers and switches may come as text, and unknown fields are ignored", () => {
  assert.deepEqual(readBody({ power: " 7 ", more: 1 }, LED), { power: 7 });
  assert.deepEqual(readBody({ red: "1.0" }, RING), { red: 1, pixel_index: null });
  assert.deepEqual(readBody({ red: 1.0, pixel_index: null }, RING), { red: 1, pixel_index: null });
  for (const on of [true, 1, "true", "T", "on", "YES", "1"]) {
    assert.deepEqual(readBody({ state: on }, SWITCH), { state: true });
  }
  for (const off of [false, 0, "false", "off", "n"]) {
    assert.deepEqual(readBody({ state: off }, SWITCH), { state: false });
  }
});

Deno.test("what is not a finite number never reaches a device", () => {
  for (const power of [Infinity, -Infinity, NaN, "inf", "1e999", "nan", true, "0x10"]) {
    const found = faults(() => readBody({ power }, { power: float() }));
    assert.equal(found.length, 1, String(power));
    // The reply is JSON, which has no word for them.
    assert.notEqual(JSON.parse(JSON.stringify(found))[0].input, null, String(power));
  }
});

Deno.test("an alias is read, and named in the error when it was used", () => {
  const fields = { velocity: named(float({ ge: 0 }), "ml_per_sec") };
  assert.deepEqual(readBody({ ml_per_sec: 2 }, fields), { velocity: 2 });
  assert.deepEqual(faults(() => readBody({ ml_per_sec: -2 }, fields))[0]!.loc, [
    "body",
    "ml_per_sec",
  ]);
  assert.deepEqual(faults(() => readBody({}, fields))[0]!.loc, ["body", "velocity"]);
});

Deno.test("a colour has three parts", () => {
  const [found] = faults(() => readBody({ color: [1, 2] }, COLOUR));
  assert.equal(found!.type, "value_error");
  assert.ok(found!.msg.includes("[red, green, blue], not 2 numbers"));
});

Deno.test("a fault found later looks like one of the body", () => {
  const { detail } = fieldFault("pixel_index", { type: "less_than_equal", msg: "too far" }, 40);
  assert.deepEqual(detail, [
    { type: "less_than_equal", loc: ["body", "pixel_index"], msg: "too far", input: 40 },
  ]);
});

function faults(act: () => unknown): readonly BodyFaults["detail"][number][] {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof BodyFaults, String(error));
    return error.detail;
  }
  assert.fail("it was accepted");
}

Deno.test("a query's missing fields are told one by one, without the whole query as their input", () => {
  const RELEASE = { device_name: text(), lock_key: text(), user_id: text() };
  const query = new URLSearchParams("device_name=motor%201&device_name=motor2&extra=1");
  const detail = faults(() => readQuery(query, RELEASE));
  assert.deepEqual(detail, [
    { type: "missing", loc: ["query", "lock_key"], msg: "Field required", input: null },
    { type: "missing", loc: ["query", "user_id"], msg: "Field required", input: null },
  ]);
  query.append("lock_key", "k");
  query.append("user_id", "");
  assert.deepEqual(readQuery(query, RELEASE), {
    device_name: "motor2",
    lock_key: "k",
    user_id: "",
  });
});

Deno.test("an enum takes its words as they are spelled and names them when it refuses", () => {
  const ASK = { lock_type: choice("MAINTENANCE", "MANUAL_OPERATOR", "QUEUE_QUEUED") };
  assert.deepEqual(readBody({ lock_type: "MANUAL_OPERATOR" }, ASK), {
    lock_type: "MANUAL_OPERATOR",
  });
  const expected = "'MAINTENANCE', 'MANUAL_OPERATOR' or 'QUEUE_QUEUED'";
  for (const input of ["maintenance", " MAINTENANCE", "", 1, null, ["MAINTENANCE"]]) {
    assert.deepEqual(faults(() => readBody({ lock_type: input }, ASK)), [{
      type: "enum",
      loc: ["body", "lock_type"],
      msg: `Input should be ${expected}`,
      input,
      ctx: { expected },
    }]);
  }
});

Deno.test("where it is asked for, true is 1, and a field that is not there has its default", () => {
  const ASK = { timeout: fallback(optional(integerOrBool({ ge: 0 })), 300) };
  const timeoutOf = (timeout: unknown) => readBody({ timeout }, ASK).timeout;
  assert.equal(readBody({}, ASK).timeout, 300);
  for (
    const [given, taken] of [[true, 1], [false, 0], [1.0, 1], ["5", 5], [" +7 ", 7], [null, null]]
  ) {
    assert.equal(timeoutOf(given), taken, String(given));
  }
  for (
    const [given, type] of [
      [1.5, "int_from_float"],
      ["1.5", "int_parsing"],
      ["true", "int_parsing"],
      [[], "int_type"],
      [-1, "greater_than_equal"],
    ] as const
  ) {
    assert.equal(faults(() => timeoutOf(given))[0]!.type, type, String(given));
  }
});
