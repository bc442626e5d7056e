import assert from "node:assert/strict";
import {
  decodeFlag,
  decodeGuid,
  decodeId,
  decodeInt,
  decodeNumber,
  decodeSwitch,
  decodeTime,
} from "./values.ts";

Deno.test("a number is what .NET writes, to the last digit", () => {
  assert.equal(decodeNumber("1.2E-05"), 1.2e-5);
  assert.equal(decodeNumber("8.577308032738535E+19"), 8.577308032738535e19);
  assert.equal(decodeNumber("-0.00055945764454228887"), -0.0005594576445422889);
  assert.ok(Object.is(decodeNumber("-0"), 0));
  for (
    const text of [
      "",
      "NaN",
      "INF",
      "-INF",
      "1,5",
      "0x10",
      "1e",
      "1 2",
      "1E999",
      "١",
      "1_000",
      "Infinity",
    ]
  ) {
    assert.equal(decodeNumber(text), undefined, text);
  }
});

Deno.test("a whole number is never rounded", () => {
  assert.equal(decodeInt("9007199254740991"), Number.MAX_SAFE_INTEGER);
  for (const text of ["9007199254740993", "1.0", "1E3", "", "12345678901234567890"]) {
    assert.equal(decodeInt(text), undefined, text);
  }
  assert.equal(decodeId("-1"), undefined);
  assert.equal(decodeId("0"), 0);
});

Deno.test("flags are spelled one way", () => {
  assert.deepEqual(["true", "false", "True", "1", ""].map(decodeFlag), [
    true,
    false,
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual(["On", "Off", "on"].map(decodeSwitch), [true, false, undefined]);
});

Deno.test("a time keeps its zone, drops what is below a millisecond and never carries over", () => {
  assert.deepEqual(decodeTime("2024-04-05T10:17:53.98788+01:00"), {
    atMs: Date.UTC(2024, 3, 5, 9, 17, 53, 987),
    zoneMin: 60,
  });
  assert.deepEqual(decodeTime("2024-04-05T11:36:47.2285448Z"), {
    atMs: Date.UTC(2024, 3, 5, 11, 36, 47, 228),
    zoneMin: 0,
  });
  assert.deepEqual(decodeTime("2024-02-29T23:59:59"), {
    atMs: Date.UTC(2024, 1, 29, 23, 59, 59),
    zoneMin: null,
  });
  assert.deepEqual(decodeTime("2024-01-01T00:00:00-09:30"), {
    atMs: Date.UTC(2024, 0, 1, 9, 30),
    zoneMin: -570,
  });
  assert.equal(decodeTime("0001-01-01T00:00:00"), null);
  for (
    const text of [
      "2023-02-29T00:00:00Z",
      "2024-04-05T24:00:00Z",
      "2024-04-05T23:60:00Z",
      "2024-04-05 10:00:00",
      "2024-04-05T10:00:00+15:00",
      "2024-04-05T10:00:00+01:99",
      "2024-04-05",
      "2024-04-05T10:00:00.12345678Z",
    ]
  ) assert.equal(decodeTime(text), undefined, text);
});

Deno.test("a guid is told from other text and kept in lower case", () => {
  assert.equal(
    decodeGuid("A57EC324-5326-43A3-8DC6-EE3424AA5814"),
    "a57ec324-5326-43a3-8dc6-ee3424aa5814",
  );
  assert.equal(decodeGuid("a57ec324"), undefined);
});
