import type { Alarms } from "../alarms/mod.ts";
import type { Auth } from "../auth/mod.ts";
import type { Clock } from "../clock.ts";
import type { Compat } from "../compat/mod.ts";
import type { Config } from "../config.ts";
import type { Coordination } from "../coordination/mod.ts";
import type { Devices } from "../devices/mod.ts";
import type { Epu, Steering } from "../epu/mod.ts";
import type { EventLog } from "../events.ts";
import type { Experiments } from "../experiments/mod.ts";
import type { Kv } from "../kv.ts";
import type { LockFeeds, Locks } from "../locks/mod.ts";
import type { Log } from "../log.ts";
import type { Smartem } from "../smartem/mod.ts";
import type { LiveStream, Telemetry } from "../telemetry/mod.ts";
import type { InstrumentStatus } from "./model.ts";

/** Everything one running Holdfast holds: opened by `openInstrument`, given to routes and pages. */
export interface Instrument {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly kv: Kv;
  readonly events: EventLog;
  readonly auth: Auth;
  readonly locks: Locks;
  /** Who watches the locks. */
  readonly lockFeeds: LockFeeds;
  /** The device coordination service's words for them. */
  readonly coordination: Coordination;
  readonly devices: Devices;
  readonly telemetry: Telemetry;
  readonly stream: LiveStream;
  readonly alarms: Alarms;
  readonly experiments: Experiments;
  readonly compat: Compat;
  /** Cryo-EM sessions. */
  readonly epu: Epu;
  /** What is made of them: results, predictions, decisions, agents, webhooks. */
  readonly steering: Steering;
  /** The SmartEM API's words for them. */
  readonly smartem: Smartem;
  status(): InstrumentStatus;
  /** Safe state first, then runs are left to their supervisors, agents ended, stores closed. */
  close(): Promise<void>;
}
