import { Head } from "fresh/runtime";
import { ExperimentTabs } from "../../components/ExperimentTabs.tsx";
import { chipClass, isActive, ownerText, stateWord } from "../../components/experiments.ts";
import { COMPARED_MAX, comparedNumbers, sharedColumns } from "../../components/plot/compare.ts";
import { baseName, firstColumns } from "../../components/plot/run.ts";
import CompareChart from "../../islands/CompareChart.tsx";
import { type Experiment, publicView, type RunData } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { readerOf } from "../(_parts)/reader.ts";

const HERE = "/experiments/compare";
/** Experiments offered, the newest that have begun. */
const OFFERED = 30;
const ROWS_FIRST = 600;
/** Rows read to know a file's columns. */
const ROWS_PROBED = 20;

/** Several runs on one chart, over the time since each began. */
export default define.page(async function ComparePage(ctx) {
  const { experiments, status } = ctx.state.instrument;
  const { clock, owner } = readerOf(ctx);
  const query = ctx.url.searchParams;
  const asked = comparedNumbers(query);
  const [found, latest] = await Promise.all([
    Promise.all(asked.map((number) => experiments.byNumber(number))),
    experiments.list({ limit: 200 }),
  ]);
  const chosen = found.filter((one): one is Experiment => one !== null);
  const unknown = asked.filter((number) => !chosen.some((one) => one.number === number));
  const probes = await Promise.all(chosen.map(async (one) => ({
    one,
    data: one.startedAtMs === null ? null : await experiments.data(one.id, { rows: ROWS_PROBED }),
  })));
  const known = probes.flatMap(({ data }) => data === null ? [] : [data]);
  const columns = sharedColumns(known.map((data) => data.columns));
  const column = columnOf(query.get("column"), columns, known[0]);
  const runs = await Promise.all(
    probes.map(async ({ one: { id, number, title, state }, data }) => ({
      id,
      number,
      title,
      state,
      live: isActive(state),
      numbers: data === null || column === null ? null : only(
        await experiments.data(id, { columns: [baseName(column)], rows: ROWS_FIRST }),
        column,
      ),
    })),
  );
  const offered = latest.experiments.filter(({ startedAtMs }) => startedAtMs !== null)
    .filter(({ number }) => !asked.includes(number)).slice(0, OFFERED);
  const hrefWith = (view: string | null) =>
    `${HERE}?${new URLSearchParams({
      ids: chosen.map(({ number }) => number).join(","),
      ...(column === null ? {} : { column }),
      ...(view === null ? {} : { view }),
    })}`;
  return (
    <>
      <Head>
        <title>{`Compare · ${status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Compare runs</h1>
        <ExperimentTabs here={HERE} />
      </div>
      {unknown.length > 0 && (
        <p class="notice">
          <span class="dot" />
          <span class="grow">There is no experiment {unknown.join(", ")}.</span>
        </p>
      )}
      {chosen.length > 0 && column === null && (
        <p class="notice">
          <span class="dot" />
          <span class="grow">
            None of these has written <code>experiment_data.csv</code>, so there is nothing to draw.
          </span>
        </p>
      )}
      <div class={chosen.length === 0 ? "compare none" : "compare"}>
        {column !== null && (
          <CompareChart
            key={hrefWith(null)}
            runs={runs}
            column={column}
            asTable={query.get("view") === "table"}
            tableHref={hrefWith("table")}
            chartHref={hrefWith(null)}
            clock={clock}
          />
        )}
        <section class="card" aria-label="What is compared">
          <form method="get" action={HERE}>
            <header>
              <h2>{chosen.length === 0 ? "Choose up to six" : "What is compared"}</h2>
            </header>
            {columns.length > 0 && (
              <div class="field">
                <label for="column">Quantity</label>
                <select id="column" name="column">
                  {columns.map(({ name, unit, runs }) => (
                    <option key={name} value={name} selected={name === column}>
                      {name}
                      {unit === "" ? "" : `, ${unit}`}
                      {runs < known.length ? ` (${runs} of ${known.length})` : ""}
                    </option>
                  ))}
                </select>
              </div>
            )}
            {chosen.length + offered.length === 0
              ? <p class="empty">No experiment has begun yet.</p>
              : (
                <fieldset class="choices">
                  <legend class="visually-hidden">Runs, {COMPARED_MAX} at most</legend>
                  {[...chosen, ...offered].map((one, index) => (
                    <label key={one.id}>
                      <input
                        type="checkbox"
                        name="ids"
                        value={one.number}
                        defaultChecked={index < chosen.length}
                      />
                      <span class="run-choice">
                        <b class="num">{one.number}</b> {one.title}{" "}
                        <small>
                          {ownerText(publicView(experiments, one), owner)}{" "}
                          <span class={chipClass(one.state)}>{stateWord(one.state)}</span>
                        </small>
                      </span>
                    </label>
                  ))}
                </fieldset>
              )}
            <button class="btn btn-main" type="submit">Compare</button>
          </form>
        </section>
      </div>
    </>
  );
});

/** The column asked for where any run has it, else the one people look at first. */
function columnOf(
  asked: string | null,
  columns: readonly { name: string }[],
  first: RunData | undefined,
): string | null {
  if (columns.some(({ name }) => name === asked)) return asked;
  const [usual] = first === undefined ? [] : firstColumns(first);
  return usual ?? columns[0]?.name ?? null;
}

/** One column of a list's items. */
function only(data: RunData | null, column: string): RunData | null {
  if (data === null) return null;
  const columns = data.columns.filter(({ name }) => name === column);
  return columns.length === 0 ? null : { ...data, columns };
}
