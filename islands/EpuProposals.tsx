import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import {
  type Draft,
  kindInWords,
  type ProposalsAfter,
  type ProposalsData,
  slotOf,
  targetsInWords,
} from "../components/epu_decisions.ts";
import { followPage } from "../components/epu_live.ts";
import { OwnDecision, WhoDecides } from "../components/EpuDeciding.tsx";
import { AutomaticApproval } from "../components/EpuPolicy.tsx";
import { EpuProposal } from "../components/EpuProposal.tsx";
import { EpuSayings } from "../components/EpuSayings.tsx";
import { postPage } from "../components/page_data.ts";

interface Props {
  initial: ProposalsData;
  mayDecide: boolean;
  clock: PageClock;
}

/** Proposals are renewed without a word: their time is asked for anew so often. */
const RENEWED_MS = 30_000;
const TYPES = ["epu.proposal", "epu.decision", "epu.acquisition", "epu.automation"];

/** What waits for a person on top, with what others say, and beside it who decides; live. */
export default function EpuProposals({ initial, mayDecide, clock }: Props) {
  const data = useSignal(initial);
  const drafts = useSignal<Readonly<Record<string, Draft>>>({});
  const failure = useSignal<string | null>(null);
  const said = useSignal("");
  const busy = useRef(false);
  const { acquisition, waiting, waitingCount, others, othersCount } = data.value;
  const action = `/epu/${encodeURIComponent(acquisition.id)}/decisions`;

  function take(next: ProposalsData) {
    if (next.atMs < data.value.atMs) return;
    // The same object where nothing changed: a form that somebody fills in stays as it is.
    const { settings, automation } = data.value;
    data.value = {
      ...next,
      settings: same(settings, next.settings) ? settings : next.settings,
      automation: same(automation, next.automation) ? automation : next.automation,
    };
  }

  useEffect(() => {
    const page = followPage<ProposalsData>({
      matters: ({ type, subject }) =>
        (subject === acquisition.id || subject === "epu") &&
        TYPES.some((own) => type.startsWith(own)),
      take,
      everyMs: RENEWED_MS,
      search: () => "?part=proposals",
    });
    return page.stop;
  }, []);

  async function post(form: FormData): Promise<string | null> {
    const { data: after, failed } = await postPage<ProposalsAfter>(action, form);
    if (after !== null) {
      const { failed: _, ...next } = after;
      take(next);
    }
    return failed;
  }

  /** The forms beside the proposals; one at a time. */
  async function send(event: SubmitEvent) {
    event.preventDefault();
    if (busy.current) return;
    busy.current = true;
    const element = event.currentTarget as HTMLFormElement;
    event.submitter?.setAttribute("aria-busy", "true");
    failure.value = await post(new FormData(element, event.submitter));
    event.submitter?.removeAttribute("aria-busy");
    busy.current = false;
    if (failure.value !== null) return;
    said.value = "Done";
    element.reset();
  }

  function withDraft(slot: string, draft: Draft | null) {
    const { [slot]: _, ...rest } = drafts.value;
    drafts.value = draft === null ? rest : { ...rest, [slot]: draft };
  }

  const { settings, automation } = data.value;
  const side = useMemo(() => (
    <>
      <WhoDecides settings={settings} mayDecide={mayDecide} action={action} onSend={send} />
      <AutomaticApproval
        settings={settings}
        automation={automation}
        mayDecide={mayDecide}
        action={action}
        onSend={send}
      />
      {mayDecide && <OwnDecision state={acquisition.state} action={action} onSend={send} />}
    </>
  ), [settings, automation, acquisition.state]);

  // What somebody edited stays in sight when its proposal has ended meanwhile.
  const slots = new Set(waiting.map(slotOf));
  const lost = Object.keys(drafts.value).filter((slot) => !slots.has(slot));
  return (
    <>
      <p class="visually-hidden" aria-live="polite">{said.value}</p>
      <div class="steer-main">
        {failure.value !== null && (
          <p class="notice notice-crit" role="alert">
            <span class="dot" />
            <span class="grow">{failure.value}</span>
            <button type="button" class="btn btn-quiet" onClick={() => failure.value = null}>
              Seen
            </button>
          </p>
        )}
        <section class="card" aria-label="Waiting for a person">
          <header>
            <h2>Waiting for a person</h2>
            <span class="sub num">
              {waitingCount === 0 ? "nothing" : `${waitingCount} to decide`}
            </span>
            {mayDecide && data.value.settings.acting !== null && (
              <form method="post" action={action} onSubmit={send}>
                <button class="btn btn-quiet" type="submit" name="action" value="ask">
                  Ask again now
                </button>
              </form>
            )}
          </header>
          {waitingCount === 0 && <Nothing data={data.value} />}
          {lost.map((slot) => (
            <p class="notice" role="status" key={slot}>
              <span class="dot" />
              <span class="grow">
                A proposal that you edited waits no more. Your order:{" "}
                <span class="num">{drafts.value[slot]!.order.slice(0, 20).join(" ")}</span>
              </span>
              <button
                type="button"
                class="btn btn-quiet"
                onClick={() => withDraft(slot, null)}
              >
                Forget it
              </button>
            </p>
          ))}
          {waiting.map((proposal, i) => {
            const slot = slotOf(proposal);
            return (
              <EpuProposal
                key={slot}
                acquisitionId={acquisition.id}
                proposal={proposal}
                isFirst={i === 0}
                mayDecide={mayDecide}
                clock={clock}
                draft={drafts.value[slot] ?? null}
                onDraft={(draft, text) => {
                  withDraft(slot, draft);
                  said.value = text;
                }}
                onSend={async (form, text) => {
                  const failed = await post(form);
                  if (failed === null) {
                    withDraft(slot, null);
                    said.value = text;
                  }
                  return failed;
                }}
              />
            );
          })}
          {waitingCount > waiting.length && (
            <p class="sub">
              {waitingCount - waiting.length} more wait; they come up as these are decided.
            </p>
          )}
        </section>
      </div>
      <div class="steer-side">{side}</div>
      <div class="steer-others">
        <EpuSayings
          others={others}
          count={othersCount}
          clock={clock}
          words={(one) => `${kindInWords(one.kind)}, ${targetsInWords(one, one.targets)}`}
        />
      </div>
    </>
  );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Why nothing waits, and what would make something. */
function Nothing({ data: { settings, acquisition } }: { data: ProposalsData }) {
  if (settings.acting === null) {
    return (
      <p class="empty">
        No authority acts here, so nothing is proposed and EPU goes its own way. Choose one under
        “Who proposes”.
      </p>
    );
  }
  if (acquisition.state === "completed" || acquisition.state === "abandoned") {
    return <p class="empty">The acquisition is {acquisition.state}: there is nothing to decide.</p>;
  }
  return (
    <p class="empty">
      {settings.acting}{" "}
      has nothing to propose, or all of it is decided. It is asked again when something changes.
    </p>
  );
}
