import { ExperimentTabs } from "../../components/ExperimentTabs.tsx";
import { Icon } from "../../components/Icon.tsx";
import { waitingShown } from "../../components/queue.ts";
import ExperimentBoard from "../../islands/ExperimentBoard.tsx";
import { publicView, TERMINAL } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { page } from "fresh";
import { readerOf, viewerOf } from "../(_parts)/reader.ts";

const ENDED_SHOWN = 8;

export const handler = define.handlers({
  // Where the list of one's own was before it had a page.
  GET: (ctx) =>
    ctx.url.searchParams.get("mine") === "1" ? ctx.redirect("/experiments/mine", 302) : page(),
});

export default define.page<typeof handler>(async function ExperimentsPage(ctx) {
  const { state: { instrument: { experiments } }, url } = ctx;
  const { clock, mayOperate } = readerOf(ctx);
  const shown = (one: Parameters<typeof publicView>[1]) => publicView(experiments, one);
  // Read in one go, so that the version is that of what is shown.
  const version = experiments.queueVersion();
  const runs = experiments.runs().map(shown);
  const most = waitingShown(url.searchParams.get("shown"));
  const waiting = experiments.queuePage(most).experiments;
  const queue = {
    version,
    running: runs[0] ?? null,
    runs,
    concurrency: experiments.concurrency,
    waiting: waiting.map(shown),
    waitingCount: experiments.waitingCount(),
    obstacle: experiments.obstacle(),
  };
  const [estimates, ended] = await Promise.all([
    experiments.estimates(waiting),
    experiments.list({ states: [...TERMINAL], limit: ENDED_SHOWN }),
  ]);
  return (
    <>
      <div class="head">
        <h1>Experiments</h1>
        <ExperimentTabs here="/experiments" />
        {mayOperate && (
          <a class="btn btn-main" href="/experiments/new">
            <Icon name="plus" />Submit an experiment
          </a>
        )}
      </div>
      <ExperimentBoard
        queue={{ ...queue, estimates }}
        shown={most}
        ended={ended.experiments.map(shown)}
        viewer={viewerOf(ctx)}
        stale={url.searchParams.has("stale")}
        clock={clock}
      />
    </>
  );
});
