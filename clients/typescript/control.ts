import type { Bioreactor } from "./bioreactor.ts";
import type { Colour } from "./client.ts";
import { BioreactorError, OutOfRange } from "./errors.ts";
import { isRecord } from "./errors.ts";
import { number } from "./readings.ts";
import { say } from "./transport.ts";

/** What is sent only on a change is also sent this often: the runtime may have restarted meanwhile. */
const RESEND_MS = 60_000;
/** A missing temperature turns the peltier off after so many calls, and so many good ones bring it back. */
const PID_PERIODS = 3;

/** Resolves after `seconds`. */
export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

export interface PidOptions {
  /** Temperature to control on, °C; read from the instrument when left out. */
  currentTemp?: number | null;
  kp?: number;
  ki?: number;
  kd?: number;
  /** Seconds between calls. */
  dt?: number;
}

interface PidState {
  missing: number;
  good: number;
  last: number | null;
  integral: number;
  limits: { heat: number; cool: number } | null;
}
const pids = new WeakMap<Bioreactor, PidState>();

/**
 * One step of a PID loop on the temperature: call it every `dt` seconds. The duty is the output's size, a
 * whole number up to what the peltier accepts; it heats from 0 up and cools below. The output, or null
 * when nothing could be controlled.
 *
 * Without a reading nothing is assumed: the output stays for two calls, is 0 from the third, and comes
 * back after three good readings. The integral stands still meanwhile, and wherever the output is at its
 * limit.
 */
export async function pidController(
  bioreactor: Bioreactor,
  setpoint: number,
  { currentTemp, kp = 10, ki = 1, kd = 0, dt = 1 }: PidOptions = {},
): Promise<number | null> {
  const state = pids.get(bioreactor) ??
    { missing: 0, good: PID_PERIODS, last: null, integral: 0, limits: null };
  pids.set(bioreactor, state);
  const temperature = number(currentTemp === undefined ? await read(bioreactor) : currentTemp);
  if (temperature === null) {
    await withoutReading(bioreactor, state);
    return null;
  }
  if (state.missing > 0) {
    state.missing = 0;
    state.last = null; // the step across the gap says nothing of the slope
  }
  if (state.good < PID_PERIODS) {
    state.good++;
    if (state.good < PID_PERIODS) return null;
    say("the temperature is back: control goes on");
  }
  const limits = state.limits ?? await peltierLimits(bioreactor, state);
  const error = setpoint - temperature;
  const slope = kd !== 0 && dt > 0 && state.last !== null ? (error - state.last) / dt : 0;
  const limitOf = (output: number) => output >= 0 ? limits.heat : limits.cool;
  let integral = state.integral + error * dt;
  let output = kp * error + ki * integral + kd * slope;
  if (Math.abs(output) > limitOf(output) && error * output > 0) {
    // At the limit, and the error would push further: the integral holds.
    integral = state.integral;
    output = kp * error + ki * integral + kd * slope;
  }
  state.integral = integral;
  state.last = error;
  const duty = Math.trunc(Math.min(limitOf(output), Math.abs(output)));
  await bioreactor.changePeltier(duty, output >= 0);
  return output;
}

async function read(bioreactor: Bioreactor): Promise<number | null> {
  try {
    return await bioreactor.getTemperature();
  } catch (error) {
    if (error instanceof BioreactorError) return null;
    throw error;
  }
}

async function withoutReading(bioreactor: Bioreactor, state: PidState): Promise<void> {
  state.missing++;
  if (state.missing < PID_PERIODS) return;
  if (state.missing === PID_PERIODS) {
    const text = `no temperature for ${PID_PERIODS} readings: the peltier is turned off`;
    say(text);
    // The peltier matters more than the record of it.
    await bioreactor.logEvent(text).catch(() => {});
  }
  // Not only once: a command that failed here would leave it heating.
  state.good = 0;
  await bioreactor.changePeltier(0, true);
}

