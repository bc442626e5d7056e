import { idsFrom } from "../../components/epu_decisions.ts";
import { actorOf, type Principal } from "../../lib/auth/mod.ts";
import {
  type DecideRefusal,
  DECISION_KINDS,
  DecisionSettingsAsk,
  explain,
  type Policy,
  type SettingsRefusal,
} from "../../lib/epu/mod.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";
import type { Result } from "../../lib/result.ts";

/** What people do on the page of decisions, as forms: with scripts and without the same. */

const NOTE_MAX = 1000;

type Done = Result<unknown, DecideRefusal | SettingsRefusal>;

/** Carries out one form about acquisition `a`; `null` when it went well, else why not and what to do. */
export async function steer(
  { steering: { decisions } }: Instrument,
  principal: Principal,
  a: string,
  form: FormData,
): Promise<string | null> {
  const actor = actorOf(principal);
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const note = text("note").slice(0, NOTE_MAX) || null;

  switch (text("action")) {
    case "approve": {
      const written = text("targets");
      const targetIds = idsFrom(written);
      if (targetIds === null) return NOT_IDS;
      return said(
        await decisions.approve(a, text("proposal"), {
          actor,
          note,
          ...(written === "" ? {} : { targetIds }),
        }),
      );
    }
    case "reject":
      return said(await decisions.reject(a, text("proposal"), { actor, note }));
    case "decide": {
      const kind = DECISION_KINDS.find((one) => one === text("kind"));
      if (kind === undefined) return "Say what is decided";
      const targetIds = idsFrom(text("targets"));
      const square = idsFrom(text("square"));
      if (targetIds === null || square === null || square.length > 1) return NOT_IDS;
      return said(
        await decisions.decide(a, {
          kind,
          squareId: square[0] ?? null,
          targetIds,
          actor,
          note,
        }),
      );
    }
    case "retry": {
      const done = await decisions.retry(a, text("decision"));
      return done.ok ? null : "Only an effect that failed is tried again; this one did not";
    }
    case "ask": {
      const done = await decisions.refresh(a);
      const failed = done?.failed[0];
      if (done === null) {
        return "Nobody was asked: no authority is chosen, or the acquisition has ended";
      }
      return failed === undefined ? null : `"${failed.authority}" gave no answer: ${failed.error}`;
    }
    case "settings":
      return await set(decisions, a, actor, settingsFrom(form));
    case "policy":
      return await set(decisions, a, actor, policyFrom(form));
    case "no-policy":
      return await set(decisions, a, actor, { policy: null });
    case "automation-off":
      await decisions.store.setAutomation(true, actor, text("reason") || "switched off by hand");
      return null;
    case "automation-on":
      await decisions.store.setAutomation(false, actor, text("reason") || "allowed again");
      return null;
    default:
      return "There is no such action";
  }
}

const NOT_IDS = "Squares and holes are named by EPU's whole numbers, separated by spaces or commas";

async function set(
  decisions: Instrument["steering"]["decisions"],
  a: string,
  actor: string,
  ask: unknown,
): Promise<string | null> {
  const parsed = DecisionSettingsAsk.safeParse(ask);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return `Nothing was changed: ${path.join(".") || "the form"}: ${message}`;
  }
  return said(await decisions.setSettings(a, parsed.data, actor));
}

function settingsFrom(form: FormData): Record<string, unknown> {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const acting = text("acting") || null;
  return {
    acting,
    // Who acts needs no shadow of itself.
    shadows: form.getAll("shadows").map(String).filter((name) => name !== acting),
    channel: text("channel"),
    dryRun: form.has("dryRun"),
    explorationShare: percent(text("exploration")),
    athenaSessionId: text("athena") || null,
    plan: { squares: idsFrom(text("squares")), holes: idsFrom(text("holes")) },
  };
}

function policyFrom(form: FormData): Record<string, unknown> {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const policy: Record<keyof Policy, unknown> = {
    name: text("name"),
    enabled: form.has("enabled"),
    kinds: form.getAll("kinds").map(String),
    confidenceMin: percent(text("confidence")),
    holesPerHour: Number(text("holes")),
    squaresPerHour: Number(text("squares")),
  };
  return { policy };
}

function percent(text: string): number {
  return Number(text.replace(",", ".")) / 100;
}

function said(done: Done): string | null {
  return done.ok ? null : refusalInWords(done.refusal);
}

/** What was found, and what to do about it. */
function refusalInWords(refusal: DecideRefusal | SettingsRefusal): string {
  switch (refusal.kind) {
    case "unknown-acquisition":
      return "This acquisition is no longer there";
    case "unknown-proposal":
      return "This proposal is no longer there; decide about the one that is shown now";
    case "not-waiting":
      return refusal.state === "superseded"
        ? "The authority proposed something newer meanwhile; look at it, then decide"
        : `This proposal waits for nobody any more: it is ${refusal.state}`;
    case "shadow":
      return "Its authority only proposes in the shadow; choose it as the acting one first";
    case "nothing-left":
      return "All of it was exposed or deselected meanwhile: nothing is left to decide";
    case "wrong-targets":
      return `The order was not taken: it ${explain(refusal.why)}`;
    case "wrong-state":
      return `The acquisition is ${refusal.state}, so that cannot be done now`;
    case "unknown-authority":
      return `There is no authority "${refusal.authority}"`;
    case "unknown-channel":
      return `There is no channel "${refusal.channel}"`;
  }
}

/** Where a form wants to come back to, if that is one of the pages about acquisitions. */
export function backTo(form: FormData, otherwise: string): string {
  const back = String(form.get("back") ?? "");
  return /^\/epu\/[\w./%-]*$/.test(back) && !back.includes("..") ? back : otherwise;
}
