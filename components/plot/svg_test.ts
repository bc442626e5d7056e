import assert from "node:assert/strict";
import { traceOf } from "./shape.ts";
import { pictureOf, placed } from "./svg.ts";

const bucket = (atMs: number, mean: number) => ({ atMs, mean, min: mean, max: mean, count: 1 });
const channel = (label: string, unit: string, colour: number) => ({
  deviceId: "d",
  channel: label,
  label,
  unit,
  decimals: 1,
  periodMs: 1000,
  colour,
});
const picture = {
  drawn: [
    { channel: channel("OD", "V", 1), trace: traceOf([bucket(0, 1), bucket(60_000, 2)], 90_000) },
    {
      channel: channel("<Room> & vessel", "°C", 2),
      trace: traceOf([bucket(0, 20), bucket(10_000, 21), bucket(50_000, 22)], 20_000),
    },
  ],
  range: [0, 60_000],
  marks: [{ atMs: 30_000, label: 'heater "on"', href: "/x" }],
  width: 600,
  height: 300,
  zone: "UTC",
  colour: (token: string) => `var(${token})`,
  font: "sans-serif",
} as const;

Deno.test("a picture has a panel a unit, its curves in their colours, gaps as gaps and marks", () => {
  const svg = pictureOf(picture);
  assert.match(svg, /^<svg [^>]*viewBox="0 0 600 300"/);
  assert.match(svg, /stroke="var\(--s1\)"/);
  assert.match(svg, />OD \(V\)</);
  assert.match(svg, />&lt;Room> &amp; vessel \(°C\)</);
  assert.equal(svg.match(/fill-opacity="0.07"/g)?.length, 1, "one gap is shaded");
  assert.match(/d="([^"]*)" fill="none" stroke="var\(--s2\)"/.exec(svg)![1]!, /^M.*L.*M/);
  assert.match(svg, /stroke-dasharray="3 3"/);
  assert.match(svg, />heater &quot;on&quot;</);
  assert.match(svg, />00:00:30</);
});

Deno.test("a sample between two gaps is a dot", () => {
  const [od] = picture.drawn;
  const trace = traceOf([bucket(0, 1), bucket(30_000, 1.5), bucket(60_000, 2)], 9_000);
  const svg = pictureOf({ ...picture, drawn: [{ ...od, trace }] });
  assert.equal(svg.match(/<circle /g)?.length, 3);
});

Deno.test("a picture without data is an empty one", () => {
  const svg = pictureOf({ ...picture, drawn: [], title: "Nothing" });
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  assert.match(svg, />Nothing</);
  const { channel } = picture.drawn[0];
  const empty = pictureOf({ ...picture, drawn: [{ channel, trace: traceOf([], 1) }] });
  assert.doesNotMatch(empty, /NaN|undefined|Infinity/);
});

Deno.test("words stand beside a mark only where they end before the next one", () => {
  const mark = (atMs: number, label: string) => ({ atMs, label, href: `/${label}` });
  const marks = [mark(0, "start"), mark(100, "a long note about it"), mark(150, "end")];
  const places = placed(marks, [0, 300], (at) => at, 300);
  assert.deepEqual(places.map(({ hasRoom }) => hasRoom), [true, false, true]);
});

Deno.test("marks that would cover each other are one, and those out of sight are none", () => {
  const mark = (atMs: number) => ({ atMs, label: `at ${atMs}`, href: "/" });
  const places = placed([-5, 10, 15, 23, 60, 400].map(mark), [0, 300], (at) => at, 300);
  assert.deepEqual(places.map(({ x, label }) => [x, label]), [
    [10, "3 events, first: at 10"],
    [60, "at 60"],
  ]);
});
