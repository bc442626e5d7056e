import { createHash } from "node:crypto";
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import ScriptEditor from "../../islands/ScriptEditor.tsx";
import { actorOf } from "../../lib/auth/mod.ts";
import {
  ExperimentAsk,
  type Experiments,
  ownerOf,
  type Sample,
  sampleName,
  submitProblem,
} from "../../lib/experiments/mod.ts";
import { define, type State } from "../../lib/instrument/mod.ts";
import { newId } from "../../lib/ids.ts";
import {
  askOf,
  EMPTY,
  type Filled,
  filledFrom,
  filledWith,
  readForm,
  type Refused,
  stirrerOf,
} from "../(_parts)/submission.ts";
import { readerOf } from "../(_parts)/reader.ts";

interface Data {
  filled: Filled;
  refused: Refused | null;
}

export const handler = define.handlers<Data>({
  async GET(ctx) {
    const { experiments, devices } = ctx.state.instrument;
    const query = ctx.url.searchParams;
    const wanted = query.get("sample");
    if (wanted !== null) {
      const [sample] = await samplesCalled(experiments, wanted);
      return page({ filled: filledWith(sample), refused: null });
    }
    const from = query.get("from") ?? "";
    const again = /^\d{1,9}$/.test(from) ? await experiments.byNumber(Number(from)) : null;
    const script = again === null ? null : await experiments.script(again);
    const filled = again === null || script === null
      ? EMPTY
      : filledFrom(again, script, stirrerOf(devices.list()));
    return page({ filled, refused: null });
  },
  async POST(ctx) {
    const form = await ctx.req.formData();
    const named = form.get("sample");
    const filled = named === null
      ? await readForm(form)
      : filledWith(await sampleToRun(ctx.state.instrument.experiments, String(named)));
    const outcome = await submit(ctx.state, filled, form.get("key")?.toString());
    return "id" in outcome
      ? ctx.redirect(`/experiments/${outcome.id}`, 303)
      : page({ filled, refused: outcome.refused }, { status: outcome.status });
  },
});

type Outcome = { id: string } | { refused: Refused; status: number };

async function submit(state: State, filled: Filled, key: string | undefined): Promise<Outcome> {
  const { instrument, principal } = state;
  const asked = askOf(filled, stirrerOf(instrument.devices.list()));
  if ("fields" in asked) {
    const text = Object.values(asked.fields).join("; ");
    return { refused: { text, fields: asked.fields, script: [] }, status: 422 };
  }
  const parsed = ExperimentAsk.safeParse(asked.ask);
  if (!parsed.success) {
    const text = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
      .join("; ");
    return { refused: { text, fields: {}, script: [] }, status: 422 };
  }
  const submitted = await instrument.experiments.submit(parsed.data, {
    owner: ownerOf(principal),
    actor: actorOf(principal),
    ...(key === undefined || key === "" ? {} : { idempotencyKey: keyOf(key, parsed.data) }),
  });
  if (submitted.ok) return { id: submitted.value.experiment.id };
  const problem = submitProblem(submitted.refusal);
  const script = submitted.refusal.kind === "script-rejected" ? submitted.refusal.errors : [];
  return {
    refused: { text: problem.detail, fields: {}, script },
    status: problem.status,
  };
}

/** One press or two of the same form make one experiment; a form that was changed since makes another. */
function keyOf(key: string, ask: ExperimentAsk): string {
  const content = createHash("sha256").update(JSON.stringify(ask)).digest("hex").slice(0, 32);
  return `form:${key.slice(0, 40)}:${content}`;
}

