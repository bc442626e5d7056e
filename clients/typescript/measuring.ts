import type { Bioreactor } from "./bioreactor.ts";
import { localStamp, type Row } from "./csv_fields.ts";
import { BioreactorError, UnknownComponent } from "./errors.ts";
import { say } from "./transport.ts";

/** Exact moments of measured rows, which strict files need and the row itself does not show. */
const moments = new WeakMap<Row, { atMs: number; monotonicMs: number }>();

/** When a row was measured; undefined for rows made by hand. */
export function momentOf(row: Row): { atMs: number; monotonicMs: number } | undefined {
  return moments.get(row);
}

/** What each Bioreactor has said is missing, to say it once. */
const missing = new WeakMap<Bioreactor, Set<string>>();

/**
 * Reads every sensor. Give the row to `writeDataToCsv` to keep it. A sensor that gives no good value, or
 * that this instrument does not have, is null (a list: empty).
 */
export async function measureAndWriteSensorData(
  bioreactor: Bioreactor,
  elapsed?: number,
): Promise<Row> {
  const atMs = performance.timeOrigin + performance.now();
  const wallMs = Date.now();
  // The wall clock counts; the finer one lends it its digits as long as both agree.
  const preciseMs = Math.abs(atMs - wallMs) < 1000 ? wallMs + (atMs - Math.floor(atMs)) : wallMs;
  const row: Row = { timestamp: localStamp(preciseMs) };
  moments.set(row, { atMs: preciseMs, monotonicMs: performance.now() });
  row.co2_ppm = await orNull(bioreactor, "co2_ppm", () => bioreactor.getCo2());
  row.temperature = await orNull(bioreactor, "temperature", () => bioreactor.getTemperature());
  row.od_voltages = await orNull(bioreactor, "od_voltages", () => bioreactor.getOdVoltages());
  row.eyespy_voltages = await orNull(
    bioreactor,
    "eyespy_voltages",
    () => bioreactor.getEyespyVoltages(),
  );
  if (elapsed !== undefined) row.elapsed = elapsed;
  return row;
}

/** Reads every sensor and, unless told otherwise, what the actuators are doing. */
export async function measureAllData(
  bioreactor: Bioreactor,
  { includeControls = true, elapsed }: { includeControls?: boolean; elapsed?: number } = {},
): Promise<Row> {
  const row = await measureAndWriteSensorData(bioreactor, elapsed);
  if (!includeControls) return row;
  const stirrer = await orNull(bioreactor, "stirrer", () => bioreactor.getStirrerState());
  const peltier = await orNull(bioreactor, "peltier", () => bioreactor.getPeltierState());
  const ring = await orNull(bioreactor, "ring_light", () => bioreactor.getRingLightState());
  row.stirrer_duty = stirrer?.dutyCycle ?? null;
  row.peltier_duty = peltier?.dutyCycle ?? null;
  row.peltier_direction = peltier?.direction ?? null;
  row.ring_light_r = ring?.red ?? null;
  row.ring_light_g = ring?.green ?? null;
  row.ring_light_b = ring?.blue ?? null;
  return row;
}

/** The value, or null with one line on stderr when it stops coming and one when it is back. */
async function orNull<T>(
  bioreactor: Bioreactor,
  what: string,
  read: () => Promise<T>,
): Promise<T | null> {
  const told = missing.get(bioreactor) ?? new Set<string>();
  missing.set(bioreactor, told);
  try {
    const value = await read();
    if (told.delete(what)) say(`${what} is back`);
    return value;
  } catch (error) {
    if (!(error instanceof BioreactorError)) throw error;
    // A component this instrument lacks is no news.
    if (!(error instanceof UnknownComponent) && !told.has(what)) {
      told.add(what);
      say(`${what} is missing from the measurements: ${error.message}`);
    }
    return null;
  }
}