/** Largest duty each way, percent, as the instrument states it; 100 where it does not. */
async function peltierLimits(
  bioreactor: Bioreactor,
  state: PidState,
): Promise<{ heat: number; cool: number }> {
  try {
    const facts = (await bioreactor.client.getCapabilities()).peltier_driver;
    const { heat_max, cool_max } = isRecord(facts) ? facts : {};
    state.limits = { heat: number(heat_max) ?? 100, cool: number(cool_max) ?? 100 };
    return state.limits;
  } catch (error) {
    if (!(error instanceof BioreactorError)) throw error;
    return { heat: 100, cool: 100 }; // asked again at the next step
  }
}

/**
 * Sets a pump and its partner to the same flow, ml/s: `x_in` with `x_out`, `inflow` with `outflow`. The
 * pump that takes out starts first and stops last, so that the volume never grows on the way; if one of
 * them fails both are stopped. `durationS` ends the flow after so long, and resolves then.
 */
export async function balancedFlow(
  bioreactor: Bioreactor,
  pumpName: string,
  mlPerSec: number,
  { durationS }: { durationS?: number } = {},
): Promise<void> {
  const { inflow, outflow } = pairOf(pumpName);
  if (!(mlPerSec >= 0)) {
    throw new OutOfRange(`Cannot balance a flow of ${mlPerSec} ml/s: it must be 0 or more`, {
      component: `pumps/${pumpName}`,
      code: "out_of_range",
    });
  }
  const order = mlPerSec > 0 ? [outflow, inflow] : [inflow, outflow];
  try {
    for (const name of order) await bioreactor.changePump(name, mlPerSec);
    if (durationS !== undefined) await sleep(durationS);
  } catch (error) {
    await stopPair(bioreactor, [inflow, outflow]);
    throw error;
  }
  if (durationS === undefined) return;
  const [first] = await stopPair(bioreactor, [inflow, outflow]);
  if (first !== undefined) throw first;
}

async function stopPair(bioreactor: Bioreactor, names: string[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      await bioreactor.changePump(name, 0);
    } catch (error) {
      failures.push(error);
      say(`cannot stop the pump ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return failures;
}

function pairOf(name: string): { inflow: string; outflow: string } {
  for (const [into, out] of [["_in", "_out"], ["inflow", "outflow"]] as const) {
    if (name.endsWith(into)) return { inflow: name, outflow: name.slice(0, -into.length) + out };
    if (name.endsWith(out)) return { inflow: name.slice(0, -out.length) + into, outflow: name };
  }
  throw new TypeError(
    `Cannot find the partner of the pump "${name}": its name must end in _in or _out, inflow or outflow`,
  );
}

export interface RingLightCycle {
  color?: Colour;
  /** Seconds on, and seconds off. */
  onTime?: number;
  offTime?: number;
  /** Seconds since the cycle began; since its first call when left out. */
  elapsed?: number;
  startOn?: boolean;
}
const rings = new WeakMap<Bioreactor, { startMs: number; shown: string | null; atMs: number }>();

/**
 * Ring light on for `onTime` seconds, off for `offTime`, and again: call it about once a second. What it
 * should be follows from `elapsed` alone. The light is told when that changes, and once a minute.
 */
export async function ringLightCycle(
  bioreactor: Bioreactor,
  { color = [50, 50, 50], onTime = 60, offTime = 60, elapsed, startOn = true }: RingLightCycle = {},
): Promise<void> {
  if (!(onTime >= 0 && offTime >= 0 && onTime + offTime > 0)) {
    throw new RangeError(`Cannot cycle the light with ${onTime} s on and ${offTime} s off`);
  }
  const nowMs = performance.now();
  const state = rings.get(bioreactor) ?? { startMs: nowMs, shown: null, atMs: nowMs };
  rings.set(bioreactor, state);
  const passed = elapsed ?? (nowMs - state.startMs) / 1000;
  const first = startOn ? onTime : offTime;
  const lit = (passed % (onTime + offTime) < first) === startOn;
  const wanted: Colour = lit ? color : [0, 0, 0];
  const key = wanted.join();
  if (key === state.shown && nowMs - state.atMs < RESEND_MS) return;
  state.shown = null; // unknown, should the command fail
  await bioreactor.changeRingLight(wanted);
  state.shown = key;
  state.atMs = nowMs;
}
