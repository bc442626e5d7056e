import { actorOf, type Principal } from "../auth/model.ts";
import {
  changeProblem,
  type ChangeRefusal,
  type Experiment,
  type Experiments,
  mayChange,
  type MoveRefusal,
  ownerOf,
  submitProblem,
  type SubmitRefusal,
} from "../experiments/mod.ts";
import type { Problem } from "../problem.ts";
import type { Result } from "../result.ts";

/** What the originals answer with an error: `{ detail, code }` with `status`; `code` is ours. */
export class RunRefusal extends Error {
  override readonly name = "RunRefusal";
  constructor(readonly status: number, readonly detail: string, readonly code: string) {
    super(detail);
  }
}

/** Who asks, as one request says it. */
export interface Asker {
  readonly principal: Principal;
  /** The header `X-Session-ID`: whose experiments a program on this machine, or one with a token, speaks of. */
  readonly session?: string;
}

export function askerOwner({ principal, session }: Asker): string {
  return ownerOf(principal, session);
}

/** The originals ask nobody why; whoever is displaced reads at least where it came from. */
const RUN_NOW_REASON = "asked for with Run Now on the old interface";

export const CHANGES = ["cancel", "pause", "resume", "run-now"] as const;
export type OldChange = (typeof CHANGES)[number];

/** What the originals' hub and web server do to an experiment; each gives the message they show. */
export class RunChanges {
  constructor(private readonly experiments: Experiments) {}

  /** @throws {RunRefusal} with the hub's status codes. */
  async change(verb: OldChange, id: string, who: Asker): Promise<string> {
    const actor = actorOf(who.principal);
    switch (verb) {
      case "cancel":
        await this.theirs(id, who);
        done(await this.experiments.cancel(id, actor, ""));
        return "Experiment cancelled";
      case "pause":
        await this.theirs(id, who, 400);
        done(await this.experiments.pause(id, actor));
        return "Experiment paused";
      case "resume":
        await this.theirs(id, who, 400);
        done(await this.experiments.resume(id, actor));
        return "Experiment resumed";
      case "run-now": {
        await this.theirs(id, who);
        done(
          await this.experiments.runNow(id, actor, RUN_NOW_REASON, {
            mayDisplace: (running) => isTheirs(running, who),
          }),
        );
        return "Experiment moved to the front of the queue";
      }
    }
  }

  /** To place `index` of those that wait, from 0 as the originals count, clamped. @throws {RunRefusal} */
  async reorder(id: string, index: number, who: Asker): Promise<string> {
    await this.theirs(id, who, 400);
    done(await this.experiments.move(id, index + 1, actorOf(who.principal)));
    return `Experiment moved to position ${Math.max(0, index)}`;
  }

  /** @throws {RunRefusal} with `missing` where there is none. */
  async known(id: string, missing = 404): Promise<Experiment> {
    const experiment = await this.experiments.get(id);
    if (experiment === null) throw new RunRefusal(missing, "Experiment not found", "not_found");
    return experiment;
  }

  /** One the asker may change. @throws {RunRefusal} */
  async theirs(id: string, who: Asker, missing = 404): Promise<Experiment> {
    const experiment = await this.known(id, missing);
    assertTheirs(experiment, who);
    return experiment;
  }
}

function isTheirs(experiment: Experiment, who: Asker): boolean {
  return mayChange(who.principal, experiment) || experiment.owner === askerOwner(who);
}

/** @throws {RunRefusal} unless it is the asker's, or the asker an admin. */
export function assertTheirs(experiment: Experiment, who: Asker): void {
  if (isTheirs(experiment, who)) return;
  throw new RunRefusal(403, "Only its owner or an admin can change this experiment", "forbidden");
}

/** @throws {RunRefusal} 400 with what stood in the way, 404 for what is not there. */
export function done(result: Result<Experiment, ChangeRefusal | MoveRefusal>): void {
  if (result.ok) return;
  if (result.refusal.kind === "not-theirs") {
    throw new RunRefusal(403, "Only an admin can cancel other people's experiment", "forbidden");
  }
  const problem = changeProblem(result.refusal);
  throw refusalOf(problem, problem.kind === "experiment-unknown" ? 404 : 400);
}

/** Why a submission was refused; the originals say 400 where somebody has too many. */
export function submitRefusal(refusal: SubmitRefusal): RunRefusal {
  const problem = submitProblem(refusal);
  return refusalOf(problem, refusal.kind === "active-limit" ? 400 : problem.status);
}

function refusalOf({ detail, kind }: Problem, status: number): RunRefusal {
  return new RunRefusal(status, detail, kind.replaceAll("-", "_"));
}
