import type { Log } from "../log.ts";
import type { Capability } from "./model.ts";

/** Where abnormal conditions go; `lib/alarms` satisfies it. */
export interface AlarmSink {
  raise(alarm: {
    id: string;
    severity: "warning" | "critical";
    subject: string;
    title: string;
    text: string;
  }): Promise<void>;
  clear(id: string): Promise<void>;
}

/** The devices' abnormal conditions, raised and cleared by their names; nobody waits for the record of them. */
export class Conditions {
  constructor(private readonly sink: AlarmSink | undefined, private readonly log: Log) {}

  stopped(actor: string, reason: string): void {
    this.#raise({
      id: "stop",
      severity: "critical",
      subject: "instrument",
      title: "Instrument stopped",
      text: `Stopped by ${actor}: ${reason}. Every actuator was sent to its safe state; ` +
        "commands are refused until the stop is cleared with a reason",
    });
  }
  stopCleared(): void {
    this.#clear("stop");
  }

  agentDown(agent: string, reason: string, devices: readonly string[]): void {
    this.#raise({
      id: `agent:${agent}`,
      severity: "critical",
      subject: agent,
      title: `Agent ${agent} is down`,
      text: `It ended (${reason}) and is started again. Until it answers nobody knows where ` +
        `its devices stand: ${devices.join(", ") || "none known yet"}`,
    });
  }
  agentUp(agent: string): void {
    this.#clear(`agent:${agent}`);
  }

  deviceBroken({ deviceId, label }: Capability, text: string): void {
    this.#raise({
      id: `offline:${deviceId}`,
      severity: "warning",
      subject: deviceId,
      title: `${label} does not work`,
      text,
    });
  }
  deviceWorks({ deviceId }: Capability): void {
    this.#clear(`offline:${deviceId}`);
  }

  stale({ deviceId, label }: Capability): void {
    this.#raise({
      id: `stale:${deviceId}`,
      severity: "warning",
      subject: deviceId,
      title: `${label} is stale`,
      text: "No reading has come for three of its periods; its last number no longer counts",
    });
  }
  fresh({ deviceId }: Capability): void {
    this.#clear(`stale:${deviceId}`);
  }

  #raise(alarm: Parameters<AlarmSink["raise"]>[0]): void {
    this.sink?.raise(alarm).catch((error) =>
      this.log.error("an alarm could not be raised", { alarm: alarm.id, error })
    );
  }
  #clear(id: string): void {
    this.sink?.clear(id).catch((error) =>
      this.log.error("an alarm could not be cleared", { alarm: id, error })
    );
  }
}
