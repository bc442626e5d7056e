import {
  Chart,
  type ChartDataset,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  type Plugin,
  PointElement,
} from "chart.js";
import annotation, { type AnnotationOptions } from "chartjs-plugin-annotation";
import zoom from "chartjs-plugin-zoom";
import { formatClock, formatNumber, formatStamp } from "../format.ts";
import { panelsOf, type PlotChannel, type Point, timeTicks, type Trace } from "./shape.ts";

Chart.register(LineController, LineElement, PointElement, LinearScale, Filler, annotation);
// Its types describe a CommonJS module; what the bundle gives is the plugin itself.
Chart.register(zoom as unknown as Plugin);

/** A moment worth a line across all panels. */
export interface Mark {
  readonly atMs: number;
  readonly label: string;
  readonly href?: string;
}

export interface PanelsOptions {
  /** A person chose a range by dragging, with the wheel or with two fingers. */
  onRange(fromMs: number, toMs: number): void;
  /** Pointer at this time, or gone. */
  onHover(atMs: number | null): void;
  /** Double click: back to the window before the zoom. */
  onBack(): void;
  /** x is seconds since the start of a run, not a time of day. */
  elapsed?: boolean;
}

export interface Drawn {
  readonly channel: PlotChannel;
  readonly trace: Trace;
}

const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
/** Room for the axis labels, the same in every panel so that times line up. */
const AXIS_WIDTH = 52;

/** One chart a unit, stacked on one shared time axis; ours, on chart.js. */
export class Panels {
  #charts: { unit: string; chart: Chart<"line", Point[]>; canvas: HTMLCanvasElement }[] = [];
  #drawn: readonly Drawn[] = [];
  #range: [number, number] = [0, 1];
  #hoverMs: number | null = null;

  constructor(private readonly host: HTMLElement, private readonly options: PanelsOptions) {}

