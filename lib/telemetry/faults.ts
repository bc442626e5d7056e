import type { Log } from "../log.ts";

const TITLES = {
  "telemetry:write": "Telemetry cannot be written",
  "telemetry:full": "The disk is full: telemetry is not written",
  "telemetry:gap": "Telemetry samples are being lost",
  "telemetry:corrupt": "The telemetry file was damaged",
} as const;

/** An abnormal condition of the store, in the words of an alarm: raise it while `active`, else clear it. */
export interface TelemetryFault {
  readonly id: keyof typeof TITLES;
  readonly active: boolean;
  readonly severity: "critical";
  readonly title: string;
  /** What was found, what it means, what to do. */
  readonly text: string;
}

/** Tells of each condition once when it begins and once when all is well again. */
export class FaultBoard {
  /** An alarm may be left over from the process before, so the first good turn clears all. */
  readonly #active = new Set<TelemetryFault["id"]>(Object.keys(TITLES) as TelemetryFault["id"][]);
  readonly #told = new Set<TelemetryFault["id"]>();
  #now: string | null = null;

  constructor(
    private readonly log: Log,
    private readonly onFault: (fault: TelemetryFault) => void,
  ) {}

  /** Why the file cannot be written now, or `null`. */
  get now(): string | null {
    return this.#now;
  }

  raise(id: TelemetryFault["id"], text: string, error?: unknown): void {
    if (error instanceof Error) this.#now = error.message;
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.#active.add(id);
    this.log.error(`telemetry: ${TITLES[id]}`, { text, ...(error === undefined ? {} : { error }) });
    this.onFault({ id, active: true, severity: "critical", title: TITLES[id], text });
  }

  /** Everything that waited is on disk. */
  allWell(): void {
    this.#now = null;
    if (this.#told.size > 0) this.log.info("telemetry: written again", { after: [...this.#told] });
    this.#told.clear();
    for (const id of this.#active) {
      const text = "Samples are written again";
      this.onFault({ id, active: false, severity: "critical", title: TITLES[id], text });
    }
    this.#active.clear();
  }
}
