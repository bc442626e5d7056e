import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import {
  kindInWords,
  type LogData,
  type ShownDecision,
  type ShownEffect,
  stateChip,
  targetHref,
  targetsInWords,
} from "../components/epu_decisions.ts";
import { followPage } from "../components/epu_live.ts";
import { channelInWords } from "../components/EpuDeciding.tsx";
import { formatActor } from "../components/format.ts";
import { postPage } from "../components/page_data.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  acquisitionId: string;
  initial: LogData;
  /** Where the page of the log begins; `null`: at the newest. */
  before: string | null;
  actor: string;
  mayDecide: boolean;
  clock: PageClock;
}

/** Every decision, newest first, with who made it and what became of it; live. */
export default function EpuDecisionLog(
  { acquisitionId, initial, before, actor, mayDecide, clock }: Props,
) {
  const log = useSignal(initial);
  const failure = useSignal<string | null>(null);
  const action = `/epu/${encodeURIComponent(acquisitionId)}/decisions`;

  useEffect(() => {
    const page = followPage<LogData>({
      matters: ({ type, subject }) => type === "epu.decision" && subject === acquisitionId,
      take: (next) => log.value = next,
      search: () =>
        `?${new URLSearchParams({ part: "log", ...(before === null ? {} : { before }) })}`,
    });
    return page.stop;
  }, []);

  async function retry(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement, event.submitter);
    failure.value = (await postPage<{ failed: string | null }>(action, form)).failed;
  }

  const { decisions, older } = log.value;
  return (
    <section class="card table-card steer-log" id="log" aria-label="Decision log">
      <header>
        <h2>Decision log</h2>
        <span class="sub">newest first</span>
      </header>
      {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
      {decisions.length === 0
        ? (
          <p class="empty">
            {before === null
              ? "Nothing was decided yet. Approvals, rejections, pauses and what policies approve stand here with what became of them."
              : "Nothing older."}
          </p>
        )
        : (
          <table class="row-table decision-log">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">What</th>
                <th scope="col">By</th>
                <th scope="col">Outcome</th>
                <th scope="col">Effect</th>
              </tr>
            </thead>
            <tbody>
              {decisions.map((one) => (
                <tr key={one.id}>
                  <td class="fig">
                    <Time atMs={one.decidedAtMs} clock={clock} as="stamp" />
                  </td>
                  <th scope="row">
                    <What decision={one} acquisitionId={acquisitionId} />
                  </th>
                  <td data-label="by">
                    {one.by.kind === "policy"
                      ? `policy “${one.by.name}”`
                      : formatActor(one.by.name, actor)}
                  </td>
                  <td>
                    <span class={stateChip(one.outcome)}>{one.outcome}</span>
                  </td>
                  <td>
                    {one.effect === null
                      ? <span class="sub">none</span>
                      : <EffectOf effect={one.effect} />}
                    {mayDecide && one.effect?.state === "failed" && one.outcome === "approved" && (
                      <form method="post" action={action} onSubmit={retry}>
                        <input type="hidden" name="decision" value={one.id} />
                        <button class="btn" type="submit" name="action" value="retry">
                          Try again
                        </button>
                      </form>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      {(older !== null || before !== null) && (
        <nav class="row" aria-label="Pages of the log">
          {before !== null && <a class="btn" href={`${action}#log`}>Newest</a>}
          {older !== null && (
            <a class="btn" href={`${action}?${new URLSearchParams({ before: older })}#log`}>
              Older
            </a>
          )}
        </nav>
      )}
    </section>
  );
}

function What(
  { decision, acquisitionId }: { decision: ShownDecision; acquisitionId: string },
) {
  const { kind, targets, first, edited, struckOff, note } = decision;
  const what = targetsInWords(decision, targets);
  return (
    <>
      {kindInWords(kind)}
      {what !== "" && <span class="num">, {what}</span>} {edited && <span class="tag">edited</span>}
      {first.length > 0 && (
        <small class="why num">
          {first.map((id) => (
            <>
              <a href={targetHref(acquisitionId, kind, id)} key={id}>{id}</a>
              {" "}
            </>
          ))}
          {targets > first.length && `and ${targets - first.length} more`}
          {struckOff > 0 && `; ${struckOff} struck off, done by then`}
        </small>
      )}
      {note !== null && <small class="why">“{note}”</small>}
    </>
  );
}

function EffectOf({ effect }: { effect: ShownEffect }) {
  const { state, channel, dryRun, attempts, error, references } = effect;
  return (
    <>
      <span class={stateChip(state)}>{dryRun ? `dry run: ${state}` : state}</span>
      <small class="why">
        to {channelInWords(channel)}
        {attempts > 1 && `, ${attempts} attempts`}
      </small>
      {error !== null && <small class="why error">{error}</small>}
      {references.length > 0 && (
        <small class="why" title={references.join("\n")}>
          {channel === "agent" && references.length > 1
            ? `${references.length} instructions`
            : references.slice(0, 3).join(", ")}
        </small>
      )}
    </>
  );
}
