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
import zoom from "chartjs-plugin-zoom";
import { zoneAheadMs } from "../format.ts";
import { tickText, timeTicks, type ValueAxis, valueAxis } from "./axis.ts";
import {
  type Drawn,
  extentOf,
  type Mark,
  panelOf,
  panelsOf,
  panelTitle,
  type Point,
  type Trace,
} from "./shape.ts";
import {
  colourOf,
  DASHES,
  intervalsIn,
  LAYOUT,
  pictureOf,
  placed,
  type PlacedMark,
} from "./svg.ts";
import { RANGE_MIN_MS } from "./view.ts";

Chart.register(LineController, LineElement, PointElement, LinearScale, Filler);
// Its types describe a CommonJS module; what the bundle gives is the plugin itself.
Chart.register(zoom as unknown as Plugin);

export interface PanelsOptions {
  /** A person chose a range by dragging, with the wheel, with two fingers or with keys. */
  onRange(fromMs: number, toMs: number): void;
  /** Pointer at this time, or gone. */
  onHover(atMs: number | null): void;
  /** Double click or Home: back to the window before the zoom. */
  onBack(): void;
}

/** What one drawing shows. */
export interface Scene {
  readonly drawn: readonly Drawn[];
  readonly range: readonly [number, number];
  readonly marks: readonly Mark[];
  /** Zone of the time axis; `null`: time since the start of a run. */
  readonly zone: string | null;
}

interface Panel {
  readonly key: string;
  readonly chart: Chart<"line", Point[]>;
  readonly canvas: HTMLCanvasElement;
}

