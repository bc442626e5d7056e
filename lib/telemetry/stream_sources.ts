import type { Alarm } from "../alarms/model.ts";
import type { DeviceView, Reading } from "../devices/model.ts";
import type { EventDelivery, HoldfastEvent } from "../events.ts";

/** The part of `EventLog` the stream needs. */
export interface StreamEvents {
  firstSeq(): Promise<number>;
  read(q: { afterSeq: number; limit: number }): Promise<HoldfastEvent[]>;
  subscribe(q: { afterSeq: number }): AsyncIterableIterator<EventDelivery> & Disposable;
}

/** Everything the stream carries. Each `on…` takes a listener and returns the function that removes it. */
export interface StreamSources {
  readonly events: StreamEvents;
  /** Number of the newest event. */
  seq(): number;
  devices(): readonly DeviceView[];
  alarms(): readonly Alarm[];
  onReadings(listener: (readings: readonly Reading[]) => void): () => void;
  /** A device's setpoint or status changed, or a reading of it went stale. Holders are learnt from the event log. */
  onDevice(listener: (view: DeviceView) => void): () => void;
  /** An experiment changed; as the public API shows it, without its owner's secret. */
  onExperiment(listener: (experiment: object) => void): () => void;
  onAlarm(listener: (alarm: Alarm) => void): () => void;
}
