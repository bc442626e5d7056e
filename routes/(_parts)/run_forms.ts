import { HttpError } from "fresh";
import { momentOf } from "../../components/noted_at.ts";
import { actorOf, type Principal } from "../../lib/auth/mod.ts";
import {
  annotateProblem,
  AnnotationAsk,
  changeProblem,
  type ChangeRefusal,
  type Experiment,
  type Experiments,
  mayChange,
  type MoveRefusal,
  ownerOf,
} from "../../lib/experiments/mod.ts";
import type { Result } from "../../lib/result.ts";

/** The forms about one experiment as they work without scripts. */

/** What a form tells an experiment; `null`: nothing that can be told. */
export function told(
  experiments: Experiments,
  experiment: Experiment,
  form: FormData,
  principal: Principal,
): Promise<Result<Experiment, ChangeRefusal | MoveRefusal>> | null {
  const { id } = experiment;
  const actor = actorOf(principal);
  const reason = String(form.get("reason") ?? "").trim();
  switch (form.get("action")) {
    case "cancel":
      return experiments.cancel(id, actor, "stopped from its page");
    case "pause":
      return experiments.pause(id, actor);
    case "resume":
      return experiments.resume(id, actor);
    case "hold":
      return experiments.hold(id, actor, reason);
    case "release":
      return experiments.release(id, actor);
    case "move": {
      const [position, version] = [form.get("position"), form.get("version")].map(Number);
      return Number.isInteger(position) && position! >= 1 && Number.isInteger(version)
        ? experiments.move(id, position!, actor, version)
        : null;
    }
    case "run-now": {
      const theirs = experiments.displacedBy(experiment)
        .filter(({ owner }) => owner !== ownerOf(principal));
      if (reason === "" && theirs.some((running) => mayChange(principal, running))) {
        throw new HttpError(422, "Say why, for the owner of the experiment that it displaces");
      }
      return experiments.runNow(id, actor, reason, {
        requeue: form.has("requeue"),
        mayDisplace: (displaced) => mayChange(principal, displaced),
      });
    }
    default:
      return null;
  }
}

/** A note from the form without scripts. @throws {HttpError} where it is none */
export async function annotate(
  experiments: Experiments,
  id: string,
  form: FormData,
  actor: string,
) {
  const zero = Number(form.get("zero") ?? NaN);
  const typed = String(form.get("minutes") ?? "");
  const atMs = momentOf(typed, Number.isInteger(zero) ? zero : null);
  if (atMs === null) throw new HttpError(422, `“${typed}” is not a number of minutes`);
  const ask = AnnotationAsk.safeParse({ text: form.get("text") ?? "", atMs });
  if (!ask.success) throw new HttpError(422, "A note has 1 to 500 characters");
  const kept = await experiments.annotate(id, ask.data, actor);
  if (kept.ok) return;
  const { status, detail } = annotateProblem(kept.refusal);
  throw new HttpError(status, detail);
}

/** A refusal as the page that says it. */
export function refusedAs(refusal: ChangeRefusal | MoveRefusal): HttpError {
  const problem = changeProblem(refusal);
  return new HttpError(problem.status, problem.detail);
}
