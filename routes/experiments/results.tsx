import { Head } from "fresh/runtime";
import { ExperimentTabs } from "../../components/ExperimentTabs.tsx";
import { stateWord } from "../../components/experiments.ts";
import { ListFilter, ListPages } from "../../components/ListFilter.tsx";
import ExperimentList from "../../islands/ExperimentList.tsx";
import { publicView, TERMINAL } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { filesOf, findExperiments, listQuery, ownersOf } from "../(_parts)/experiment_lists.ts";
import { readerOf, viewerOf } from "../(_parts)/reader.ts";

const HERE = "/experiments/results";
const FIRST = { owner: "all", state: "completed" };
const STATES: [string, string][] = [
  ["ended", "any end"],
  ...TERMINAL.map((state): [string, string] => [state, stateWord(state)]),
];

/** Finished experiments with the files they left, found by words or by names of files. */
export default define.page(async function ResultsPage(ctx) {
  const { experiments, status } = ctx.state.instrument;
  const viewer = viewerOf(ctx);
  const asked = listQuery(ctx.url.searchParams, FIRST);
  const words = STATES.some(([state]) => state === asked.state)
    ? asked
    : { ...asked, state: FIRST.state };
  const [found, owners] = await Promise.all([
    findExperiments(experiments, words, viewer, true),
    ownersOf(experiments),
  ]);
  const kept = await filesOf(experiments, found.experiments);
  const isFirst = words.owner === "all" && words.state === "completed" && words.text === "";
  return (
    <>
      <Head>
        <title>{`Results · ${status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Results</h1>
        <ExperimentTabs here={HERE} />
      </div>
      <ListFilter
        action={HERE}
        {...words}
        first={FIRST}
        owners={owners}
        states={STATES}
        hint="title, parameter, file"
      />
      {found.experiments.length === 0
        ? (
          <section class="card blank">
            <h2>{isFirst ? "No experiment has completed yet" : "No result is like that"}</h2>
            <p>
              {isFirst
                ? "What experiments leave behind, their numbers, files and logs, is found here."
                : "Ask for any end, for everybody’s, or with fewer words."}
            </p>
          </section>
        )
        : (
          <>
            <ExperimentList
              title="Results"
              sub={words.cursor === null ? "newest first" : `before number ${words.cursor}`}
              rows={found.experiments.map((one) => publicView(experiments, one))}
              viewer={viewer}
              clock={readerOf(ctx).clock}
              {...kept}
              compareIn="compare"
            />
            <form id="compare" class="row" method="get" action="/experiments/compare">
              <button class="btn" type="submit">Compare those ticked</button>
              <span class="sub">up to six, on one chart over the time since their start</span>
            </form>
          </>
        )}
      <ListPages action={HERE} words={words} cursor={words.cursor} {...found} />
    </>
  );
});
