import { Icon } from "../../components/Icon.tsx";
import { isActive } from "../../components/experiments.ts";
import ExperimentTable from "../../islands/ExperimentTable.tsx";
import { define } from "../../lib/instrument/mod.ts";
import { ownerOf } from "../../lib/experiments/mod.ts";

const ENDED_PAGE = 25;

export default define.page(async function ExperimentsPage({ state, url }) {
  const { experiments, clock } = state.instrument;
  const nowMs = clock.nowMs();
  const mineOnly = url.searchParams.get("mine") === "1";
  const mine = ownerOf(state.principal);
  const cursor = Number(url.searchParams.get("cursor") ?? "") || undefined;
  const running = experiments.running();
  const waiting = await experiments.queue();
  const ended = await experiments.list({
    states: ["completed", "failed", "cancelled", "timed_out", "interrupted"],
    limit: ENDED_PAGE,
    ...(mineOnly ? { owner: mine } : {}),
    ...(cursor === undefined ? {} : { cursor }),
  });
  const show = <T extends { owner: string }>(list: T[]) =>
    mineOnly ? list.filter(({ owner }) => owner === mine) : list;
  const active = running !== null && isActive(running.state) ? show([running]) : [];
  return (
    <>
      <div class="head">
        <h1>Experiments</h1>
        <nav class="seg" aria-label="Whose">
          <a href="/experiments" aria-current={mineOnly ? undefined : "true"}>Everybody’s</a>
          <a href="/experiments?mine=1" aria-current={mineOnly ? "true" : undefined}>Mine</a>
        </nav>
        <a class="btn btn-main" href="/experiments/new">
          <Icon name="plus" />Submit an experiment
        </a>
      </div>
      {active.length + waiting.length + ended.experiments.length === 0 && (
        <section class="card">
          <p class="empty">
            No experiment yet. An experiment is a Python or TypeScript script that measures and
            drives the devices; it waits its turn, runs alone, and leaves its files here.
          </p>
          <a class="btn btn-main" href="/experiments/new">Submit the first one</a>
        </section>
      )}
      <ExperimentTable
        title="Running"
        rows={active}
        nowMs={nowMs}
        mine={mine}
        empty={null}
        positions={false}
      />
      <ExperimentTable
        title="Waiting"
        rows={show(waiting)}
        nowMs={nowMs}
        mine={mine}
        empty={null}
        positions={!mineOnly}
      />
      <ExperimentTable
        title="Ended"
        rows={ended.experiments}
        nowMs={nowMs}
        mine={mine}
        empty={null}
        positions={false}
      />
      <div class="row">
        {cursor !== undefined && <a class="btn" href="/experiments">Newest</a>}
        {ended.next !== null && (
          <a
            class="btn"
            href={`/experiments?${mineOnly ? "mine=1&" : ""}cursor=${ended.next}`}
          >
            Older
          </a>
        )}
      </div>
    </>
  );
});
