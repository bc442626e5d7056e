import { Problem, type ProblemKind } from "../problem.ts";
import type { CommandRefusal } from "./model.ts";

const KINDS: Readonly<Record<CommandRefusal["kind"], ProblemKind>> = {
  "device-unknown": "device-unknown",
  "operation-unknown": "invalid-request",
  "invalid-args": "invalid-request",
  "held": "device-held",
  "holding": "experiment-holding",
  "not-held": "forbidden",
  "stale-fence": "stale-fence",
  "stopped": "instrument-stopped",
  "busy": "device-busy",
  "offline": "device-offline",
  "timeout": "command-timeout",
  "fault": "device-fault",
};

/** The problem that answers a refused command, with the refusal's own members beside `detail`. */
export function commandProblem(refusal: CommandRefusal): Problem {
  return new Problem(kindOf(refusal), describeRefusal(refusal), membersOf(refusal));
}

function kindOf(refusal: CommandRefusal): ProblemKind {
  if (refusal.kind !== "fault") return KINDS[refusal.kind];
  switch (refusal.code) {
    // An end state or a lost lease took it from the queue: whoever asked no longer drives.
    case "superseded":
      return "stale-fence";
    case "cancelled":
      return "precondition-failed";
    default:
      return "device-fault";
  }
}

function membersOf(refusal: CommandRefusal): Record<string, unknown> {
  switch (refusal.kind) {
    case "operation-unknown": {
      const message = `must be one of ${quoted(refusal.known)}`;
      return { deviceId: refusal.deviceId, errors: [{ path: "op", message, in: "json" }] };
    }
    case "invalid-args":
      return {
        deviceId: refusal.deviceId,
        errors: refusal.errors.map(({ path, message }) =>
          path === "Idempotency-Key" ? { path, message, in: "header" } : {
            path: path === "" ? "args" : `args.${path}`,
            message,
            in: "json",
          }
        ),
      };
    case "fault":
      return { deviceId: refusal.deviceId, fault: refusal.code };
    case "busy":
      return { deviceId: refusal.deviceId, waiting: refusal.waiting, retryAfterS: 1 };
    case "stopped":
      return {};
    default: {
      const { kind: _, ...members } = refusal;
      return members;
    }
  }
}

/** One sentence for people and logs. */
export function describeRefusal(refusal: CommandRefusal): string {
  switch (refusal.kind) {
    case "device-unknown":
      return `There is no device "${refusal.deviceId}"`;
    case "operation-unknown":
      return `"${refusal.deviceId}" has no operation "${refusal.op}"; it has ${
        quoted(refusal.known)
      }`;
    case "invalid-args": {
      const found = refusal.errors.map(({ path, message }) =>
        path === "" ? message : `"${path}": ${message}`
      );
      return `Cannot drive "${refusal.deviceId}": ${found.join("; ")}`;
    }
    case "held":
      return `"${refusal.deviceId}" is held by ${refusal.holder.label}`;
    case "holding":
      return `"${refusal.deviceId}" stands in its hold state: the experiment is held`;
    case "not-held":
      return `This experiment does not hold "${refusal.deviceId}"`;
    case "stale-fence":
      return `Cannot drive "${refusal.deviceId}": fence ${refusal.given} is older than ${refusal.latest}`;
    case "stopped":
      return `The instrument is stopped: ${refusal.reason}`;
    case "busy":
      return `${refusal.waiting} commands wait for "${refusal.deviceId}" already`;
    case "offline":
      return `"${refusal.deviceId}" does not answer: ${refusal.text}`;
    case "timeout":
      return `"${refusal.deviceId}" did not answer within ${refusal.afterMs} ms`;
    case "fault":
      return `"${refusal.deviceId}": ${refusal.text}`;
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ") || "none";
}
