import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { statfs } from "node:fs/promises";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { AgentStatus, DeviceView } from "./devices/model.ts";
import { createApi, type HoldfastEnv, jsonReply } from "./http.ts";
import type { InstrumentStatus } from "./instrument/model.ts";
import { type Metric, prometheusText, type RequestMeter } from "./metrics.ts";

/** The parts of an instrument that its health is read from. */
export interface HealthSource {
  readonly version: string;
  readonly clock: Clock;
  readonly config: Pick<Config, "data">;
  readonly kv: { readonly seq: number; get(key: Deno.KvKey): Promise<unknown> };
  readonly devices: { list(): DeviceView[]; agents(): AgentStatus[] };
  readonly telemetry: {
    status(): { buffered: number; written: number; lost: number; fault: string | null };
  };
  readonly stream: { status(): { viewers: number; deliveries: number; dropped: number } };
  status(): InstrumentStatus;
}

/** One thing that must hold for the instrument to be of use. */
export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly text: string;
}

const STORE_WAIT_MS = 2000;

const Live = z.object({ status: z.literal("ok"), version: z.string() }).openapi("Live");
const Ready = z.object({
  status: z.enum(["ok", "not-ready"]),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), text: z.string() })),
}).openapi("Ready");

const liveRoute = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["health"],
  summary: "Whether the process is up",
  security: [],
  responses: { 200: jsonReply("It is", Live) },
});

const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  tags: ["health"],
  summary: "Whether the instrument can be worked with",
  description: "Store, telemetry, disk and every agent. A stopped instrument is ready.",
  security: [],
  responses: { 200: jsonReply("All is well", Ready), 503: jsonReply("Something is not", Ready) },
});

const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  tags: ["health"],
  summary: "Counters and gauges in Prometheus' text form",
  responses: {
    200: {
      description: "Source: Prometheus exposition format 0.0.4",
      content: { "text/plain": { schema: z.string() } },
    },
  },
});

/** `/healthz`, `/readyz` and `/metrics`, to be mounted at the root. */
export function healthApi(source: HealthSource, meter: RequestMeter): OpenAPIHono<HoldfastEnv> {
  const api = createApi();
  api.openapi(liveRoute, (c) => c.json({ status: "ok" as const, version: source.version }, 200));
  api.openapi(readyRoute, async (c) => {
    const checks = await healthChecks(source);
    return checks.every((check) => check.ok)
      ? c.json({ status: "ok" as const, checks }, 200)
      : c.json({ status: "not-ready" as const, checks }, 503);
  });
  api.openapi(
    metricsRoute,
    (c) =>
      c.text(prometheusText([...instrumentMetrics(source), ...meter.metrics()]), 200, {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
      }),
  );
  return api;
}

/** Asks everything at once; none waits longer than two seconds. */
export async function healthChecks(source: HealthSource): Promise<HealthCheck[]> {
  const { fault } = source.telemetry.status();
  return [
    ...await Promise.all([storeCheck(source), diskCheck(source)]),
    { name: "telemetry", ok: fault === null, text: fault ?? "written" },
    ...source.devices.agents().map(({ name, state }) => ({
      name: `agent ${name}`,
      ok: state === "ready",
      text: state,
    })),
  ];
}

async function storeCheck({ kv, clock }: HealthSource): Promise<HealthCheck> {
  let cancel = () => {};
  const late = new Promise<string>((resolve) => {
    cancel = clock.timer(STORE_WAIT_MS, () => resolve(`no answer within ${STORE_WAIT_MS} ms`));
  });
  const answer = kv.get(["health"]).then(() => null, () => "cannot be read");
  const text = await Promise.race([answer, late]);
  cancel();
  return { name: "store", ok: text === null, text: text ?? "answers" };
}

async function diskCheck({ config }: HealthSource): Promise<HealthCheck> {
  const { dir, diskFloorMb } = config.data;
  try {
    const { bavail, bsize } = await statfs(dir);
    const freeMb = Math.floor(bavail * bsize / 1024 / 1024);
    return {
      name: "disk",
      ok: freeMb >= diskFloorMb,
      text: `${freeMb} MiB free, floor ${diskFloorMb} MiB`,
    };
  } catch {
    return { name: "disk", ok: false, text: "the data folder cannot be looked at" };
  }
}

function instrumentMetrics(source: HealthSource): Metric[] {
  const { version, kv, clock } = source;
  const status = source.status();
  const memory = Deno.memoryUsage();
  const telemetry = source.telemetry.status();
  const stream = source.stream.status();
  const agents = source.devices.agents();
  const views = source.devices.list();
  const countBy = <T>(items: readonly T[], labelOf: (item: T) => string) =>
    Map.groupBy(items, labelOf).entries().map(([label, of]) => [label, of.length] as const);
  return [
    gauge("holdfast_info", "Always 1; the version is its label", [[{ version }, 1]]),
    gauge("holdfast_uptime_seconds", "Since the start", [[
      {},
      Math.max(0, clock.nowMs() - status.startedAtMs) / 1000,
    ]]),
    gauge("holdfast_state", "1 for the instrument's present state", [[{ state: status.state }, 1]]),
    gauge("holdfast_stopped", "1 while STOP is in force", [[{}, status.stopped === null ? 0 : 1]]),
    counter("holdfast_events_total", "Events recorded since the beginning", [[{}, kv.seq]]),
    gauge(
      "holdfast_agent_ready",
      "1 for an agent that answers",
      agents.map(({ name, state }) => [{ agent: name }, state === "ready" ? 1 : 0] as const),
    ),
    counter(
      "holdfast_agent_restarts_total",
      "Starts after the first",
      agents.map((agent) => [{ agent: agent.name }, agent.restarts] as const),
    ),
    gauge(
      "holdfast_devices",
      "Devices by status",
      [...countBy(views, (v) => v.state.status)].map(
        ([status, count]) => [{ status }, count] as const,
      ),
    ),
    gauge(
      "holdfast_alarms",
      "Active alarms by severity",
      [
        ...countBy(status.alarms, (alarm) => alarm.severity),
      ].map(([severity, count]) => [{ severity }, count] as const),
    ),
    counter("holdfast_telemetry_samples_total", "Samples written", [[{}, telemetry.written]]),
    counter("holdfast_telemetry_lost_total", "Samples given up", [[{}, telemetry.lost]]),
    gauge("holdfast_telemetry_waiting", "Samples not yet on disk", [[{}, telemetry.buffered]]),
    gauge("holdfast_stream_viewers", "Viewers connected", [[{}, stream.viewers]]),
    counter("holdfast_stream_deliveries_total", "Chunks handed to viewers", [[
      {},
      stream.deliveries,
    ]]),
    counter("holdfast_stream_dropped_total", "Viewers dropped for being slow", [[
      {},
      stream.dropped,
    ]]),
    gauge("process_resident_memory_bytes", "Resident memory", [[{}, memory.rss]]),
    gauge("process_heap_bytes", "JavaScript heap in use", [[{}, memory.heapUsed]]),
  ];
}

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name, help, type: "gauge", samples };
}

function counter(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name, help, type: "counter", samples };
}
