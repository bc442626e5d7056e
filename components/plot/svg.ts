import { zoneAheadMs } from "../format.ts";
import { tickText, timeTicks, valueAxis } from "./axis.ts";
import {
  type Drawn,
  extentOf,
  type Mark,
  panelsOf,
  panelTitle,
  type PlotChannel,
  type Point,
} from "./shape.ts";

/** Measures that the drawn chart and its picture share, in CSS pixels. */
export const LAYOUT = {
  /** Room for the axis labels, the same in every panel so that times line up. */
  axis: 46,
  /** Room for a panel's heading. */
  head: 18,
  /** Room for the times below the last panel. */
  foot: 22,
  right: 10,
  /** Panel height a value line needs. */
  perTick: 30,
  perTime: 84,
  /** Nearer to the end than this, a time would be cut off. */
  end: 8,
} as const;

/** How many stretches a value axis of this height is cut into at most. */
export function intervalsIn(height: number): number {
  return Math.min(5, Math.max(1, Math.round(height / LAYOUT.perTick)));
}

/** Dashes tell channels of one panel apart where colours cannot. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

export interface Picture {
  readonly drawn: readonly Drawn[];
  readonly range: readonly [number, number];
  readonly marks: readonly Mark[];
  readonly width: number;
  readonly height: number;
  /** Zone of the time axis; `null`: time since the start of a run. */
  readonly zone: string | null;
  /** What a colour token stands for: itself on a page, its value in a file. */
  readonly colour: (token: string) => string;
  readonly font: string;
  /** Written above; for files. */
  readonly title?: string;
}

/** The chart as SVG text: what a page shows before its scripts run, and what a person exports. */
export function pictureOf(picture: Picture): string {
  const { drawn, range, marks, width, height, zone, colour, font, title } = picture;
  const panels = panelsOf(drawn);
  const top = title === undefined ? 0 : 28;
  const each = (height - top - LAYOUT.foot) / Math.max(1, panels.length);
  const left = LAYOUT.axis;
  const right = width - LAYOUT.right;
  const [fromMs, toMs] = range;
  const xOf = (at: number) => left + (at - fromMs) / (toMs - fromMs) * (right - left);
  const parts: string[] = [];
  const text = (x: number, y: number, content: string, more: string) =>
    parts.push(`<text x="${n(x)}" y="${n(y)}" ${more}>${escaped(content)}</text>`);
  const line = (x1: number, y1: number, x2: number, y2: number, more: string) =>
    parts.push(`<path d="M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}" fill="none" ${more}/>`);

  panels.forEach((panel, index) => {
    const y0 = top + index * each + LAYOUT.head;
    const y1 = top + (index + 1) * each - 4;
    const axis = valueAxis(
      extentOf(panel.drawn, range),
      panel.drawn.map(({ channel }) => channel),
      intervalsIn(y1 - y0),
    );
    const yOf = (value: number) => y1 - (value - axis.min) / (axis.max - axis.min) * (y1 - y0);
    for (const tick of axis.ticks) {
      line(left, yOf(tick), right, yOf(tick), `stroke="${colour("--line")}"`);
      const label = tick.toFixed(axis.decimals).replace("-", "−");
      text(left - 8, yOf(tick) + 4, label, `text-anchor="end" fill="${colour("--ink-3")}"`);
    }
    text(left, y0 - 6, panelTitle(panel), `font-weight="600" fill="${colour("--ink-2")}"`);
    for (const { trace } of panel.drawn) {
      for (const gap of trace.gaps) {
        const [a, b] = [Math.max(gap.fromMs, fromMs), Math.min(gap.toMs, toMs)];
        if (b <= a) continue;
        parts.push(
          `<rect x="${n(xOf(a))}" y="${n(y0)}" width="${n(xOf(b) - xOf(a))}" height="${
            n(y1 - y0)
          }" ` +
            `fill="${colour("--ink")}" fill-opacity="0.07"/>`,
        );
      }
    }
    panel.drawn.forEach(({ channel, trace, setpoint = [], dots = false }, at) => {
      const ink = colour(colourOf(channel));
      const inside = (points: readonly Point[]) =>
        points.filter(({ x }) => x >= fromMs && x <= toMs);
      if (dots) {
        const path = inside(trace.line).filter(({ y }) => y !== null)
          .map(({ x, y }) => `M${n(xOf(x))} ${n(yOf(y!))}h0`).join("");
        parts.push(
          `<path d="${path}" fill="none" stroke="${ink}" stroke-opacity="0.55" stroke-width="3.2" ` +
            `stroke-linecap="round"/>`,
        );
        return;
      }
      const [low, high] = [inside(trace.low), inside(trace.high)];
      const band = bandPath(low, high, xOf, yOf);
      if (band !== "") parts.push(`<path d="${band}" fill="${ink}" fill-opacity="0.18"/>`);
      const asked = pathOf(setpoint.map(({ x, y }) => ({ x: clamp(x, range), y })), xOf, yOf);
      if (asked !== "") {
        parts.push(`<path d="${asked}" fill="none" stroke="${colour("--ink-3")}"/>`);
      }
      const path = pathOf(inside(trace.line), xOf, yOf);
      for (const { x, y } of alone(inside(trace.line))) {
        parts.push(`<circle cx="${n(xOf(x))}" cy="${n(yOf(y!))}" r="2" fill="${ink}"/>`);
      }
      if (path !== "") {
        const dash = DASHES[at % DASHES.length]!.join(" ");
        parts.push(
          `<path d="${path}" fill="none" stroke="${ink}" stroke-width="1.8" stroke-linejoin="round"` +
            `${dash === "" ? "" : ` stroke-dasharray="${dash}"`}/>`,
        );
      }
    });
  });

  const bottom = top + panels.length * each - 4;
  for (const { x, label, hasRoom } of panels.length === 0 ? [] : placed(marks, range, xOf, right)) {
    line(
      x,
      top + LAYOUT.head,
      x,
      bottom,
      `stroke="${colour("--ink-3")}" stroke-dasharray="3 3"`,
    );
    if (hasRoom) text(x + 9, bottom - 5, label, `fill="${colour("--ink-2")}"`);
  }
  const ahead = zone === null ? 0 : zoneAheadMs(zone, fromMs);
  const most = Math.max(2, Math.floor((right - left) / LAYOUT.perTime));
  for (const at of panels.length === 0 ? [] : timeTicks(fromMs, toMs, most, ahead)) {
    if (right - xOf(at) < LAYOUT.end) continue;
    const label = tickText(at, toMs - fromMs, zone);
    text(xOf(at), bottom + 18, label, `text-anchor="middle" fill="${colour("--ink-3")}"`);
  }
  if (title !== undefined) text(8, 18, title, `font-weight="600" fill="${colour("--ink")}"`);
  const ground = title === undefined
    ? ""
    : `<rect width="${width}" height="${height}" fill="${colour("--card")}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" font-family="${escaped(font)}" font-size="11">` +
    `${ground}${parts.join("")}</svg>`;
}

