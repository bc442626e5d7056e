import { Problem } from "../problem.ts";
import type { SubmitRefusal } from "./model.ts";
import type { ChangeRefusal, MoveRefusal } from "./store.ts";

/** Why a submission was refused, as it leaves the process. */
export function submitProblem(refusal: SubmitRefusal): Problem {
  switch (refusal.kind) {
    case "active-limit": {
      const { active, limit } = refusal;
      return new Problem(
        "active-limit",
        `You have ${active} experiments waiting or running, the limit is ${limit}`,
        { active, limit },
      );
    }
    case "queue-full":
      return new Problem("active-limit", `The queue is full: ${refusal.waiting} are waiting`, {
        active: refusal.waiting,
        limit: refusal.limit,
      });
    case "script-empty":
      return new Problem("script-rejected", "The script is empty", {
        errors: [{ line: null, column: null, message: "it is empty" }],
      });
    case "script-too-large": {
      const kib = (bytes: number) => Math.ceil(bytes / 1024);
      return new Problem(
        "too-large",
        `The script has ${kib(refusal.bytes)} KiB, the limit is ${kib(refusal.limit)} KiB`,
        { bytes: refusal.bytes, limit: refusal.limit },
      );
    }
    case "script-rejected": {
      const [first] = refusal.errors;
      const where = first?.line == null ? "" : `Line ${first.line}: `;
      return new Problem(
        "script-rejected",
        `${where}${first?.message ?? "the script cannot be compiled"}`,
        { errors: refusal.errors },
      );
    }
    case "invalid-ask": {
      const [first] = refusal.errors;
      return new Problem("invalid-request", `"${first?.path}": ${first?.message}`, {
        errors: refusal.errors.map((one) => ({ ...one, in: "json" })),
      });
    }
    case "runner-unavailable":
      return new Problem("runner-unavailable", refusal.text);
    case "device-unknown":
      return new Problem("device-unknown", `There is no device "${refusal.deviceId}"`, {
        deviceId: refusal.deviceId,
      });
    case "disk-full":
      return new Problem(
        "disk-full",
        `The disk has ${refusal.freeMb} MiB left, ${refusal.floorMb} MiB are kept in reserve`,
      );
  }
}

/** Why an experiment was not changed or moved, as it leaves the process. */
export function changeProblem(refusal: ChangeRefusal | MoveRefusal): Problem {
  switch (refusal.kind) {
    case "unknown":
      return new Problem("experiment-unknown", `There is no experiment "${refusal.id}"`);
    case "wrong-state": {
      const { state, allowed } = refusal;
      const asked = DONE[refusal.asked] ?? "changed so";
      return new Problem("wrong-state", `It is ${words(state)}, so it cannot be ${asked}`, {
        current: state,
        allowed: allowed.filter((one) =>
          ["pause", "resume", "hold", "release", "cancel"].includes(one)
        ),
      });
    }
    case "not-theirs":
      return new Problem(
        "forbidden",
        "Only its owner or an admin can displace the running experiment",
      );
    case "run-held":
      return new Problem("wrong-state", "As many experiments run as may at the same time", {
        current: "queued",
        by: refusal.by,
      });
    case "devices-held":
      return new Problem("device-held", `It cannot be released: ${refusal.text}`);
    case "not-waiting":
      return new Problem(
        "wrong-state",
        `It is ${words(refusal.state)}, so it has no place to move`,
        {
          current: refusal.state,
        },
      );
    case "stale-queue":
      return new Problem("precondition-failed", "The queue has changed since you saw it", {
        version: refusal.version,
      });
    case "rearranged-too-often":
      return new Problem(
        "wrong-state",
        "There is no room left between its new neighbours: move it to the front or to the end",
      );
  }
}

/** What a person or a script can ask for, as a participle. */
const DONE: Record<string, string> = {
  pause: "paused",
  resume: "resumed",
  hold: "held",
  release: "released",
  cancel: "cancelled",
  ended: "removed",
  start: "annotated",
};

function words(state: string): string {
  return state.replaceAll("_", " ");
}