  /** Draws all; charts are kept while the set of units stays. */
  show(drawn: readonly Drawn[], range: [number, number], marks: readonly Mark[]): void {
    this.#drawn = drawn;
    this.#range = range;
    const panels = panelsOf(drawn.map(({ channel }) => channel));
    if (panels.map((p) => p.unit).join("|") !== this.#charts.map((c) => c.unit).join("|")) {
      this.#build(panels.map((p) => p.unit));
    }
    for (const { unit, chart } of this.#charts) {
      const own = drawn.filter(({ channel }) => channel.unit === unit);
      chart.data.datasets = own.flatMap(({ channel, trace }, index) =>
        datasetsOf(channel, trace, index)
      );
      const plugins = chart.options.plugins!;
      plugins.annotation = { annotations: annotationsOf(own, marks, this.#ink("--ink-3")) };
    }
    this.setRange(range);
  }

  setRange(range: [number, number]): void {
    this.#range = range;
    for (const { chart } of this.#charts) {
      const x = chart.options.scales!.x!;
      x.min = range[0];
      x.max = range[1];
      chart.update("none");
    }
  }

  hover(atMs: number | null): void {
    this.#hoverMs = atMs;
    for (const { chart } of this.#charts) chart.draw();
  }

  /** All panels on one picture, on the page's own background. */
  async toPng(title: string): Promise<Blob> {
    const ratio = globalThis.devicePixelRatio || 1;
    const width = Math.max(...this.#charts.map(({ canvas }) => canvas.width));
    const head = 28 * ratio;
    const height = this.#charts.reduce((sum, { canvas }) => sum + canvas.height, head);
    const sheet = new OffscreenCanvas(width, height);
    const context = sheet.getContext("2d")!;
    context.fillStyle = this.#ink("--card");
    context.fillRect(0, 0, width, height);
    context.fillStyle = this.#ink("--ink");
    context.font = `${13 * ratio}px sans-serif`;
    context.fillText(title, 8 * ratio, 18 * ratio);
    let y = head;
    for (const { canvas } of this.#charts) {
      context.drawImage(canvas, 0, y);
      y += canvas.height;
    }
    return await sheet.convertToBlob({ type: "image/png" });
  }

  destroy(): void {
    for (const { chart } of this.#charts) chart.destroy();
    this.#charts = [];
    this.host.replaceChildren();
  }

  #ink(token: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
  }

  #build(units: string[]): void {
    this.destroy();
    units.forEach((unit, index) => {
      const box = document.createElement("div");
      box.className = "panel";
      const canvas = document.createElement("canvas");
      canvas.setAttribute("aria-hidden", "true");
      box.append(canvas);
      this.host.append(box);
      canvas.addEventListener("pointermove", (event) => this.#point(event, canvas));
      canvas.addEventListener("pointerleave", () => this.options.onHover(null));
      canvas.addEventListener("dblclick", () => this.options.onBack());
      const chart = this.#chart(canvas, unit, index === units.length - 1);
      this.#charts.push({ unit, chart, canvas });
    });
  }

  #point(event: PointerEvent, canvas: HTMLCanvasElement): void {
    const chart = this.#charts.find((c) => c.canvas === canvas)?.chart;
    const at = chart?.scales.x?.getValueForPixel(event.offsetX);
    if (at !== undefined && at >= this.#range[0] && at <= this.#range[1]) this.options.onHover(at);
  }

  #chart(canvas: HTMLCanvasElement, unit: string, last: boolean): Chart<"line", Point[]> {
    const grid = this.#ink("--line");
    const text = this.#ink("--ink-3");
    const font = { size: 11, family: getComputedStyle(document.body).fontFamily };
    const ranged = ({ chart }: { chart: Chart }) => {
      const { min, max } = chart.scales.x!;
      this.options.onRange(min, max);
    };
    return new Chart<"line", Point[]>(canvas, {
      type: "line",
      data: { datasets: [] },
      plugins: [this.#overlay(unit)],
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        responsive: true,
        maintainAspectRatio: false,
        events: [],
        layout: { padding: { top: 16, right: 8 } },
        scales: {
          x: {
            type: "linear",
            border: { display: false },
            grid: { display: false },
            ticks: { display: last, color: text, font, maxRotation: 0, callback: this.#tick },
            afterBuildTicks: (axis) => {
              const most = Math.max(2, Math.floor(axis.width / 90));
              const zone = this.options.elapsed ? 0 : zoneOffsetMs(axis.min);
              axis.ticks = timeTicks(axis.min, axis.max, most, zone).map((value) => ({ value }));
            },
          },
          y: {
            border: { display: false },
            grid: { color: grid, drawTicks: false },
            grace: "8%",
            afterFit: (axis) => {
              axis.width = AXIS_WIDTH;
            },
            ticks: { color: text, font, padding: 8, maxTicksLimit: 5 },
          },
        },
        plugins: {
          zoom: {
            zoom: {
              drag: { enabled: true, backgroundColor: `${this.#ink("--act")}33`, threshold: 6 },
              wheel: { enabled: true, modifierKey: "ctrl" },
              pinch: { enabled: true },
              mode: "x",
              onZoomComplete: ranged,
            },
            limits: { x: { minRange: 2000 } },
          },
        },
      },
    });
  }

  #tick = (value: number | string): string => {
    const at = Number(value);
    const span = this.#range[1] - this.#range[0];
    if (this.options.elapsed) return elapsedText(at);
    if (span > 2 * 86_400_000) return formatStamp(at, at).replace(/ \d\d:\d\d:\d\d$/, "");
    return span > 600_000 ? formatClock(at).slice(0, 5) : formatClock(at);
  };

  /** Unit as heading, gaps as shade, crosshair as a line: what chart.js has no word for. */
  #overlay(unit: string): Plugin<"line"> {
    return {
      id: "holdfast-overlay",
      beforeDatasetsDraw: ({ ctx, chartArea, scales }) => {
        ctx.save();
        ctx.fillStyle = `${this.#ink("--ink")}12`;
        for (const { channel, trace } of this.#drawn) {
          if (channel.unit !== unit) continue;
          for (const gap of trace.gaps) {
            const left = Math.max(scales.x!.getPixelForValue(gap.fromMs), chartArea.left);
            const right = Math.min(scales.x!.getPixelForValue(gap.toMs), chartArea.right);
            if (right > left) ctx.fillRect(left, chartArea.top, right - left, chartArea.height);
          }
        }
        ctx.restore();
      },
      afterDraw: ({ ctx, chartArea, scales }) => {
        ctx.save();
        ctx.fillStyle = this.#ink("--ink-2");
        ctx.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
        const names = this.#drawn.filter(({ channel }) => channel.unit === unit);
        const title = names.length === 1 ? names[0]!.channel.label : "";
        ctx.fillText(unit === "" ? title : `${title} (${unit})`.trim(), chartArea.left, 11);
        if (this.#hoverMs !== null) {
          const x = scales.x!.getPixelForValue(this.#hoverMs);
          ctx.strokeStyle = this.#ink("--ink-3");
          ctx.beginPath();
          ctx.moveTo(x, chartArea.top);
          ctx.lineTo(x, chartArea.bottom);
          ctx.stroke();
        }
        ctx.restore();
      },
    };
  }
}

function datasetsOf(
  channel: PlotChannel,
  trace: Trace,
  index: number,
): ChartDataset<"line", Point[]>[] {
  const colour = getComputedStyle(document.documentElement)
    .getPropertyValue(`--s${channel.colour}`).trim();
  const base = { pointRadius: 0, borderWidth: 0, spanGaps: false, tension: 0 };
  const band: ChartDataset<"line", Point[]>[] = trace.low.length === 0 ? [] : [
    { ...base, data: trace.low as Point[], fill: false },
    { ...base, data: trace.high as Point[], fill: "-1", backgroundColor: `${colour}2e` },
  ];
  return [...band, {
    ...base,
    data: trace.line as Point[],
    borderColor: colour,
    borderWidth: 1.8,
    borderDash: DASHES[index % DASHES.length],
    // A single sample between two gaps would be invisible as a line.
    pointRadius: trace.line.length === 1 ? 2 : 0,
    pointBackgroundColor: colour,
  }];
}

function annotationsOf(
  drawn: readonly Drawn[],
  marks: readonly Mark[],
  colour: string,
): Record<string, AnnotationOptions> {
  if (drawn.length === 0) return {};
  return Object.fromEntries(marks.map((mark, index): [string, AnnotationOptions] => [`m${index}`, {
    type: "line",
    xMin: mark.atMs,
    xMax: mark.atMs,
    borderColor: colour,
    borderWidth: 1,
    borderDash: [3, 3],
  }]));
}

function zoneOffsetMs(atMs: number): number {
  return -new Date(atMs).getTimezoneOffset() * 60_000;
}

function elapsedText(ms: number): string {
  const s = ms / 1000;
  if (s < 120) return `${formatNumber(s, 0)} s`;
  return s < 7200 ? `${formatNumber(s / 60, 0)} min` : `${formatNumber(s / 3600, 1)} h`;
}
