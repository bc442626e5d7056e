import { HttpError } from "fresh";
import { Head } from "fresh/runtime";
import { isActive } from "../../components/experiments.ts";
import { typedText } from "../../components/parameters.ts";
import { columnsOf, shownColumns } from "../../components/plot/run.ts";
import { overviewRows } from "../../components/shown.ts";
import EventFeed from "../../islands/EventFeed.tsx";
import RunFiles from "../../islands/RunFiles.tsx";
import RunHead from "../../islands/RunHead.tsx";
import RunLog from "../../islands/RunLog.tsx";
import RunNotes from "../../islands/RunNotes.tsx";
import RunPlot from "../../islands/RunPlot.tsx";
import RunValues, { type ValueRow } from "../../islands/RunValues.tsx";
import { actorOf } from "../../lib/auth/mod.ts";
import {
  type Experiment,
  type Experiments,
  mayChange,
  publicView,
} from "../../lib/experiments/mod.ts";
import type { DeviceView } from "../../lib/devices/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { namesIn, shownEvents } from "../(_parts)/events.ts";
import { readerOf } from "../(_parts)/reader.ts";
import { annotate, refusedAs, told } from "../(_parts)/run_forms.ts";

const LOG_LINES = 400;
const ROWS_FIRST = 300;
const EVENTS_SHOWN = 50;
const VALUES_SHOWN = 7;

export const handler = define.handlers({
  /** The buttons without scripts, those of the queue board too. */
  async POST(ctx) {
    const { instrument: { experiments }, principal } = ctx.state;
    const experiment = await experimentOr404(experiments, ctx.params.id!);
    const { id } = experiment;
    const form = await ctx.req.formData();
    if (form.get("action") === "annotate") {
      await annotate(experiments, id, form, actorOf(principal));
      return ctx.redirect(`/experiments/${id}#notes`, 303);
    }
    if (!mayChange(principal, experiment)) {
      throw new HttpError(403, "Only its owner or an admin can change this experiment");
    }
    if (form.get("action") === "remove") {
      const removed = await experiments.remove(id, actorOf(principal));
      if (removed.ok) return ctx.redirect("/experiments/archive", 303);
      throw refusedAs(removed.refusal);
    }
    const back = form.get("back") === "queue" ? "/experiments" : `/experiments/${id}`;
    const done = await told(experiments, experiment, form, principal);
    if (done === null) throw new HttpError(422, "That is not something an experiment can be told");
    if (done.ok) return ctx.redirect(back, 303);
    if (done.refusal.kind === "stale-queue") return ctx.redirect("/experiments?stale", 303);
    throw refusedAs(done.refusal);
  },
});

export default define.page<typeof handler>(async function ExperimentPage(ctx) {
  const { params, state, url } = ctx;
  const { experiments, events, devices, status } = state.instrument;
  const experiment = await experimentOr404(experiments, params.id!);
  const { clock, actor, owner, mayOperate } = readerOf(ctx);
  const { id, number, kind, startedAtMs, scriptSha256 } = experiment;
  const started = startedAtMs !== null;
  const live = isActive(experiment.state) || experiment.state === "queued";
  const log = experiments.log(id, { tail: LOG_LINES });
  const numbers = started ? await experiments.data(id, { rows: ROWS_FIRST }) : null;
  const [files, happened, script, annotations, kept] = await Promise.all([
    started ? experiments.files(id) : [],
    events.read({ subject: id, limit: EVENTS_SHOWN }),
    experiments.script(experiment),
    experiments.annotations(id),
    !started || experiments.hasFolder(id),
  ]);
  const shown = numbers === null ? [] : shownColumns(url.searchParams, numbers);
  const api = `/api/v1/experiments/${id}`;
  return (
    <>
      <Head>
        <title>{`${experiment.title} · experiment ${number} · ${status().name}`}</title>
      </Head>
      <RunHead
        initial={publicView(experiments, experiment)}
        mine={owner}
        mayChange={mayChange(state.principal, experiment)}
        clock={clock}
      />
      {!kept && (
        <p class="notice">
          <span class="dot" />
          <b>Its files are gone</b>
          <span class="grow">
            They were removed after their time; what is told below, and what people noted, is kept.
          </span>
        </p>
      )}
      <RunValues
        id={id}
        rows={live ? valueRows(devices.list()) : []}
        live={isActive(experiment.state)}
        clock={clock}
      />
      <div class="run-page">
        <section class="card run-log" aria-label="Log">
          <RunLog
            id={id}
            number={number}
            initial={log.text}
            from={log.to}
            live={isActive(experiment.state)}
            ended={experiment.endedAtMs !== null}
            cut={log.from > 0}
          />
        </section>
        <div class="col">
          <RunPlot
            id={id}
            number={number}
            live={live}
            startedAtMs={startedAtMs}
            columns={numbers === null ? [] : columnsOf(numbers)}
            shown={shown}
            numbers={numbers === null ? null : {
              ...numbers,
              columns: numbers.columns.filter(({ name }) => shown.includes(name)),
            }}
            notes={happened.filter(({ type }) => type === "experiment.note").toReversed()
              .map(({ atMs, text }) => ({ atMs, text }))}
            annotations={annotations}
            clock={clock}
          />
          <RunNotes
            id={id}
            initial={annotations}
            zeroMs={numbers?.startedAtMs ?? startedAtMs}
            mayNote={mayOperate}
            actor={actor}
            clock={clock}
          />
          <RunFiles id={id} initial={files} started={started && kept} live={live} />
          <section class="card" id="happened" aria-label="What happened">
            <header>
              <h2>What happened</h2>
            </header>
            <EventFeed
              initial={shownEvents(happened)}
              most={EVENTS_SHOWN}
              clock={clock}
              actor={actor}
              names={await namesIn(state.instrument, happened)}
              subject={id}
              manner="log"
              live
            />
          </section>
          <Settings experiment={experiment} />
          <section class="card" aria-label="Script">
            <details>
              <summary>
                <b>Script</b> <small>{kind}, SHA-256 {scriptSha256.slice(0, 12)}…</small>
              </summary>
              {script === null ? <p class="empty">The script is no longer stored.</p> : (
                <>
                  <pre class="log script" tabIndex={0} role="group" aria-label="Script">
                      {script}
                  </pre>
                  <div class="row">
                    <a class="btn" href={`${api}/script`}>Download script</a>
                    <a class="btn btn-quiet" href={`/experiments/compare?ids=${number}`}>
                      Compare it
                    </a>
                    <a class="btn btn-quiet" href={`/experiments/new?from=${number}`}>
                      Submit it again
                    </a>
                  </div>
                </>
              )}
            </details>
          </section>
        </div>
      </div>
    </>
  );
});

