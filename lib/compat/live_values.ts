import { type Cell, type Experiments, parseStamp } from "../experiments/mod.ts";
import { lastRow } from "./last_row.ts";
import { DASHBOARD_DEVICES, type DashboardComponent, type DashboardSettings } from "./model.ts";
import { type Component, devicesOf, type ListedDevices, measured } from "./node_components.ts";
import { naive } from "./run_words.ts";

type Reply = Record<string, unknown>;

const DATA_FILE = "experiment_data.csv";

const SCALARS = [
  "co2_ppm",
  "temperature",
  "stirrer_duty",
  "peltier_duty",
  "ring_light_r",
  "ring_light_g",
  "ring_light_b",
  "peltier_current",
] as const;
const LISTS = [
  "od_voltages",
  "eyespy_voltages",
  "photodiodes",
  "vial_temperatures",
  "io_temperatures",
  "temperatures",
] as const;

const MEASURED: Readonly<Record<DashboardComponent, { key: string; component: Component }>> = {
  co2_sensor: { key: "co2_ppm", component: DASHBOARD_DEVICES.co2_sensor },
  temperature: { key: "temperature", component: DASHBOARD_DEVICES.temperature },
  photodiodes: { key: "photodiodes", component: DASHBOARD_DEVICES.photodiodes },
  peltier_current: { key: "peltier_current", component: DASHBOARD_DEVICES.peltier_current },
};

/**
 * `GET /api/live-data` as one object: the last row of the running experiment's CSV, else what the sensors
 * say, as far as the settings show it. What is missing or no number is `null`. Reads no bus: devices are
 * sampled once for everybody.
 */
export function liveValues(
  { experiments, devices }: {
    experiments: Pick<Experiments, "running" | "file">;
    devices: ListedDevices;
  },
  settings: DashboardSettings,
  nowMs: number,
): Reply {
  const running = experiments.running();
  if (running !== null) {
    using file = experiments.file(running.id, DATA_FILE);
    const row = file === null ? null : lastRow(file);
    if (row !== null) return ofRow(row, nowMs);
  }
  return ofHardware(devices, settings, nowMs);
}

function ofRow(row: Record<string, Cell>, nowMs: number): Reply {
  const reply: Reply = { timestamp: stampOf(row.timestamp ?? row.time ?? null, nowMs) };
  for (const key of SCALARS) {
    const cell = row[key];
    reply[key] = typeof cell === "number" ? cell : null;
  }
  for (const key of LISTS) {
    const cell = row[key];
    reply[key] = Array.isArray(cell) ? cell : null;
  }
  const direction = row.peltier_direction;
  reply.peltier_direction = typeof direction === "string" ? direction : null;
  return { ...reply, status: "success", source: "csv" };
}

/** Stamps as the originals spell them: UTC without its zone. Their own stay as they are. */
function stampOf(cell: Cell, nowMs: number): string {
  if (typeof cell !== "string") return naive(nowMs);
  const stamp = parseStamp(cell);
  return stamp?.zoned ? naive(stamp.atMs) : cell;
}

function ofHardware(devices: ListedDevices, settings: DashboardSettings, nowMs: number): Reply {
  const reply: Reply = { timestamp: naive(nowMs) };
  let missing = 0;
  const shown = Object.entries(MEASURED).filter(([name]) =>
    settings.display_components[name as DashboardComponent]
  );
  for (const [, { key, component }] of shown) {
    const [view] = devicesOf(devices, component);
    const values = view === undefined ? [] : measured(view, nowMs).map(({ value }) => value);
    if (values.every((value) => value === null)) missing++;
    reply[key] = key === "photodiodes" ? values : values[0] ?? null;
  }
  const status = missing > 0 && missing === shown.length ? "error" : "success";
  return { ...reply, status, source: "hardware" };
}