/** A mark where it is drawn; several that would cover each other are one. */
export interface PlacedMark {
  readonly x: number;
  readonly label: string;
  readonly href: string;
  /** Whether its words fit before the next mark or the end. */
  readonly hasRoom: boolean;
}

/** Nearer than this, two marks cannot be told apart or hit with a finger. */
const APART = 14;

/** The marks in sight, oldest first, at their places in pixels. */
export function placed(
  marks: readonly Mark[],
  [fromMs, toMs]: readonly [number, number],
  xOf: (atMs: number) => number,
  right: number,
): PlacedMark[] {
  const groups: { x: number; marks: Mark[] }[] = [];
  for (const mark of marks) {
    if (mark.atMs < fromMs || mark.atMs > toMs) continue;
    const x = xOf(mark.atMs);
    const last = groups.at(-1);
    if (last !== undefined && x - last.x < APART) last.marks.push(mark);
    else groups.push({ x, marks: [mark] });
  }
  return groups.map(({ x, marks }, index) => {
    const end = Math.min(groups[index + 1]?.x ?? Infinity, right);
    const words = marks.length === 1
      ? marks[0]!.label
      : `${marks.length} events, first: ${marks[0]!.label}`;
    return {
      x,
      label: words,
      href: marks[0]!.href,
      hasRoom: end - x > 18 + words.length * 6,
    };
  });
}

/** The colour token of a channel. */
export function colourOf({ colour }: Pick<PlotChannel, "colour">): string {
  return `--s${colour}`;
}

function pathOf(
  points: readonly Point[],
  xOf: (at: number) => number,
  yOf: (value: number) => number,
): string {
  let path = "";
  let pen = "M";
  for (const { x, y } of points) {
    if (y === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${n(xOf(x))} ${n(yOf(y))}`;
    pen = "L";
  }
  return path;
}

/** Points without a neighbour, which a line would not show. */
function alone(points: readonly Point[]): Point[] {
  return points.filter(({ y }, i) =>
    y !== null && (points[i - 1]?.y ?? null) === null && (points[i + 1]?.y ?? null) === null
  );
}

/** The area between two lines, one piece for each stretch without a gap. */
function bandPath(
  low: readonly Point[],
  high: readonly Point[],
  xOf: (at: number) => number,
  yOf: (value: number) => number,
): string {
  let path = "";
  let from = 0;
  for (let i = 0; i <= low.length; i++) {
    if (i < low.length && low[i]!.y !== null) continue;
    const there = low.slice(from, i);
    const back = high.slice(from, i).toReversed();
    if (there.length > 1) {
      path += pathOf(there, xOf, yOf) + pathOf(back, xOf, yOf).replace("M", "L") + "Z";
    }
    from = i + 1;
  }
  return path;
}

function clamp(x: number, [from, to]: readonly [number, number]): number {
  return Math.min(Math.max(x, from), to);
}

/** A number as short as a tenth of a pixel allows. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
