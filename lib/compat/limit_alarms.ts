import type { Alarm } from "../alarms/model.ts";
import type { Reading } from "../devices/mod.ts";
import type { Log } from "../log.ts";
import type { ChannelLimits } from "./model.ts";
import type { ListedDevices } from "./node_components.ts";

/** Readings one after the other that raise an alarm, or clear it: one outlier does neither. */
const IN_A_ROW = 3;
const SIDES = ["below", "above"] as const;
type Side = (typeof SIDES)[number];

export interface LimitSources {
  readonly devices: ListedDevices & {
    onReadings(listener: (readings: Reading[]) => void): () => void;
  };
  readonly alarms: {
    active(): readonly Alarm[];
    raise(alarm: Pick<Alarm, "id" | "severity" | "subject" | "title" | "text">): Promise<void>;
    clear(id: string): Promise<void>;
  };
  /** The limits in force, by `device.channel`; asked anew each time. */
  limits(): Readonly<Record<string, ChannelLimits>>;
}

/**
 * Alarms for values that leave the limits people set. A reading without a number says nothing: what is
 * stale or bad has alarms of its own, and leaves these as they are.
 */
export class LimitAlarms {
  /** How many readings in a row said the other of what stands, by alarm. */
  readonly #other = new Map<string, number>();
  readonly #stop: () => void;

  constructor(private readonly sources: LimitSources, private readonly log: Log) {
    this.#stop = sources.devices.onReadings((readings) => this.#take(readings));
    this.reconsider();
  }

  /** After a change of the limits: alarms of limits that are no more are over. */
  reconsider(): void {
    const limits = this.sources.limits();
    this.#other.clear();
    for (const { id, clearedAtMs } of this.sources.alarms.active()) {
      const [, side, key] = /^limit-(below|above):(.*)$/.exec(id) ?? [];
      if (side === undefined || key === undefined || clearedAtMs !== null) continue;
      if (limits[key]?.[`alarm_${side as Side}`] === undefined) {
        this.#said(this.sources.alarms.clear(id));
      }
    }
  }

  close(): void {
    this.#stop();
  }

  #take(readings: readonly Reading[]): void {
    const limits = this.sources.limits();
    for (const { deviceId, channel, value } of readings) {
      const limit = limits[`${deviceId}.${channel}`];
      if (limit === undefined || typeof value !== "number") continue;
      for (const side of SIDES) {
        const at = limit[`alarm_${side}`];
        if (at === undefined) continue;
        this.#judge({
          deviceId,
          channel,
          side,
          at,
          isOut: side === "below" ? value < at : value > at,
        });
      }
    }
  }

  #judge({ deviceId, channel, side, at, isOut }: {
    deviceId: string;
    channel: string;
    side: Side;
    at: number;
    isOut: boolean;
  }): void {
    const id = `limit-${side}:${deviceId}.${channel}`;
    const { alarms, devices } = this.sources;
    const stands = alarms.active().some((one) => one.id === id && one.clearedAtMs === null);
    const inARow = stands === isOut ? 0 : (this.#other.get(id) ?? 0) + 1;
    if (inARow < IN_A_ROW) {
      if (inARow === 0) this.#other.delete(id);
      else this.#other.set(id, inARow);
      return;
    }
    this.#other.delete(id);
    if (!isOut) return this.#said(alarms.clear(id));
    const capability = devices.list().find((one) => one.capability.deviceId === deviceId)
      ?.capability;
    const known = capability?.channels.find((one) => one.id === channel);
    const label = capability === undefined || known === undefined
      ? `${deviceId}.${channel}`
      : capability.channels.length === 1
      ? capability.label
      : `${capability.label}, ${known.label}`;
    const limit = `${at}${known === undefined || known.unit === "" ? "" : ` ${known.unit}`}`;
    this.#said(alarms.raise({
      id,
      severity: "warning",
      subject: deviceId,
      title: `${label} is ${side} its limit`,
      text:
        `Three readings in a row were ${side} ${limit}, the limit set under Settings, Dashboard. ` +
        "Look at the vessel and at what drives this value; the alarm is over after three readings inside.",
    }));
  }

  #said(done: Promise<void>): void {
    done.catch((error: unknown) =>
      this.log.error("an alarm of a limit could not be kept", { error })
    );
  }
}
