import { Head } from "fresh/runtime";
import { ExperimentTabs } from "../../components/ExperimentTabs.tsx";
import { stateWord } from "../../components/experiments.ts";
import { ListFilter, ListPages } from "../../components/ListFilter.tsx";
import ExperimentList from "../../islands/ExperimentList.tsx";
import type { Config } from "../../lib/config.ts";
import { publicView, TERMINAL } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { filesOf, findExperiments, listQuery, ownersOf } from "../(_parts)/experiment_lists.ts";
import { readerOf, viewerOf } from "../(_parts)/reader.ts";

const HERE = "/experiments/archive";
const FIRST = { owner: "all", state: "ended" };
const STATES: [string, string][] = [
  ["ended", "any end"],
  ...TERMINAL.map((state): [string, string] => [state, stateWord(state)]),
];

/** All that ended, to take home as ZIP files, and what is no longer kept. */
export default define.page(async function ArchivePage(ctx) {
  const { experiments, status, config } = ctx.state.instrument;
  const viewer = viewerOf(ctx);
  const asked = listQuery(ctx.url.searchParams, FIRST);
  const words = STATES.some(([state]) => state === asked.state)
    ? asked
    : { ...asked, state: FIRST.state };
  const [found, owners] = await Promise.all([
    findExperiments(experiments, words, viewer),
    ownersOf(experiments),
  ]);
  const { gone } = await filesOf(experiments, found.experiments);
  return (
    <>
      <Head>
        <title>{`Archive · ${status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Archive</h1>
        <ExperimentTabs here={HERE} />
      </div>
      <p class="sub">{keptText(config.experiments)}</p>
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
            <h2>{words.text === "" ? "Nothing has ended yet" : "No experiment is like that"}</h2>
            <p>
              Each download has all a run left: its files, script, log, what people noted, and a
              manifest with the checksum of every file.
            </p>
          </section>
        )
        : (
          <ExperimentList
            title="Ended"
            sub={gone.length === 0
              ? "with all their files"
              : `${gone.length} of these without files`}
            rows={found.experiments.map((one) => publicView(experiments, one))}
            viewer={viewer}
            clock={readerOf(ctx).clock}
            gone={gone}
            removable
          />
        )}
      <ListPages action={HERE} words={words} cursor={words.cursor} {...found} />
    </>
  );
});

/** How long what is kept. */
function keptText(
  { retentionDays, retentionMb, recordDays }: Pick<
    Config["experiments"],
    "retentionDays" | "retentionMb" | "recordDays"
  >,
): string {
  const rules = [
    ...(retentionDays > 0 ? [`files are kept for ${retentionDays} days after the end`] : []),
    ...(retentionMb > 0
      ? [`the oldest files go once all together have more than ${retentionMb} MiB`]
      : []),
    ...(recordDays > 0 ? [`records without files go after ${recordDays} days`] : []),
  ];
  if (rules.length === 0) return "Files and records are kept until somebody removes them.";
  const text = rules.join("; ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
