import type { DriverClock } from "../drivers/driver.ts";
import type { Capability } from "../lib/devices/model.ts";

/** Longest on-time and heartbeat of one actuator that is away from its safe state. */
export class Watchdog {
  #onTime = new AbortController();
  #heartbeat = new AbortController();
  #cut: (reason: string) => void = () => {};

  constructor(
    private readonly limits: Pick<Capability, "onTimeMaxMs" | "heartbeatMs">,
    private readonly clock: DriverClock,
  ) {}

  /** A command has left the safe state, or confirmed that it is left: both times begin anew. */
  begin(cut: (reason: string) => void): void {
    this.end();
    this.#cut = cut;
    this.#onTime = this.#after(this.limits.onTimeMaxMs, "longest on-time is over");
    this.renew();
  }

  /** Somebody stands behind the setpoint: its heartbeat begins anew, its on-time goes on. */
  renew(): void {
    this.#heartbeat.abort();
    this.#heartbeat = this.#after(this.limits.heartbeatMs, "heartbeat missed");
  }

  end(): void {
    this.#onTime.abort();
    this.#heartbeat.abort();
  }

  #after(ms: number | undefined, reason: string): AbortController {
    const abort = new AbortController();
    if (ms === undefined) return abort;
    this.clock.wait(ms, abort.signal).then(() => this.#cut(reason), () => {});
    return abort;
  }
}
