import { Head } from "fresh/runtime";
import { ExperimentTabs } from "../../components/ExperimentTabs.tsx";
import { stateWord } from "../../components/experiments.ts";
import { Icon } from "../../components/Icon.tsx";
import { ListFilter, ListPages } from "../../components/ListFilter.tsx";
import ExperimentList from "../../islands/ExperimentList.tsx";
import { ExperimentState, publicView } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { findExperiments, listQuery, ownersOf } from "../(_parts)/experiment_lists.ts";
import { readerOf, viewerOf } from "../(_parts)/reader.ts";

const HERE = "/experiments/mine";
const FIRST = { owner: "me", state: "any" };
const STATES: [string, string][] = [
  ["any", "any"],
  ["open", "not ended"],
  ["ended", "ended"],
  ...ExperimentState.options.map((state): [string, string] => [state, stateWord(state)]),
];

/** One's own experiments, or another's: waiting, running and ended in one list. */
export default define.page(async function MinePage(ctx) {
  const { experiments, status } = ctx.state.instrument;
  const viewer = viewerOf(ctx);
  const words = listQuery(ctx.url.searchParams, FIRST);
  const [found, owners] = await Promise.all([
    findExperiments(experiments, words, viewer),
    ownersOf(experiments),
  ]);
  const title = words.owner === "me"
    ? "My experiments"
    : words.owner === "all"
    ? "Everybody’s experiments"
    : `Experiments of ${words.owner}`;
  const isFirst = words.owner === "me" && words.state === "any" && words.text === "";
  return (
    <>
      <Head>
        <title>{`${title} · ${status().name}`}</title>
      </Head>
      <div class="head">
        <h1>{title}</h1>
        <ExperimentTabs here={HERE} />
        {viewer.mayOperate && (
          <a class="btn btn-main" href="/experiments/new">
            <Icon name="plus" />Submit an experiment
          </a>
        )}
      </div>
      <ListFilter
        action={HERE}
        {...words}
        first={FIRST}
        owners={owners}
        states={STATES}
        hint="title, number, parameter"
      />
      {found.experiments.length === 0
        ? (
          <section class="card blank">
            <h2>
              {isFirst ? "You have submitted no experiment yet" : "No experiment is like that"}
            </h2>
            <p>
              {isFirst
                ? "What you submit stands here while it waits, runs and after it has ended."
                : "Ask for another state, for everybody’s, or with fewer words."}
            </p>
            {viewer.mayOperate && isFirst && (
              <a class="btn btn-main" href="/experiments/new">Submit the first one</a>
            )}
          </section>
        )
        : (
          <ExperimentList
            title="Found"
            sub={words.cursor === null ? "newest first" : `before number ${words.cursor}`}
            rows={found.experiments.map((one) => publicView(experiments, one))}
            viewer={viewer}
            clock={readerOf(ctx).clock}
          />
        )}
      <ListPages action={HERE} words={words} cursor={words.cursor} {...found} />
    </>
  );
});