export default define.page<typeof handler>(async function NewExperiment(ctx) {
  const { instrument } = ctx.state;
  const { filled, refused } = ctx.data;
  const { mayOperate } = readerOf(ctx);
  const { experiments, devices, config, status } = instrument;
  if (!mayOperate) {
    return (
      <section class="card narrow">
        <header>
          <h1>Submitting needs another role</h1>
        </header>
        <p>Your role lets you watch. Ask an operator to submit, or an admin for the role.</p>
        <a class="btn" href="/experiments">Experiments</a>
      </section>
    );
  }
  const samples = await experiments.samples();
  const views = devices.list();
  const actuators = views.filter(({ capability }) => capability.kind === "actuator");
  const stirrer = stirrerOf(views);
  const waiting = (await experiments.queue()).length;
  return (
    <>
      <Head>
        <title>{`Submit an experiment · ${status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Submit an experiment</h1>
        <span class="sub">{placeText(experiments.running() !== null, waiting)}</span>
      </div>
      {refused !== null && (
        <section class="notice notice-crit" role="alert">
          <span class="dot" />
          <b>Not submitted</b>
          <span class="grow">{refused.text}</span>
        </section>
      )}
      <form
        class="submission"
        method="post"
        action="/experiments/new"
        encType="multipart/form-data"
      >
        <input type="hidden" name="key" value={newId<"Submission">(instrument.clock)} />
        <section class="card" aria-label="Script">
          <header>
            <h2>Script</h2>
            <details class="menu">
              <summary class="btn">Start from a sample</summary>
              <div class="menu-list below samples">
                {demoFirst(samples).map(({ id, kind, title }) => (
                  <a key={id} href={`/experiments/new?sample=${id}`} aria-current="false">
                    {title} <small>{kind === "python" ? "Python" : "TypeScript"}</small>
                  </a>
                ))}
              </div>
            </details>
          </header>
          <ScriptEditor
            script={filled.script}
            kind={filled.kind}
            errors={[...refused?.script ?? []]}
            limitKb={config.experiments.scriptLimitKb}
          />
          <p class="sub">
            <code>bioreactor_client</code> is there to import; files written to{" "}
            <code>OUTPUT_DIR</code> are kept, and <code>experiment_data.csv</code> is drawn.
          </p>
        </section>
        <div class="col">
          <section class="card" aria-label="Run">
            <header>
              <h2>Run</h2>
            </header>
            <div class="field">
              <label for="title">Title</label>
              <input
                id="title"
                name="title"
                maxLength={200}
                defaultValue={filled.title}
                autocomplete="off"
                aria-describedby="title-hint"
              />
              <span class="hint" id="title-hint">what colleagues see in the queue</span>
            </div>
            <div class="field">
              <label for="wall">Longest time it may take</label>
              <span class="with-unit">
                <input
                  class="short"
                  id="wall"
                  name="wallMinutes"
                  inputMode="decimal"
                  defaultValue={filled.wallMinutes}
                  autocomplete="off"
                  aria-describedby="wall-hint"
                  aria-invalid={refused?.fields.wallMinutes === undefined ? undefined : "true"}
                />
                <span class="unit">min</span>
              </span>
              <span class="hint" id="wall-hint">empty: no limit</span>
              <FieldError text={refused?.fields.wallMinutes} />
            </div>
            {stirrer !== null && (
              <div class="field">
                <label for="stirrer">Stirrer at the end</label>
                <span class="with-unit">
                  <input
                    class="short"
                    id="stirrer"
                    name="stirrer"
                    inputMode="decimal"
                    defaultValue={filled.stirrer}
                    autocomplete="off"
                    aria-describedby="stirrer-hint"
                    aria-invalid={refused?.fields.stirrer === undefined ? undefined : "true"}
                  />
                  <span class="unit">% duty</span>
                </span>
                <span class="hint" id="stirrer-hint">
                  everything goes to its safe state at the end; empty: the stirrer stops too, and
                  cells settle
                </span>
                <FieldError text={refused?.fields.stirrer} />
              </div>
            )}
            <div class="field">
              <label for="interrupt">If a power cut interrupts it</label>
              <select id="interrupt" name="onInterrupt">
                {INTERRUPTS.map(([value, label]) => (
                  <option key={value} value={value} selected={filled.onInterrupt === value}>
                    {label}
                  </option>
                ))}
              </select>
            </div>
            <details class="field" open={filled.devices.length > 0}>
              <summary>
                Devices it holds:{" "}
                {filled.devices.length === 0 ? "all that move" : filled.devices.length}
              </summary>
              <fieldset class="choices">
                <legend class="hint">none chosen means every actuator</legend>
                {actuators.map(({ capability: { deviceId, label } }) => (
                  <label key={deviceId}>
                    <input
                      type="checkbox"
                      name="devices"
                      value={deviceId}
                      defaultChecked={filled.devices.includes(deviceId)}
                    />
                    {label}
                  </label>
                ))}
              </fieldset>
            </details>
            <button class="btn btn-main" type="submit">Submit experiment</button>
          </section>
        </div>
      </form>
    </>
  );
});

const INTERRUPTS = [
  ["fail", "leave it interrupted"],
  ["requeue", "put it back into the queue"],
  ["resume", "run it again in the same folder"],
] as const;

function FieldError({ text }: { text: string | undefined }) {
  return text === undefined ? null : <span class="error">{text}</span>;
}

function placeText(isRunning: boolean, waiting: number): string {
  if (!isRunning && waiting === 0) return "The instrument is free: it starts at once.";
  const before = waiting + (isRunning ? 1 : 0);
  return before === 1 ? "One experiment is before it." : `${before} experiments are before it.`;
}

function demoFirst(samples: readonly Sample[]): Sample[] {
  return samples.toSorted((a, b) =>
    Number(sampleName(b) === "demo") - Number(sampleName(a) === "demo")
  );
}

/** The sample with this id, or all languages' versions of the one with this name. @throws {HttpError} 404 */
async function samplesCalled(
  experiments: Pick<Experiments, "samples">,
  wanted: string,
): Promise<[Sample, ...Sample[]]> {
  const [first, ...others] = (await experiments.samples()).filter((sample) =>
    sample.id === wanted || sampleName(sample) === wanted
  );
  if (first === undefined) throw new HttpError(404, "There is no such sample script");
  return [first, ...others];
}

/** Of the versions of a sample the one in a language that runs here; the first where none does. */
async function sampleToRun(
  experiments: Pick<Experiments, "samples" | "unavailable">,
  wanted: string,
): Promise<Sample> {
  const samples = await samplesCalled(experiments, wanted);
  for (const sample of samples) {
    if (await experiments.unavailable(sample.kind) === null) return sample;
  }
  return samples[0];
}