/** One chart a unit, stacked on one shared time axis; ours, on chart.js. */
export class Panels {
  #panels: Panel[] = [];
  #scene: Scene = { drawn: [], range: [0, 1], marks: [], zone: "UTC" };
  #hoverMs: number | null = null;
  readonly #flags = document.createElement("div");
  /** Themes change colours under a chart that stands. */
  readonly #themes = matchMedia("(prefers-color-scheme: dark)");
  readonly #resized: ResizeObserver;
  readonly #rebuild = () => {
    this.#build();
    this.#update();
  };
  readonly #keys = (event: KeyboardEvent) => this.#key(event);

  constructor(private readonly host: HTMLElement, private readonly options: PanelsOptions) {
    this.#flags.className = "flags";
    this.#themes.addEventListener("change", this.#rebuild);
    host.addEventListener("keydown", this.#keys);
    this.#resized = new ResizeObserver(() => this.#placeFlags());
    this.#resized.observe(host);
  }

  /** Draws all; charts are kept while the set of units stays. */
  show(scene: Scene): void {
    this.#scene = scene;
    const wanted = panelsOf(scene.drawn).map(({ key }) => key);
    const built = this.#panels.map(({ key }) => key);
    if (built.length === 0 || wanted.join("|") !== built.join("|")) this.#build();
    this.#update();
  }

  hover(atMs: number | null): void {
    if (atMs === this.#hoverMs) return;
    this.#hoverMs = atMs;
    for (const { chart } of this.#panels) chart.draw();
  }

  /** The chart as a file: SVG text as it would be printed, light on white where the theme is dark-room. */
  toSvg(title: string): string {
    const { width, height } = this.host.getBoundingClientRect();
    return pictureOf({
      ...this.#scene,
      width: Math.round(width),
      height: Math.round(height) + 28,
      colour: (token) => this.#ink(token),
      font: "sans-serif",
      title,
    });
  }

  /** The same picture as pixels, on the page's own background. */
  async toPng(title: string): Promise<Blob> {
    const svg = this.toSvg(title);
    const { width, height } = this.host.getBoundingClientRect();
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    await image.decode();
    const ratio = Math.max(2, globalThis.devicePixelRatio || 1);
    const sheet = document.createElement("canvas");
    sheet.width = Math.round(width * ratio);
    sheet.height = Math.round((height + 28) * ratio);
    sheet.getContext("2d")!.drawImage(image, 0, 0, sheet.width, sheet.height);
    return await new Promise((resolve, reject) =>
      sheet.toBlob((blob) => blob === null ? reject(new NoPicture()) : resolve(blob), "image/png")
    );
  }

  destroy(): void {
    this.#themes.removeEventListener("change", this.#rebuild);
    this.host.removeEventListener("keydown", this.#keys);
    this.#resized.disconnect();
    for (const { chart } of this.#panels) chart.destroy();
    this.#panels = [];
    this.host.replaceChildren();
  }

  #update(): void {
    const { drawn, range } = this.#scene;
    for (const panel of this.#panels) {
      const { key, chart } = panel;
      const own = drawn.filter(({ channel }) => panelOf(channel) === key);
      chart.data.datasets = own.flatMap((one, index) => this.#datasets(one, index));
      const x = chart.options.scales!.x!;
      [x.min, x.max] = range;
      chart.update("none");
    }
    this.#placeFlags();
  }

  #ink(token: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
  }

  #build(): void {
    for (const { chart } of this.#panels) chart.destroy();
    const keys = panelsOf(this.#scene.drawn).map(({ key }) => key);
    const boxes = keys.map((_, index) => {
      const box = document.createElement("div");
      box.className = index === keys.length - 1 ? "panel last" : "panel";
      const canvas = document.createElement("canvas");
      canvas.setAttribute("aria-hidden", "true");
      box.append(canvas);
      canvas.addEventListener("pointermove", (event) => this.#point(event, canvas));
      canvas.addEventListener("pointerleave", () => this.options.onHover(null));
      canvas.addEventListener("dblclick", () => this.options.onBack());
      return { box, canvas };
    });
    // In the document before they are charts: a chart takes its size from its box.
    this.host.replaceChildren(...boxes.map(({ box }) => box), this.#flags);
    this.#panels = keys.map((key, index) => {
      const { canvas } = boxes[index]!;
      return { key, canvas, chart: this.#chart(canvas, key, index === keys.length - 1) };
    });
  }

  #point(event: PointerEvent, canvas: HTMLCanvasElement): void {
    const chart = this.#panels.find((panel) => panel.canvas === canvas)?.chart;
    const at = chart?.scales.x?.getValueForPixel(event.offsetX);
    const [from, to] = this.#scene.range;
    this.options.onHover(at !== undefined && at >= from && at <= to ? at : null);
  }

  /** `+` and `-` zoom about the middle, arrows move, Home goes back. */
  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.host) return;
    const [from, to] = this.#scene.range;
    const span = to - from;
    const change = ({
      "+": [span / 4, -span / 4],
      "=": [span / 4, -span / 4],
      "-": [-span / 2, span / 2],
      ArrowLeft: [-span / 5, -span / 5],
      ArrowRight: [span / 5, span / 5],
    } as Record<string, [number, number]>)[event.key];
    if (event.key === "Home") this.options.onBack();
    else if (change === undefined) return;
    else if (span + change[1] - change[0] >= RANGE_MIN_MS) {
      this.options.onRange(from + change[0], to + change[1]);
    }
    event.preventDefault();
  }

  /** A diamond a mark, a link each; what it says stands beside its line where there is room. */
  #placeFlags(): void {
    const chart = this.#panels[0]?.chart;
    if (chart === undefined) return;
    const seen = this.#placed(chart);
    while (this.#flags.children.length > seen.length) this.#flags.lastElementChild!.remove();
    seen.forEach(({ x, label, href }, index) => {
      let flag = this.#flags.children[index] as HTMLAnchorElement | undefined;
      if (flag === undefined) {
        flag = document.createElement("a");
        flag.className = "flag";
        this.#flags.append(flag);
      }
      flag.href = href;
      flag.title = label;
      flag.setAttribute("aria-label", label);
      flag.style.left = `${x}px`;
    });
  }

  #placed({ scales, chartArea }: Chart<"line", Point[]>): PlacedMark[] {
    const { marks, range } = this.#scene;
    return placed(marks, range, (at) => scales.x!.getPixelForValue(at), chartArea.right);
  }

  #chart(canvas: HTMLCanvasElement, key: string, last: boolean): Chart<"line", Point[]> {
    const text = this.#ink("--ink-3");
    const font = { size: 11, family: getComputedStyle(document.body).fontFamily };
    const ranged = ({ chart }: { chart: Chart }) => {
      const { min, max } = chart.scales.x!;
      this.options.onRange(min, max);
    };
    let round: ValueAxis = { min: 0, max: 1, ticks: [], decimals: 0 };
    return new Chart<"line", Point[]>(canvas, {
      type: "line",
      data: { datasets: [] },
      plugins: [this.#overlay(key, last)],
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        responsive: true,
        maintainAspectRatio: false,
        events: [],
        layout: { padding: { top: LAYOUT.head, right: LAYOUT.right, bottom: last ? 0 : 4 } },
        scales: {
          x: {
            type: "linear",
            border: { display: false },
            grid: { display: false },
            afterFit: (axis) => {
              axis.height = last ? LAYOUT.foot : 0;
              // A label at the end of one axis would make its panel narrower than the others.
              Object.assign(axis, { paddingLeft: 0, paddingRight: 0 });
            },
            afterBuildTicks: (axis) => {
              const { zone } = this.#scene;
              const most = Math.max(2, Math.floor(axis.width / LAYOUT.perTime));
              const ahead = zone === null ? 0 : zoneAheadMs(zone, axis.min);
              const perPx = (axis.max - axis.min) / Math.max(1, axis.width);
              axis.ticks = timeTicks(axis.min, axis.max, most, ahead)
                .filter((value) => axis.max - value >= LAYOUT.end * perPx)
                .map((value) => ({ value }));
            },
            ticks: {
              display: last,
              color: text,
              font,
              maxRotation: 0,
              autoSkip: false,
              callback: (value) => {
                const [from, to] = this.#scene.range;
                return tickText(Number(value), to - from, this.#scene.zone);
              },
            },
          },
          y: {
            border: { display: false },
            grid: { color: this.#ink("--line"), drawTicks: false },
            afterBuildTicks: (axis) => {
              const own = this.#scene.drawn.filter(({ channel }) => panelOf(channel) === key);
              if (own.length === 0) return;
              const height = canvas.clientHeight - LAYOUT.head - (last ? LAYOUT.foot : 4);
              round = valueAxis(
                extentOf(own, this.#scene.range),
                own.map(({ channel }) => channel),
                intervalsIn(height),
              );
              axis.ticks = round.ticks.map((value) => ({ value }));
              [axis.min, axis.max] = [round.min, round.max];
            },
            afterFit: (axis) => {
              axis.width = LAYOUT.axis;
            },
            ticks: {
              color: text,
              font,
              padding: 8,
              autoSkip: false,
              callback: (value) => Number(value).toFixed(round.decimals).replace("-", "−"),
            },
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
            pan: { enabled: true, mode: "x", modifierKey: "shift", onPanComplete: ranged },
            limits: { x: { minRange: RANGE_MIN_MS } },
          },
        },
      },
    });
  }

  /** Heading, gaps as shade, crosshair, words beside marks: what chart.js has no word for. */
  #overlay(key: string, last: boolean): Plugin<"line"> {
    const own = () => this.#scene.drawn.filter(({ channel }) => panelOf(channel) === key);
    return {
      id: "holdfast-overlay",
      beforeDatasetsDraw: ({ ctx, chartArea, scales }) => {
        ctx.save();
        ctx.globalAlpha = 0.07;
        ctx.fillStyle = this.#ink("--ink");
        for (const { trace } of own()) {
          for (const gap of trace.gaps) {
            const left = Math.max(scales.x!.getPixelForValue(gap.fromMs), chartArea.left);
            const right = Math.min(scales.x!.getPixelForValue(gap.toMs), chartArea.right);
            if (right > left) ctx.fillRect(left, chartArea.top, right - left, chartArea.height);
          }
        }
        ctx.restore();
      },
      afterDraw: (chart) => {
        const { ctx, chartArea, scales } = chart as Chart<"line", Point[]>;
        const x = scales.x!;
        ctx.save();
        ctx.fillStyle = this.#ink("--ink-2");
        const family = getComputedStyle(document.body).fontFamily;
        ctx.font = `600 11px ${family}`;
        const [panel] = panelsOf(own());
        const title = panel === undefined ? "" : panelTitle(panel);
        ctx.fillText(title, chartArea.left, chartArea.top - 6);
        const marks = this.#placed(chart as Chart<"line", Point[]>);
        ctx.strokeStyle = this.#ink("--ink-3");
        ctx.setLineDash([3, 3]);
        ctx.beginPath();
        for (const { x } of marks) {
          ctx.moveTo(x, chartArea.top);
          ctx.lineTo(x, chartArea.bottom);
        }
        ctx.stroke();
        ctx.setLineDash([]);
        if (last) {
          ctx.font = `11px ${family}`;
          for (const { x, label, hasRoom } of marks) {
            if (hasRoom) ctx.fillText(label, x + 9, chartArea.bottom - 5);
          }
        }
        if (this.#hoverMs !== null && this.#hoverMs >= x.min && this.#hoverMs <= x.max) {
          const at = x.getPixelForValue(this.#hoverMs);
          ctx.strokeStyle = this.#ink("--ink-3");
          ctx.beginPath();
          ctx.moveTo(at, chartArea.top);
          ctx.lineTo(at, chartArea.bottom);
          ctx.stroke();
        }
        ctx.restore();
      },
    };
  }

  #datasets(
    { channel, trace, setpoint = [], dots = false }: Drawn,
    index: number,
  ): ChartDataset<"line", Point[]>[] {
    const colour = this.#ink(colourOf(channel));
    const base = { pointRadius: 0, borderWidth: 0, spanGaps: false, tension: 0 };
    const band: ChartDataset<"line", Point[]>[] = trace.low.length === 0 ? [] : [
      { ...base, data: points(trace.low), fill: false },
      { ...base, data: points(trace.high), fill: "-1", backgroundColor: `${colour}2e` },
    ];
    const asked: ChartDataset<"line", Point[]>[] = setpoint.length === 0 ? [] : [
      { ...base, data: points(setpoint), borderWidth: 1, borderColor: this.#ink("--ink-3") },
    ];
    if (dots) {
      return [{
        ...base,
        data: points(trace.line),
        showLine: false,
        pointRadius: 1.6,
        pointBackgroundColor: `${colour}8c`,
        pointBorderWidth: 0,
      }];
    }
    return [...band, ...asked, {
      ...base,
      data: points(trace.line),
      borderColor: colour,
      borderWidth: 1.8,
      borderJoinStyle: "round",
      borderDash: [...DASHES[index % DASHES.length]!],
      // A sample between two gaps would be invisible as a line.
      pointRadius: lonely(trace),
      pointBackgroundColor: colour,
      pointBorderWidth: 0,
    }];
  }
}

/** A canvas gave no picture of itself. */
export class NoPicture extends Error {
  override readonly name = "NoPicture";
}

/** chart.js takes `null` for a break and has no type for it. */
function points(list: readonly Point[]): Point[] {
  return list as Point[];
}

/** Radius of each point: only one that has no neighbour is drawn. */
function lonely({ line, gaps }: Trace): number | number[] {
  if (gaps.length === 0) return line.length === 1 ? 2 : 0;
  return line.map((_, i) =>
    (line[i - 1]?.y ?? null) === null && (line[i + 1]?.y ?? null) === null ? 2 : 0
  );
}
