import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Clock } from "./clock.ts";
import type { HoldfastEnv } from "./http.ts";

/** One family of values in Prometheus' text form. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly samples: readonly (readonly [Record<string, string>, number, suffix?: string])[];
}

/** Source: Prometheus exposition formats, text format 0.0.4. */
export function prometheusText(metrics: readonly Metric[]): string {
  return metrics.map(({ name, help, type, samples }) => {
    const lines = samples.map(([labels, value, suffix = ""]) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
      return `${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
    });
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

const BOUNDS_S = [0.005, 0.02, 0.1, 0.5, 2, 10];
const SERIES_MAX = 500;

interface Tally {
  readonly labels: Record<string, string>;
  count: number;
  sumS: number;
  readonly buckets: number[];
}

/** Counts requests by method, route and status, and how long they took until their reply began. */
export class RequestMeter {
  #tallies = new Map<string, Tally>();

  constructor(private readonly clock: Clock) {}

  /** To be used before everything else. */
  readonly middleware: MiddlewareHandler<HoldfastEnv> = async (c, next) => {
    const startMs = this.clock.monotonicMs();
    await next();
    // Of the route that answered, its pattern and never the path: what people type must not grow the table.
    this.#add(
      { method: c.req.method, route: routePath(c), status: String(c.res.status) },
      (this.clock.monotonicMs() - startMs) / 1000,
    );
  };

  metrics(): Metric[] {
    const all = [...this.#tallies.values()];
    return [{
      name: "holdfast_http_request_seconds",
      help: "Time until the reply began",
      type: "histogram",
      samples: all.flatMap(({ labels, count, sumS, buckets }) => [
        ...BOUNDS_S.map((bound, i) =>
          [{ ...labels, le: String(bound) }, buckets[i]!, "_bucket"] as const
        ),
        [{ ...labels, le: "+Inf" }, count, "_bucket"] as const,
        [labels, sumS, "_sum"] as const,
        [labels, count, "_count"] as const,
      ]),
    }];
  }

  #add(labels: Record<string, string>, seconds: number): void {
    const key = Object.values(labels).join(" ");
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      if (this.#tallies.size >= SERIES_MAX) return;
      tally = { labels, count: 0, sumS: 0, buckets: BOUNDS_S.map(() => 0) };
      this.#tallies.set(key, tally);
    }
    tally.count++;
    tally.sumS += seconds;
    for (const [i, bound] of BOUNDS_S.entries()) if (seconds <= bound) tally.buckets[i]!++;
  }
}