/** What it was submitted with. */
function Settings({ experiment }: { experiment: Experiment }) {
  const { devices, limits, endState, holdState, onInterrupt, parameters } = experiment;
  const end = Object.entries(endState).map(([device, setpoint]) =>
    `${device} at ${Object.entries(setpoint).map(([name, value]) => `${name} ${value}`).join(", ")}`
  );
  return (
    <section class="card" aria-label="Settings">
      <details>
        <summary>
          <b>Settings</b> <small>parameters, devices, limits, what happens at the end</small>
        </summary>
        <dl class="facts">
          {Object.entries(parameters).flatMap(([name, value]) => [
            <dt key={name}>{name}</dt>,
            <dd class="num" key={`${name}=`}>{typedText(value)}</dd>,
          ])}
          <dt>Holds</dt>
          <dd>{devices.length === 0 ? "every actuator" : devices.join(", ")}</dd>
          <dt>At the end</dt>
          <dd>{[...end, "everything else in its safe state"].join("; ")}</dd>
          {Object.keys(holdState).length > 0 && (
            <>
              <dt>While held</dt>
              <dd>
                {Object.entries(holdState).map(([device, state]) =>
                  `${device} ${typeof state === "string" ? state : JSON.stringify(state)}`
                ).join(", ")}
              </dd>
            </>
          )}
          <dt>After a power cut</dt>
          <dd>{INTERRUPT_WORDS[onInterrupt]}</dd>
          <dt>Limits</dt>
          <dd>
            {limits.memoryMb} MiB memory, {limits.outputMb} MiB output, {limits.logMb} MiB log,{" "}
            {limits.processes} processes
          </dd>
        </dl>
      </details>
    </section>
  );
}

/** What a person looks at while a run goes on. */
function valueRows(views: readonly DeviceView[]): ValueRow[] {
  const byId = new Map(views.map((view) => [view.capability.deviceId, view]));
  return overviewRows(views.map(({ capability }) => capability), VALUES_SHOWN).map((row) => {
    const { readings, state: { setpoint } } = byId.get(row.deviceId)!;
    const reading = readings.find(({ channel }) => channel === row.channel.id) ?? null;
    return { ...row, reading, state: { setpoint } };
  });
}

const INTERRUPT_WORDS = {
  fail: "it stays interrupted",
  requeue: "it goes back into the queue",
  resume: "it runs again in the same folder",
};

/** By its id, or by the number people say. */
async function experimentOr404(experiments: Experiments, id: string): Promise<Experiment> {
  const found = /^\d{1,9}$/.test(id)
    ? await experiments.byNumber(Number(id))
    : /^[0-9A-Z]{26}$/.test(id)
    ? await experiments.get(id)
    : null;
  if (found === null) throw new HttpError(404, "There is no such experiment");
  return found;
}
