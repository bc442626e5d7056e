import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../clock.ts";
import type { Reading } from "../devices/model.ts";
import { silentLog } from "../log.ts";
import type { TelemetryFault } from "./faults.ts";
import { Telemetry, type TelemetryOptions } from "./store.ts";

export const START = Date.UTC(2026, 0, 25, 20);
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** A store on a real file, with a clock the test moves. */
export interface Bench {
  folder: string;
  path: string;
  clock: ManualClock;
  faults: TelemetryFault[];
  telemetry: Telemetry;
  /** Closes and opens the same file again. */
  reopen(): Telemetry;
}

/** Runs `work` on a store in a folder of its own, then removes it. */
export async function withStore(
  work: (b: Bench) => void | Promise<void>,
  options: Partial<TelemetryOptions> = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "telemetry-"));
  const path = join(folder, "telemetry.sqlite");
  const clock = new ManualClock(START);
  const faults: TelemetryFault[] = [];
  const open = () =>
    Telemetry.open(path, clock, silentLog, { onFault: (f) => faults.push(f), ...options });
  const bench: Bench = {
    folder,
    path,
    clock,
    faults,
    telemetry: open(),
    reopen() {
      bench.telemetry.close();
      return bench.telemetry = open();
    },
  };
  try {
    await work(bench);
  } finally {
    bench.telemetry.close();
    rmSync(folder, { recursive: true });
  }
}

/** A temperature, good unless `null`. */
export function reading(
  atMs: number,
  value: Reading["value"],
  more: Partial<Reading> = {},
): Reading {
  return {
    deviceId: "temp",
    channel: "temperature",
    unit: "°C",
    atMs,
    value,
    quality: value === null ? "bad" : "good",
    ...more,
  };
}
