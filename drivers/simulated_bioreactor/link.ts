import { DeviceError } from "../driver.ts";
import type { World } from "./world.ts";

/** How one device answers: its usual time, of the device's own clock, and how long its driver waits, in real time. Milliseconds. */
export interface LinkTimes {
  readonly answerMs: number;
  readonly timeoutMs: number;
}

const TEXT = {
  no_answer: "did not answer",
  disconnect: "is not connected",
  crc: "answered with a wrong checksum",
};

/** The wire to one simulated device: latency, and the faults that lie on it. */
export class Link {
  constructor(
    readonly world: World,
    readonly deviceId: string,
    readonly times: LinkTimes,
    /** What a device that does not answer is called on its bus: `no_ack` on I2C, else `timeout`. */
    readonly silence: "no_ack" | "timeout",
  ) {}

  /** One exchange. @throws {DeviceError} `no_ack`, `timeout`, `disconnected`, `crc` */
  async exchange(signal?: AbortSignal): Promise<void> {
    const { clock, faults } = this.world;
    const atS = this.world.nowS();
    if (faults.at(this.deviceId, "disconnect", atS) !== null) {
      await clock.wait(1, signal);
      throw this.#error("disconnected", TEXT.disconnect);
    }
    if (faults.at(this.deviceId, "no_answer", atS) !== null) {
      await clock.wait(this.silence === "no_ack" ? 25 : this.times.timeoutMs, signal);
      throw this.#error(this.silence, TEXT.no_answer);
    }
    const slow = faults.at(this.deviceId, "slow", atS);
    const extraMs = slow === null ? 0 : slow.magnitude ?? 2 * this.times.timeoutMs;
    // A device that lives faster answers faster, or its values would be old in its own time.
    const answerMs = this.times.answerMs / this.world.timeScale + Math.max(0, extraMs);
    if (answerMs > this.times.timeoutMs) {
      await clock.wait(this.times.timeoutMs, signal);
      throw this.#error("timeout", `did not answer within ${this.times.timeoutMs} ms`);
    }
    await clock.wait(answerMs, signal);
    if (faults.at(this.deviceId, "crc", atS) !== null) throw this.#error("crc", TEXT.crc);
  }

  #error(code: string, what: string): DeviceError {
    return new DeviceError(code, `"${this.deviceId}" ${what}`);
  }
}
