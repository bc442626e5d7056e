/** Durations in milliseconds. */
export interface SupervisorLimits {
  /** From the start of the process to `hello`. */
  readonly helloMs: number;
  /** For bringing every device to its safe state. */
  readonly startMs: number;
  readonly pingEveryMs: number;
  readonly pingDeadlineMs: number;
  /** Pings in a row without an answer before it is killed. */
  readonly missesMax: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A life shorter than this is a fast death; a longer one starts the count again. */
  readonly fastDeathMs: number;
  /** Fast deaths in a row that open the breaker. */
  readonly fastDeathsMax: number;
  /** How long the breaker stays open before one more try. */
  readonly breakerMs: number;
  /** From the end of its stdin until it is killed. */
  readonly closeMs: number;
}

export const SUPERVISOR_LIMITS: SupervisorLimits = {
  helloMs: 15_000,
  startMs: 30_000,
  pingEveryMs: 1000,
  pingDeadlineMs: 2000,
  missesMax: 2,
  backoffMinMs: 250,
  backoffMaxMs: 15_000,
  fastDeathMs: 10_000,
  fastDeathsMax: 5,
  breakerMs: 30_000,
  closeMs: 2000,
};
