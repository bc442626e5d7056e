import { Icon } from "../../components/Icon.tsx";
import ExperimentBoard from "../../islands/ExperimentBoard.tsx";
import { publicView, TERMINAL } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { readerOf } from "../(_parts)/reader.ts";

const ENDED_PAGE = 25;
/** Waiting experiments shown; the queue may hold thousands. */
const WAITING_MOST = 200;

export default define.page(async function ExperimentsPage(ctx) {
  const { state: { instrument: { experiments } }, url } = ctx;
  const { clock, owner, mayOperate } = readerOf(ctx);
  const mineOnly = url.searchParams.get("mine") === "1";
  const cursor = cursorOf(url.searchParams.get("cursor"));
  const running = experiments.running();
  const waiting = await experiments.queue();
  const ended = await experiments.list({
    states: [...TERMINAL],
    limit: ENDED_PAGE,
    ...(mineOnly ? { owner } : {}),
    ...(cursor === null ? {} : { cursor }),
  });
  const shown = (one: Parameters<typeof publicView>[1]) => publicView(experiments, one);
  const query = mineOnly ? "mine=1&" : "";
  return (
    <>
      <div class="head">
        <h1>Experiments</h1>
        <nav class="seg" aria-label="Whose">
          <a href="/experiments" aria-current={mineOnly ? "false" : "true"}>Everybody’s</a>
          <a href="/experiments?mine=1" aria-current={mineOnly ? "true" : "false"}>Mine</a>
        </nav>
        {mayOperate && (
          <a class="btn btn-main" href="/experiments/new">
            <Icon name="plus" />Submit an experiment
          </a>
        )}
      </div>
      <ExperimentBoard
        running={running === null ? null : shown(running)}
        waiting={waiting.slice(0, WAITING_MOST).map(shown)}
        ended={ended.experiments.map(shown)}
        mine={owner}
        mineOnly={mineOnly}
        older={cursor !== null}
        maySubmit={mayOperate}
        clock={clock}
      />
      {(cursor !== null || ended.next !== null) && (
        <nav class="row" aria-label="Pages">
          {cursor !== null && (
            <a class="btn" href={mineOnly ? "/experiments?mine=1" : "/experiments"}>Newest</a>
          )}
          {ended.next !== null && (
            <a class="btn" href={`/experiments?${query}cursor=${ended.next}`}>Older</a>
          )}
        </nav>
      )}
    </>
  );
});

/** The number of an experiment; `null` for anything else. */
function cursorOf(text: string | null): number | null {
  return /^\d{1,9}$/.test(text ?? "") && Number(text) > 0 ? Number(text) : null;
}
