import type { PageClock } from "../clock.ts";
import { EpuTabs } from "../EpuTabs.tsx";
import { formatAge } from "../format.ts";
import { instrumentNow } from "../live.ts";
import { Time } from "../Time.tsx";
import { Progress } from "./Progress.tsx";
import { counted, isLive, type Summary } from "./shown.ts";

export function StateChip({ summary, clock }: { summary: Summary; clock: PageClock }) {
  const { state } = summary.acquisition;
  const live = isLive(summary, instrumentNow(clock));
  return (
    <>
      <span
        class={state === "started"
          ? "chip chip-busy"
          : state === "paused"
          ? "chip chip-warn"
          : "chip"}
      >
        {state}
      </span>
      {live && <span class="tag tag-live">live</span>}
    </>
  );
}

/** Name, state and where to go: the top of a session's page. */
export function SessionHead({ summary, clock }: { summary: Summary; clock: PageClock }) {
  const { acquisition: { id, name, epuVersion, instrumentModel, startedAtMs }, counts } = summary;
  const nowMs = instrumentNow(clock);
  return (
    <div class="head epu-head">
      <h1>{name}</h1>
      <StateChip summary={summary} clock={clock} />
      <EpuTabs id={id} here="" />
      <span class="sub num">
        {instrumentModel ?? "Microscope not named"}
        {epuVersion !== null && ` · EPU ${epuVersion}`}
        {startedAtMs !== null && (
          <>
            {" · started "}
            <Time atMs={startedAtMs} clock={clock} as="stamp" />
          </>
        )}
        {counts.lastExposureAtMs !== null && (
          <>{" · last exposure "}{formatAge(nowMs - counts.lastExposureAtMs)} ago</>
        )}
      </span>
    </div>
  );
}

/** The session in numbers. */
export function SessionCounts({ summary: { acquisition, counts } }: { summary: Summary }) {
  const { squares, squaresSelected, squaresImaged, squaresFinished } = counts;
  const trouble = counts.filesTruncated > 0 || counts.orphans > 0 || counts.findings > 0;
  return (
    <section class="card epu-counts num" aria-label="Progress">
      <Progress exposures={counts.exposures} />
      <dl>
        <div>
          <dt>Squares</dt>
          <dd>
            <b>{counted(squaresFinished)}</b> finished of {counted(squaresSelected)} selected
            <small>{counted(squares)} in all, {counted(squaresImaged)} imaged</small>
          </dd>
        </div>
        <div>
          <dt>Holes</dt>
          <dd>
            <b>{counted(counts.holesFinished)}</b> finished of {counted(counts.holesSelected)}{" "}
            selected
            <small>{counted(counts.holes)} in all</small>
          </dd>
        </div>
        <div>
          <dt>Micrographs</dt>
          <dd>
            <b>{counted(counts.micrographs)}</b>
            <small>{counted(counts.results)} results</small>
          </dd>
        </div>
        <div>
          <dt>To look at</dt>
          <dd>
            {trouble
              ? (
                <a href={`/epu/${encodeURIComponent(acquisition.id)}/findings`}>
                  <b>{counted(counts.findings)}</b> findings
                </a>
              )
              : "nothing"}
            <small>
              {counted(counts.orphans)} waiting for a parent, {counted(counts.filesTruncated)}{" "}
              cut off
            </small>
          </dd>
        </div>
      </dl>
    </section>
  );
}
