import type { Reading } from "./readings.ts";

/** What is known of a failed call beside its message. */
export interface ErrorFacts {
  /** What was asked: `co2_sensor`, `pumps/inflow`; null where it was none in particular. */
  component?: string | null;
  /** Short and stable: `api_away`, `device_held`, `out_of_range`, `no_ack`. */
  code?: string;
  /** HTTP status, or null when no answer came. */
  status?: number | null;
  /** Last good reading of that component in this script. */
  lastGood?: Reading | null;
  cause?: unknown;
}

/** A call to the instrument failed. The message says what was tried and what was found. */
export class BioreactorError extends Error {
  override name = "BioreactorError";
  readonly component: string | null;
  readonly code: string;
  readonly status: number | null;
  readonly lastGood: Reading | null;
  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.component = facts.component ?? null;
    this.code = facts.code ?? "failed";
    this.status = facts.status ?? null;
    this.lastGood = facts.lastGood ?? null;
  }
}

/**
 * The instrument's API could not be reached, or gave no answer in time. With code `api_away` nothing
 * reached it. With code `no_answer` the call was sent: a command may have been carried out. It is never
 * sent twice.
 */
export class ApiAway extends BioreactorError {
  override name = "ApiAway";
}

/** Somebody else holds the device; the message names the holder. */
export class DeviceHeld extends BioreactorError {
  override name = "DeviceHeld";
}

/** The experiment is held. Commands wait for the release; only those told not to wait throw this. */
export class ExperimentHolding extends DeviceHeld {
  override name = "ExperimentHolding";
}

/** STOP was pressed: every device is in its safe state until it is cleared. */
export class InstrumentStopped extends BioreactorError {
  override name = "InstrumentStopped";
}

/** A value the device does not accept. Nothing was changed. */
export class OutOfRange extends BioreactorError {
  override name = "OutOfRange";
}

/** This instrument has no such component, pump, relay or route. */
export class UnknownComponent extends BioreactorError {
  override name = "UnknownComponent";
}

/** The sensor gave no good value; `code` says why, `lastGood` holds the last one. */
export class SensorFault extends BioreactorError {
  override name = "SensorFault";
}

/** The token does not allow this: a script may drive its own experiment's devices only. */
export class NotAllowed extends BioreactorError {
  override name = "NotAllowed";
}

/** The device refused or failed the command. */
export class CommandFailed extends BioreactorError {
  override name = "CommandFailed";
}

/** `stopAll` tried everything and something did not stop; `failures` says what. */
export class StopIncomplete extends BioreactorError {
  override name = "StopIncomplete";
  constructor(
    message: string,
    readonly failures: readonly { readonly name: string; readonly error: unknown }[],
  ) {
    super(message, { code: "stop_incomplete" });
  }
}

/** A job of `run` failed too many times in a row and was ended. */
export class JobFailed extends BioreactorError {
  override name = "JobFailed";
}

const KINDS: Readonly<Record<string, typeof BioreactorError>> = {
  api_away: ApiAway,
  device_held: DeviceHeld,
  stale_fence: DeviceHeld,
  experiment_holding: ExperimentHolding,
  instrument_stopped: InstrumentStopped,
  out_of_range: OutOfRange,
  invalid_request: OutOfRange,
  login_required: NotAllowed,
  forbidden: NotAllowed,
  not_found: UnknownComponent,
  device_unknown: UnknownComponent,
  component_missing: UnknownComponent,
};
const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  404: "not_found",
  409: "conflict",
  422: "invalid_request",
};

/** The error for an HTTP reply of 400 or more. `reply` is the parsed body, or text. */
export function fromReply(
  status: number,
  reply: unknown,
  { asked, component = null, lastGood = null }: {
    asked: string;
    component?: string | null;
    lastGood?: Reading | null;
  },
): BioreactorError {
  let detail: string | undefined;
  let code: string | undefined;
  if (isRecord(reply)) {
    if (typeof reply.code === "string") code = reply.code;
    if (Array.isArray(reply.detail)) { // the originals' validation errors
      detail = reply.detail.map(validationLine).join("; ");
      code ??= "invalid_request";
    } else {
      detail = [reply.detail, reply.message, reply.title].find((one) => typeof one === "string");
    }
  } else if (typeof reply === "string" && reply.trim() !== "") {
    detail = reply.trim().split("\n")[0]!.slice(0, 300);
  }
  code ??= CODE_OF_STATUS[status] ?? `http_${status}`;
  const other = !asked.startsWith("GET")
    ? CommandFailed
    : component === null
    ? BioreactorError
    : SensorFault;
  const kind = KINDS[code] ?? other;
  const message = `${asked}: ${detail ?? `HTTP status ${status}`}`;
  return new kind(message, { component, code, status, lastGood });
}

function validationLine(item: unknown): string {
  if (!isRecord(item)) return String(item);
  const where = Array.isArray(item.loc)
    ? item.loc.filter((part) => part !== "body" && part !== "query").join(".")
    : "";
  const text = typeof item.msg === "string" ? item.msg : JSON.stringify(item);
  return where === "" ? text : `${where}: ${text}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
