import assert from "node:assert/strict";
import { againstEpu, idsFrom, isAutomatic, mergedOrder, movedTo } from "./epu_decisions.ts";
import { byCode, type CountsLike, verdictOf } from "./epu_findings.ts";
import { gapMs, sortedSquares, type SquareRow, trendLines, trendsHref } from "./epu_trends.ts";

Deno.test("an edited order keeps its own places when the proposal changes under it", () => {
  const draft = { order: [4, 2, 1], removed: [3] };
  assert.deepEqual(mergedOrder(draft, [1, 2, 3, 4]), { order: [4, 2, 1], gone: 0, fresh: 0 });
  assert.deepEqual(
    mergedOrder(draft, [5, 1, 3, 4, 6]),
    { order: [4, 1, 5, 6], gone: 1, fresh: 2 },
    "what is done is gone, what is new comes last, what was left out stays out",
  );
});

Deno.test("moving one target keeps all of them, wherever it is moved to", () => {
  const order = [11, 12, 13, 14];
  assert.deepEqual(movedTo(order, 13, 1), [13, 11, 12, 14]);
  assert.deepEqual(movedTo(order, 11, 99), [12, 13, 14, 11]);
  assert.deepEqual(movedTo(order, 14, -5), [14, 11, 12, 13]);
  for (const id of order) {
    for (let to = 0; to < 6; to++) assert.deepEqual(movedTo(order, id, to).toSorted(), order);
  }
});

Deno.test("ids are read however they are separated, and nothing else is taken for one", () => {
  assert.deepEqual(idsFrom(" 11, 12;13\n14 "), [11, 12, 13, 14]);
  assert.deepEqual(idsFrom(""), []);
  for (const wrong of ["1.5", "-3", "twelve", "1e400", "0x"]) assert.equal(idsFrom(wrong), null);
});

Deno.test("an order is told apart from EPU's own in words", () => {
  assert.match(againstEpu([1, 2, 3]), /the same as/);
  assert.match(againstEpu([2, 1, 3, null]), /^2 of 4 /);
  assert.match(againstEpu([null]), /not known/);
});

Deno.test("approval is automatic only with a policy that is on and not switched off", () => {
  const policy = {
    name: "night",
    enabled: true,
    kinds: ["holeOrder"],
    confidenceMin: 0.7,
    holesPerHour: 60,
    squaresPerHour: 2,
  };
  assert.equal(isAutomatic(policy, null), true);
  assert.equal(isAutomatic(policy, { off: true }), false);
  assert.equal(isAutomatic({ ...policy, enabled: false }, null), false);
  assert.equal(isAutomatic(null, { off: false }), false);
});

const WHOLE: CountsLike = {
  squares: 2,
  squaresImaged: 2,
  holes: 8,
  holesSelected: 8,
  holesFinished: 8,
  micrographs: 16,
  exposures: { expected: 16, listed: 16, seen: 16 },
  orphans: 0,
  filesTruncated: 0,
};
const REST = { squaresListed: 2, squaresRead: 2, errors: 0, gaps: 0, hasSession: true };

Deno.test("a session is valid and complete apart from each other", () => {
  const verdict = (counts: Partial<CountsLike>, rest: Partial<typeof REST> = {}) => {
    const { valid, complete } = verdictOf({ counts: { ...WHOLE, ...counts }, ...REST, ...rest });
    return [valid, complete];
  };
  assert.deepEqual(verdict({}), [true, true]);
  assert.deepEqual(verdict({ holesFinished: 7 }), [true, false]);
  assert.deepEqual(verdict({ exposures: { expected: 16, listed: 16, seen: 15 } }), [true, false]);
  assert.deepEqual(verdict({ orphans: 1 }), [true, false]);
  assert.deepEqual(verdict({}, { errors: 1 }), [false, true]);
  assert.deepEqual(verdict({}, { hasSession: false }), [false, true]);
});

Deno.test("findings of one kind and severity stand together, in the order they come", () => {
  const finding = (code: string, path: string) => ({
    code,
    severity: "warning" as const,
    path,
    where: null,
    text: "",
    consequence: "",
    firstSeenAtMs: 0,
  });
  const groups = byCode([finding("b", "1"), finding("a", "2"), finding("b", "3")]);
  assert.deepEqual(groups.map((some) => some.map(({ path }) => path)), [["1", "3"], ["2"]]);
});

Deno.test("trends break where the microscope stood, and give each quantity a panel", () => {
  const minute = 60_000;
  const times = [0, 1, 2, 3, 60, 61].map((n) => n * minute);
  const flat = times.flatMap((atMs) => [atMs, 3, 3]);
  const none: number[] = [];
  const { drawn, rows } = trendLines(
    { totalMotion: flat, ctfResolution: flat, particlesPicked: none, particlesSelected: none },
    50,
  );
  assert.equal(gapMs(times), 10 * minute);
  assert.deepEqual(drawn.map(({ channel }) => channel.panel), [
    "totalMotion",
    "totalMotion",
    "ctfResolution",
    "ctfResolution",
  ]);
  assert.deepEqual(drawn[0]!.trace.gaps, [{ fromMs: 3 * minute, toMs: 60 * minute }]);
  assert.equal(drawn[1]!.dots, true);
  assert.equal(rows.length, drawn.length, "the table has a column for each");
});

Deno.test("squares are sorted with the best first, and those without a value last", () => {
  const summary = (median: number) => ({ count: 1, mean: median, sd: null, median });
  const rows: SquareRow[] = [
    { squareId: 3, exposures: 1, metrics: { ctfResolution: summary(3) } },
    { squareId: 1, exposures: 1, metrics: { particlesPicked: summary(90) } },
    {
      squareId: 2,
      exposures: 1,
      metrics: { ctfResolution: summary(2.5), particlesPicked: summary(300) },
    },
  ];
  const ids = (by: Parameters<typeof sortedSquares>[1]) =>
    sortedSquares(rows, by).map(({ squareId }) => squareId);
  assert.deepEqual(ids("square"), [1, 2, 3]);
  assert.deepEqual(ids("ctfResolution"), [2, 3, 1]);
  assert.deepEqual(ids("particlesPicked"), [2, 1, 3]);
});

Deno.test("an address of trends names only what differs from the page as it begins", () => {
  const ask = { window: 50, range: null, sort: "square", asTable: false } as const;
  assert.equal(trendsHref(ask, {}), "?");
  assert.equal(
    trendsHref(ask, { range: [1, 2.4], sort: "ctfResolution", asTable: true, window: 20 }),
    "?median=20&from=1&to=2&sort=ctfResolution&view=table",
  );
});
