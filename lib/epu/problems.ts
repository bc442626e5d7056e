import { invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import { explain } from "./decisions/model.ts";
import type { DecideRefusal, SettingsRefusal } from "./decisions/mod.ts";
import type { CreateRefusal, InstructionRefusal } from "./instructions/mod.ts";
import type { ResultRefusal } from "./results/mod.ts";
import type { DeleteRefusal } from "./service_delete.ts";

/** Why something could not be decided, or set, as the API's error. */
export function decisionProblem(refusal: DecideRefusal | SettingsRefusal): Problem {
  switch (refusal.kind) {
    case "unknown-acquisition":
      return new Problem("not-found", `There is no acquisition "${refusal.acquisitionId}"`);
    case "unknown-proposal":
      return new Problem("not-found", `There is no proposal "${refusal.id}"`);
    case "not-waiting":
      return new Problem(
        "not-open",
        `Proposal "${refusal.id}" waits for nobody: it is ${refusal.state}`,
        { state: refusal.state },
      );
    case "shadow":
      return new Problem(
        "not-open",
        `Proposal "${refusal.id}" is of an authority that does not act here`,
        { state: "shadow" },
      );
    case "nothing-left":
      return new Problem("not-open", `Nothing of proposal "${refusal.id}" is left to be done`, {
        state: "done",
      });
    case "wrong-state":
      return new Problem("not-open", `The acquisition is ${refusal.state}`, {
        state: refusal.state,
      });
    case "wrong-targets":
      return invalidRequest([{ path: "targetIds", message: explain(refusal.why), in: "json" }]);
    case "unknown-authority": {
      const message = `There is no authority "${refusal.authority}"`;
      return invalidRequest([{ path: "acting", message, in: "json" }]);
    }
    case "unknown-channel": {
      const message = `There is no channel "${refusal.channel}"`;
      return invalidRequest([{ path: "channel", message, in: "json" }]);
    }
  }
}

export function resultProblem(refusal: ResultRefusal): Problem {
  switch (refusal.kind) {
    case "unknown-micrograph":
      return new Problem(
        "not-found",
        `There is no micrograph "${Object.values(refusal.ask)[0]}"`,
      );
    case "key-reused":
      return invalidRequest([{
        path: "Idempotency-Key",
        message: `"${refusal.idempotencyKey}" came before with other results`,
        in: "header",
      }]);
  }
}

export function instructionProblem(refusal: InstructionRefusal | CreateRefusal): Problem {
  switch (refusal.kind) {
    case "unknown-instruction":
      return new Problem("not-found", `There is no instruction "${refusal.id}"`);
    case "not-theirs":
      return new Problem("forbidden", `Instruction "${refusal.id}" is another session's`);
    case "ended":
      return new Problem("not-open", `Instruction "${refusal.id}" is ${refusal.state} already`, {
        state: refusal.state,
      });
    case "received":
      return new Problem(
        "not-open",
        `The agent has instruction "${refusal.id}": it cannot be called back`,
        { state: "received" },
      );
    case "unknown-session":
      return new Problem("not-found", `This agent has no session "${refusal.sessionId}"`);
    case "session-ended":
      return new Problem("not-open", `Session "${refusal.sessionId}" has ended`, {
        state: "ended",
      });
  }
}

export function deleteProblem(refusal: DeleteRefusal): Problem {
  switch (refusal.kind) {
    case "unknown":
      return new Problem("not-found", "There is nothing under this id");
    case "unconfirmed":
      return invalidRequest([{
        path: "confirm",
        message: `must be the acquisition's name, "${refusal.name}"`,
        in: "query",
      }]);
    case "watched":
      return new Problem(
        "in-use",
        `Its folder "${refusal.folder}" below "${refusal.root}" is watched and would bring it back`,
      );
    case "in-use":
      return new Problem("in-use", `It cannot be deleted: ${refusal.reason}`);
  }
}
