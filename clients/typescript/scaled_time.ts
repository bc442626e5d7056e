import { REAL_TIME } from "./real_time.ts";

let factor = 1;

/**
 * A faster clock for rehearsals: with `TIME_SCALE=60` an hour of a script passes in a minute. Run before
 * the script, `deno run --preload=rehearse.ts script.ts`: the script's time starts at the true time and
 * runs that many times as fast.
 *
 * Scaled: `Date` (`now`, `new Date()`), `performance.now`, `setTimeout`, `setInterval`, and with them
 * everything of this library that waits or measures: jobs, `sleep`, `waitUntil`, `elapsed_s`.
 *
 * Not scaled, because it is about the machine: network timeouts and retries, `AbortSignal.timeout`,
 * `Temporal.Now`, timers of `node:` modules, file times.
 */
export function scaleTime(scale: number): void {
  if (!(scale >= 1 && scale <= 10_000)) {
    throw new RangeError(`Cannot scale time by ${scale}: it must be from 1 to 10000`);
  }
  if (factor !== 1) throw new TypeError(`Time is scaled by ${factor} already`);
  if (scale === 1) return;
  factor = scale;
  const { Date: TrueDate, setTimeout: trueTimeout, setInterval: trueInterval } = globalThis;
  const startMs = REAL_TIME.monotonicMs();
  const epochMs = REAL_TIME.now();
  const passedMs = () => (REAL_TIME.monotonicMs() - startMs) * scale;
  performance.now = () => startMs + passedMs();
  const now = () => Math.floor(epochMs + passedMs());
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(
        target,
        args.length === 0 ? [now()] : args,
        newTarget === globalThis.Date ? target : newTarget,
      ),
    apply: () => new TrueDate(now()).toString(),
    get: (target, key) => key === "now" ? now : Reflect.get(target, key),
  });
  // Their declarations have overloads for text that is evaluated; those never were offered here.
  type Timer = (act: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => number;
  const scaled = (timer: Timer): Timer => (act, ms = 0, ...args) => timer(act, ms / scale, ...args);
  globalThis.setTimeout = scaled(trueTimeout as never) as never;
  globalThis.setInterval = scaled(trueInterval as never) as never;
}
