import { useSignal } from "@preact/signals";
import type { PageClock } from "./clock.ts";
import { EpuOrder } from "./EpuOrder.tsx";
import {
  againstEpu,
  type Draft,
  kindInWords,
  mergedOrder,
  type ShownProposal,
  targetsInWords,
} from "./epu_decisions.ts";
import { formatDuration, formatNumber } from "./format.ts";
import { instrumentNow } from "./live.ts";
import { Time } from "./Time.tsx";

interface Props {
  acquisitionId: string;
  proposal: ShownProposal;
  /** The first is what cannot wait longest. */
  isFirst: boolean;
  mayDecide: boolean;
  clock: PageClock;
  /** What a person did to the order so far; `null`: nothing. */
  draft: Draft | null;
  onDraft(draft: Draft | null, said: string): void;
  /** Sends the form; gives why it was not carried out. */
  onSend(form: FormData, said: string): Promise<string | null>;
}

/** Sooner gone than this, a proposal is urgent. */
const SOON_MS = 5 * 60_000;

/** One proposal that waits: who says it and why, its order beside EPU's own, and what a person decides. */
export function EpuProposal(props: Props) {
  const { acquisitionId, proposal, isFirst, mayDecide, clock, draft, onDraft, onSend } = props;
  const pending = useSignal<string | null>(null);
  const failure = useSignal<string | null>(null);
  const { kind, targetIds, authority, version, confidence, expectedGain, reasons } = proposal;
  const merged = draft === null ? null : mergedOrder(draft, targetIds);
  const order = merged?.order ?? targetIds;
  const what = targetsInWords(proposal, targetIds.length);
  const leftMs = proposal.expiresAtMs - instrumentNow(clock);

  function takeOrder(next: readonly number[], said: string) {
    const kept = new Set(next);
    const removed = [...new Set([...draft?.removed ?? [], ...targetIds])]
      .filter((id) => !kept.has(id));
    const isAsProposed = next.length === targetIds.length &&
      next.every((id, i) => id === targetIds[i]);
    onDraft(isAsProposed ? null : { order: next, removed }, said);
  }

  async function send(event: SubmitEvent) {
    event.preventDefault();
    if (pending.value !== null) return;
    const form = new FormData(event.currentTarget as HTMLFormElement, event.submitter);
    // As it is shown, also where the text was not left yet.
    if (draft === null) form.delete("targets");
    else form.set("targets", order.join(" "));
    const action = String(form.get("action"));
    pending.value = action;
    const done = action === "approve" ? "Approved" : "Rejected";
    failure.value = await onSend(form, `${done}: ${kindInWords(kind).toLowerCase()}, ${what}`);
    pending.value = null;
  }

  return (
    <details class="proposal" open={isFirst}>
      <summary>
        <b>{kindInWords(kind)}</b> <span class="num">{what}</span>
        <span class="tag">{authority}</span>
        {draft !== null && <span class="tag tag-warn">edited</span>}
        <span class={leftMs < SOON_MS ? "left soon num" : "left num"}>
          {leftMs > 0 ? `${formatDuration(leftMs)} left` : "runs out now"}
        </span>
      </summary>
      <form
        method="post"
        action={`/epu/${encodeURIComponent(acquisitionId)}/decisions`}
        class="proposal-body"
        onSubmit={send}
      >
        <input type="hidden" name="proposal" value={proposal.id} />
        <div class="proposal-says">
          <dl class="facts">
            <dt>Authority</dt>
            <dd>{authority}, version {version}</dd>
            <dt>Confidence</dt>
            <dd class="num">
              {confidence === null ? "not said" : `${Math.round(confidence * 100)} %`}
            </dd>
            <dt>Expected gain</dt>
            <dd class="num">
              {expectedGain === null
                ? "not said"
                : `${expectedGain > 0 ? "+" : ""}${formatNumber(expectedGain, 1)} good exposures`}
            </dd>
            <dt>Said</dt>
            <dd>
              <Time atMs={proposal.renewedAtMs} clock={clock} />
              {", runs out "}
              <Time atMs={proposal.expiresAtMs} clock={clock} as="minute" />
            </dd>
            {kind.endsWith("Order") && (
              <>
                <dt>Beside EPU</dt>
                <dd>{againstEpu(proposal.epuPlaces)}</dd>
              </>
            )}
          </dl>
          {reasons.length > 0 && (
            <ul class="reasons">
              {reasons.map((reason) => <li key={reason}>{reason}</li>)}
            </ul>
          )}
          {merged !== null && merged.gone + merged.fresh > 0 && (
            <p class="notice" role="status">
              <span class="dot" />
              <span class="grow">
                The proposal changed while you edited it: {merged.gone} of your targets{" "}
                {merged.gone === 1 ? "is" : "are"} done or gone, {merged.fresh} new{" "}
                {merged.fresh === 1 ? "one stands" : "ones stand"} at the end.
              </span>
            </p>
          )}
          {mayDecide && (
            <>
              <label class="field">
                <span class="label">Note</span>
                <input name="note" maxLength={1000} autocomplete="off" />
                <span class="hint">Stays with the decision, for those who read the log</span>
              </label>
              <div class="row">
                <button
                  class="btn btn-main"
                  type="submit"
                  name="action"
                  value="approve"
                  aria-busy={pending.value === "approve"}
                >
                  {draft === null ? "Approve" : "Approve the edited order"}
                </button>
                <button
                  class="btn btn-danger"
                  type="submit"
                  name="action"
                  value="reject"
                  aria-busy={pending.value === "reject"}
                >
                  Reject
                </button>
              </div>
            </>
          )}
          {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
        </div>
        {targetIds.length > 0 && (
          <EpuOrder
            acquisitionId={acquisitionId}
            proposal={proposal}
            order={order}
            mayEdit={mayDecide}
            isEdited={draft !== null}
            onOrder={takeOrder}
            onReset={() => onDraft(null, "The order is as it was proposed")}
          />
        )}
      </form>
    </details>
  );
}
