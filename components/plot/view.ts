/** What a chart shows, as its address spells it: a link shows a colleague the same. Pure. */

const MIN = 60_000;
const H = 60 * MIN;

/** Windows offered as buttons; `run` is offered only where a run is known. */
export const WINDOWS = [
  { id: "15m", label: "15 min", title: "Last 15 minutes", ms: 15 * MIN },
  { id: "1h", label: "1 h", title: "Last hour", ms: H },
  { id: "6h", label: "6 h", title: "Last 6 hours", ms: 6 * H },
  { id: "24h", label: "24 h", title: "Last 24 hours", ms: 24 * H },
] as const;
export const RUN_WINDOW = { id: "run", label: "Run", title: "This run" } as const;

export interface PlotView {
  /** A window that ends now: one of `WINDOWS`, or `run`. */
  readonly windowId: string;
  /** A range chosen by hand; `null`: the window. */
  readonly range: readonly [number, number] | null;
  /** Channels drawn, as `device.channel`, in the order of the panels. */
  readonly shown: readonly string[];
}

/** Channels drawn at once at most: more colours cannot be told apart. */
export const SHOWN_MAX = 8;
/** 15 minutes may be too little for a person to find a range in; a second is too little for any sensor. */
export const RANGE_MIN_MS = 2000;
const LATEST_MS = 253_402_300_799_999;

/** The view an address asks for; what it spells wrong is as if it were not there. */
export function viewOf(
  query: URLSearchParams,
  { known, first, hasRun }: {
    /** Channels there are. */
    readonly known: ReadonlySet<string>;
    /** Channels drawn when the address names none. */
    readonly first: readonly string[];
    readonly hasRun: boolean;
  },
): PlotView {
  const named = [...new Set(query.getAll("channels").flatMap((text) => text.split(",")))]
    .filter((key) => known.has(key)).slice(0, SHOWN_MAX);
  const asked = query.get("window") ?? "";
  const windows: readonly string[] = [...WINDOWS.map(({ id }) => id), ...(hasRun ? ["run"] : [])];
  const [from, to] = [instant(query.get("from")), instant(query.get("to"))];
  return {
    windowId: windows.includes(asked) ? asked : WINDOWS[0].id,
    range: from !== null && to !== null && to - from >= RANGE_MIN_MS ? [from, to] : null,
    shown: named.length > 0 ? named : first,
  };
}

/** Epoch milliseconds, or a time with zone as RFC 3339 has it. */
function instant(text: string | null): number | null {
  if (text === null || text === "") return null;
  const ms = /^\d{1,15}$/.test(text)
    ? Number(text)
    : /^\d{4}-.*(Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text)
    : NaN;
  return ms >= 0 && ms <= LATEST_MS ? ms : null;
}

/** `query` with this view in it; what is as it would be anyway is left out. */
export function viewQuery(
  query: URLSearchParams,
  { windowId, range, shown }: PlotView,
  first: readonly string[],
): URLSearchParams {
  const next = new URLSearchParams(query);
  const set = (name: string, value: string | null) =>
    value === null ? next.delete(name) : next.set(name, value);
  set("window", windowId === WINDOWS[0].id ? null : windowId);
  set("channels", shown.join() === first.join() ? null : shown.join(","));
  set("from", range === null ? null : String(Math.round(range[0])));
  set("to", range === null ? null : String(Math.round(range[1])));
  return next;
}

/** Start and end of what a view shows at `nowMs`. */
export function rangeOf(
  { windowId, range }: Pick<PlotView, "windowId" | "range">,
  nowMs: number,
  { runFromMs, firstMs }: {
    readonly runFromMs: number | null;
    /** Oldest sample where there is none before the window: a new instrument's curve fills its chart. */
    readonly firstMs: number | null;
  },
): [number, number] {
  if (range !== null) return [range[0], range[1]];
  const window = WINDOWS.find(({ id }) => id === windowId);
  const fromMs = window === undefined ? runFromMs ?? nowMs - WINDOWS[0].ms : nowMs - window.ms;
  const youngest = nowMs - 2 * MIN;
  return [firstMs === null ? fromMs : Math.max(fromMs, Math.min(firstMs, youngest)), nowMs];
}

/** Heading over the chart of a window. */
export function windowTitle(windowId: string): string {
  return WINDOWS.find(({ id }) => id === windowId)?.title ?? RUN_WINDOW.title;
}
