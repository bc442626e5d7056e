import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { formatDuration } from "../../components/format.ts";
import ParameterForm from "../../islands/ParameterForm.tsx";
import ScriptEditor from "../../islands/ScriptEditor.tsx";
import { type Experiments, type Sample, sampleName } from "../../lib/experiments/mod.ts";
import { newId } from "../../lib/ids.ts";
import { define } from "../../lib/instrument/mod.ts";
import { readerOf } from "../(_parts)/reader.ts";
import {
  EMPTY,
  type Filled,
  filledFrom,
  filledWith,
  readForm,
  type Refused,
  settables,
} from "../(_parts)/submission.ts";
import {
  EndFields,
  errorOf,
  HoldFields,
  Labelled,
  LimitFields,
} from "../(_parts)/SubmissionFields.tsx";
import { type Checked, declaredIn, submit, usualLimits } from "../(_parts)/submit.ts";

interface Data {
  filled: Filled;
  refused: Refused | null;
  checked: Checked | null;
}

export const handler = define.handlers<Data>({
  async GET(ctx) {
    const { experiments, config } = ctx.state.instrument;
    const query = ctx.url.searchParams;
    const wanted = query.get("sample");
    const fresh = (filled: Filled) => page({ filled, refused: null, checked: null });
    if (wanted !== null) {
      const [sample] = await samplesCalled(experiments, wanted);
      return fresh(filledWith(sample));
    }
    const from = query.get("from") ?? "";
    const again = /^\d{1,9}$/.test(from) ? await experiments.byNumber(Number(from)) : null;
    const script = again === null ? null : await experiments.script(again);
    return fresh(
      again === null || script === null
        ? EMPTY
        : filledFrom(again, script, usualLimits(config.experiments)),
    );
  },
  async POST(ctx) {
    const form = await ctx.req.formData();
    const named = form.get("sample");
    const filled = named === null
      ? await readForm(form)
      : filledWith(await sampleToRun(ctx.state.instrument.experiments, String(named)));
    const key = form.get("key")?.toString();
    const outcome = await submit(ctx.state, filled, { key, checkOnly: form.has("check") });
    if ("id" in outcome) return ctx.redirect(`/experiments/${outcome.id}`, 303);
    return "checked" in outcome
      ? page({ filled, refused: null, checked: outcome.checked })
      : page({ filled, refused: outcome.refused, checked: null }, { status: outcome.status });
  },
});

export default define.page<typeof handler>(async function NewExperiment(ctx) {
  const { instrument } = ctx.state;
  const { filled, refused, checked } = ctx.data;
  const { mayOperate } = readerOf(ctx);
  const { experiments, devices, config, status, clock } = instrument;
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
  const settable = settables(views);
  const shared = { filled, refused };
  const parameterErrors: Record<string, string> = {};
  for (const [path, message] of Object.entries(refused?.fields ?? {})) {
    const [of, name = "", item] = path.split(".");
    if (of !== "parameters") continue;
    // An item of a list is wrong in the field of its list, where people count from 1.
    const text = item === undefined ? message : `item ${Number(item) + 1}: ${message}`;
    const before = parameterErrors[name];
    parameterErrors[name] = before === undefined ? text : `${before}; ${text}`;
  }
  return (
    <>
      <Head>
        <title>{`Submit an experiment · ${status().name}`}</title>
      </Head>
      <div class="head">
        <h1>Submit an experiment</h1>
        <span class="sub">
          {placeText(experiments.running() !== null, experiments.waitingCount())}
        </span>
      </div>
      {refused !== null && (
        <section class="notice notice-crit" role="alert">
          <span class="dot" />
          <b>Not submitted</b>
          <span class="grow">{refused.text}</span>
        </section>
      )}
      {checked !== null && <CheckResult checked={checked} />}
      <form
        class="submission"
        method="post"
        action="/experiments/new"
        encType="multipart/form-data"
      >
        <input type="hidden" name="key" value={newId<"Submission">(clock)} />
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
          <ParameterForm
            declared={declaredIn(filled)}
            values={{ ...filled.parameters }}
            errors={parameterErrors}
          />
          <section class="card" aria-label="Run">
            <header>
              <h2>Run</h2>
            </header>
            <Labelled
              id="title"
              label="Title"
              hint="what colleagues see in the queue"
              error={errorOf(refused, "title")}
            >
              <input
                id="title"
                name="title"
                maxLength={200}
                defaultValue={filled.title}
                autocomplete="off"
                aria-describedby="title-hint"
              />
            </Labelled>
            <LimitFields {...shared} usual={usualLimits(config.experiments)} />
            <EndFields {...shared} devices={settable} />
            <HoldFields {...shared} devices={settable} />
            <Labelled
              id="interrupt"
              label="If a power cut interrupts it"
              error={errorOf(refused, "onInterrupt")}
            >
              <select id="interrupt" name="onInterrupt">
                {INTERRUPTS.map(([value, label]) => (
                  <option key={value} value={value} selected={filled.onInterrupt === value}>
                    {label}
                  </option>
                ))}
              </select>
            </Labelled>
            <details class="field more-fields" open={filled.devices.length > 0}>
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
            <div class="row">
              <button class="btn btn-main" type="submit">Submit experiment</button>
              <button class="btn" type="submit" name="check" value="1">Check only</button>
            </div>
          </section>
        </div>
      </form>
    </>
  );
});

/** What a dry run found: nothing was queued or kept. */
function CheckResult({ checked: { title, position, devices, wallMs, parameters } }: {
  checked: Checked;
}) {
  const values = Object.entries(parameters);
  return (
    <section class="notice notice-info" role="status" aria-label="Result of the check">
      <span class="dot" />
      <b>Checked, not submitted</b>
      <span class="grow">
        The script and all values are fine. {title === "" ? "It" : `“${title}”`} would wait at place
        {" "}
        {position}, hold {devices.length === 0 ? "every actuator" : devices.join(", ")}, and{" "}
        {wallMs === null
          ? "run without a limit of time"
          : `run for ${formatDuration(wallMs)} at most`}
        {values.length > 0 &&
          `, with ${
            values.map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(", ")
          }`}.
      </span>
    </section>
  );
}

const INTERRUPTS = [
  ["fail", "leave it interrupted"],
  ["requeue", "put it back into the queue"],
  ["resume", "run it again in the same folder"],
] as const;

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
