import { createHash } from "node:crypto";
import type { Declared } from "../../components/parameters.ts";
import { actorOf } from "../../lib/auth/mod.ts";
import {
  declaredParameters,
  ExperimentAsk,
  Limits,
  ownerOf,
  submitProblem,
  type SubmitRefusal,
} from "../../lib/experiments/mod.ts";
import type { State } from "../../lib/instrument/mod.ts";
import { askOf, type Filled, type Refused, settables } from "./submission.ts";

/** What a check without submitting found: what would be queued. */
export interface Checked {
  readonly title: string;
  readonly position: number;
  readonly devices: readonly string[];
  readonly wallMs: number | null;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What became of a form. */
export type Outcome = { id: string } | { checked: Checked } | { refused: Refused; status: number };

/** Submits what a form asks for, or with `checkOnly` tells what would become of it. */
export async function submit(
  { instrument, principal }: State,
  filled: Filled,
  { key, checkOnly }: { key: string | undefined; checkOnly: boolean },
): Promise<Outcome> {
  const { experiments, devices } = instrument;
  const asked = askOf(filled, settables(devices.list()), declaredIn(filled));
  if ("fields" in asked) {
    const text = Object.values(asked.fields).join("; ");
    return { refused: { text, fields: asked.fields, script: [] }, status: 422 };
  }
  const parsed = ExperimentAsk.safeParse(asked.ask);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path, message }) => ({
      path: path.map(String).join("."),
      message,
    }));
    return { refused: refusedFor(errors), status: 422 };
  }
  const by = { owner: ownerOf(principal), actor: actorOf(principal) };
  if (checkOnly) {
    const prepared = await experiments.dryRun(parsed.data, by);
    if (!prepared.ok) return refusedBy(prepared.refusal);
    const { title, devices, limits, parameters = {} } = prepared.value.draft;
    const position = experiments.waitingCount() + 1;
    return { checked: { title, position, devices, wallMs: limits.wallMs, parameters } };
  }
  const submitted = await experiments.submit(parsed.data, {
    ...by,
    ...(key === undefined || key === "" ? {} : { idempotencyKey: keyOf(key, parsed.data) }),
  });
  return submitted.ok ? { id: submitted.value.experiment.id } : refusedBy(submitted.refusal);
}

function refusedBy(refusal: SubmitRefusal): Outcome {
  const { status, detail } = submitProblem(refusal);
  if (refusal.kind === "invalid-ask") return { refused: refusedFor(refusal.errors), status };
  const script = refusal.kind === "script-rejected" ? refusal.errors : [];
  return { refused: { text: detail, fields: {}, script }, status };
}

/** Each error beside its field, and all of them above. */
function refusedFor(errors: readonly { path: string; message: string }[]): Refused {
  return {
    text: errors.map(({ path, message }) => `${path.replace(/^parameters\./, "")}: ${message}`)
      .join("; "),
    fields: Object.fromEntries(errors.map(({ path, message }) => [path, message])),
    script: [],
  };
}

/** What the script declares; `null` where it declares nothing that can be read. */
export function declaredIn({ script, kind }: Filled): Declared | null {
  const declared = declaredParameters(script, kind);
  return declared.ok ? declared.value : null;
}

/** Limits of an experiment that names none. */
export function usualLimits({ limits }: { limits: unknown }): Limits {
  return Limits.parse(limits);
}

/** One press or two of the same form make one experiment; a form that was changed since makes another. */
function keyOf(key: string, ask: ExperimentAsk): string {
  const content = createHash("sha256").update(JSON.stringify(ask)).digest("hex").slice(0, 32);
  return `form:${key.slice(0, 40)}:${content}`;
}
