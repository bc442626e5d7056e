import { HttpError } from "fresh";
import { isActive } from "../../components/experiments.ts";
import { formatBytes } from "../../components/format.ts";
import EventFeed from "../../islands/EventFeed.tsx";
import RunHead from "../../islands/RunHead.tsx";
import RunLog from "../../islands/RunLog.tsx";
import RunPlot from "../../islands/RunPlot.tsx";
import { actorOf } from "../../lib/auth/mod.ts";
import { changeProblem, ownerOf } from "../../lib/experiments/mod.ts";
import { define } from "../../lib/instrument/mod.ts";

const LOG_LINES = 400;

export const handler = define.handlers({
  /** The buttons without scripts. */
  async POST(ctx) {
    const { experiments } = ctx.state.instrument;
    const id = ctx.params.id!;
    const actor = actorOf(ctx.state.principal);
    const action = String((await ctx.req.formData()).get("action") ?? "");
    const done = action === "cancel"
      ? await experiments.cancel(id, actor, "stopped from its page")
      : action === "pause"
      ? await experiments.pause(id, actor)
      : action === "resume"
      ? await experiments.resume(id, actor)
      : null;
    if (done === null) throw new HttpError(422, "That is not something an experiment can be told");
    if (!done.ok) {
      const problem = changeProblem(done.refusal);
      throw new HttpError(problem.status, problem.detail);
    }
    return ctx.redirect(`/experiments/${id}`, 303);
  },
});

export default define.page<typeof handler>(async function ExperimentPage({ params, state }) {
  const { experiments, events, clock } = state.instrument;
  const experiment = await experiments.get(params.id!);
  if (experiment === null) throw new HttpError(404, "There is no such experiment");
  const nowMs = clock.nowMs();
  const started = experiment.startedAtMs !== null;
  const log = experiments.log(experiment.id, { tail: LOG_LINES });
  const [files, happened, script] = await Promise.all([
    started ? experiments.files(experiment.id) : [],
    events.read({ subject: experiment.id, limit: 50 }),
    experiments.script(experiment),
  ]);
  const api = `/api/v1/experiments/${experiment.id}`;
  return (
    <>
      <RunHead
        initial={experiment}
        mine={experiment.owner === ownerOf(state.principal)}
        nowMs={nowMs}
      />
      <div class="run-page">
        <section class="card run-log">
          <RunLog
            id={experiment.id}
            initial={log.text}
            from={log.to}
            live={isActive(experiment.state)}
          />
        </section>
        <div class="col">
          <section class="card">
            <RunPlot id={experiment.id} live={isActive(experiment.state)} />
          </section>
          <section class="card">
            <header>
              <h2>Files</h2>
              {started && <a class="btn" href={`${api}/archive.zip`}>Download all</a>}
            </header>
            {files.length === 0
              ? <p class="empty">What the script writes to its output folder appears here.</p>
              : (
                <table>
                  <tbody>
                    {files.map((file) => (
                      <tr key={file.path}>
                        <td>
                          <a
                            href={`${api}/files/${
                              file.path.split("/").map(encodeURIComponent).join("/")
                            }`}
                          >
                            {file.path}
                          </a>
                        </td>
                        <td class="num">{formatBytes(file.bytes)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
          </section>
          <section class="card">
            <header>
              <h2>What happened</h2>
            </header>
            <EventFeed
              initial={happened}
              most={50}
              nowMs={nowMs}
              subject={experiment.id}
              days
              live
            />
          </section>
          <section class="card">
            <details>
              <summary>
                <b>Script</b>{" "}
                <small>{experiment.kind}, sha-256 {experiment.scriptSha256.slice(0, 12)}…</small>
              </summary>
              <pre class="log" tabIndex={0}>{script ?? "The script is no longer stored"}</pre>
              <a class="btn" href={`${api}/script`}>Download script</a>
            </details>
          </section>
        </div>
      </div>
    </>
  );
});
