import { HttpError, page } from "fresh";
import ScriptEditor from "../../islands/ScriptEditor.tsx";
import { actorOf } from "../../lib/auth/mod.ts";
import {
  ExperimentAsk,
  ownerOf,
  type Sample,
  sampleName,
  type ScriptError,
  ScriptKind,
  submitProblem,
} from "../../lib/experiments/mod.ts";
import { define, type Instrument } from "../../lib/instrument/mod.ts";

interface Filled {
  title: string;
  kind: ScriptKind;
  script: string;
  devices: string[];
  wallMinutes: string;
  stirrer: string;
  onInterrupt: string;
  failure: string | null;
  errors: ScriptError[];
}

const EMPTY: Filled = {
  title: "",
  kind: "python",
  script: "",
  devices: [],
  wallMinutes: "",
  stirrer: "",
  onInterrupt: "fail",
  failure: null,
  errors: [],
};

export const handler = define.handlers<Filled>({
  async GET(ctx) {
    const wanted = ctx.url.searchParams.get("sample");
    if (wanted === null) return page(EMPTY);
    return page(filledWith((await samplesCalled(ctx.state.instrument, wanted))[0]));
  },
  async POST(ctx) {
    const { instrument, principal } = ctx.state;
    const form = await ctx.req.formData();
    const filled = form.has("sample")
      ? filledWith(await sampleToRun(instrument, String(form.get("sample"))))
      : await readForm(form);
    const asked = ExperimentAsk.safeParse(askOf(filled));
    if (!asked.success) {
      const failure = asked.error.issues.map(({ path, message }) =>
        `${path.join(".")}: ${message}`
      );
      return page({ ...filled, failure: failure.join("; ") }, { status: 422 });
    }
    const submitted = await instrument.experiments.submit(asked.data, {
      owner: ownerOf(principal),
      actor: actorOf(principal),
    });
    if (submitted.ok) return ctx.redirect(`/experiments/${submitted.value.experiment.id}`, 303);
    const problem = submitProblem(submitted.refusal);
    const errors = submitted.refusal.kind === "script-rejected" ? submitted.refusal.errors : [];
    return page({ ...filled, failure: problem.detail, errors }, { status: problem.status });
  },
});

export default define.page<typeof handler>(async function NewExperiment({ state, data }) {
  const { instrument } = state;
  const samples = await instrument.experiments.samples();
  const actuators = instrument.devices.list().filter(({ capability }) =>
    capability.kind === "actuator"
  );
  return (
    <>
      <div class="head">
        <h1>Submit an experiment</h1>
      </div>
      {data.failure !== null && (
        <section class="notice notice-crit" role="alert">
          <span class="dot" />
          <b>Not submitted</b>
          <span class="grow">{data.failure}</span>
        </section>
      )}
      <form class="submission" method="post" encType="multipart/form-data">
        <section class="card">
          <header>
            <h2>Script</h2>
            <span class="sub">
              the <code>bioreactor_client</code> library is there; files it writes to{" "}
              <code>OUTPUT_DIR</code> are kept
            </span>
          </header>
          <ScriptEditor script={data.script} kind={data.kind} errors={data.errors} />
        </section>
        <div class="col">
          <section class="card">
            <header>
              <h2>Start from a sample</h2>
            </header>
            <ul class="plain-list">
              {samples.map((sample) => (
                <li key={sample.id}>
                  <a href={`/experiments/new?sample=${sample.id}`}>{sample.title}</a>{" "}
                  <small>{sample.kind}</small>
                </li>
              ))}
            </ul>
          </section>
          <section class="card">
            <header>
              <h2>Run</h2>
            </header>
            <div class="field">
              <label for="title">Title</label>
              <input id="title" name="title" maxLength={200} defaultValue={data.title} />
              <span class="hint">what colleagues see in the queue</span>
            </div>
            <div class="field">
              <label for="wall">Longest time it may take</label>
              <span class="with-unit">
                <input
                  id="wall"
                  name="wallMinutes"
                  type="number"
                  min={1}
                  step="any"
                  defaultValue={data.wallMinutes}
                />
                <span class="unit">min</span>
              </span>
              <span class="hint">empty: no limit</span>
            </div>
            <details class="field">
              <summary>
                Devices it holds:{" "}
                {data.devices.length === 0 ? "all that move" : data.devices.length}
              </summary>
              <fieldset class="choices">
                <legend class="hint">none chosen means every actuator</legend>
                {actuators.map(({ capability }) => (
                  <label key={capability.deviceId}>
                    <input
                      type="checkbox"
                      name="devices"
                      value={capability.deviceId}
                      checked={data.devices.includes(capability.deviceId)}
                    />
                    {capability.label}
                  </label>
                ))}
              </fieldset>
            </details>
            <div class="field">
              <label for="stirrer">At the end everything goes to its safe state; stirrer</label>
              <span class="with-unit">
                <input
                  id="stirrer"
                  name="stirrer"
                  type="number"
                  min={0}
                  max={100}
                  step="any"
                  defaultValue={data.stirrer}
                />
                <span class="unit">% duty</span>
              </span>
              <span class="hint">empty: it stops too; cells settle</span>
            </div>
            <div class="field">
              <label for="interrupt">If a power cut interrupts it</label>
              <select id="interrupt" name="onInterrupt">
                {[
                  ["fail", "leave it interrupted"],
                  ["requeue", "put it back into the queue"],
                  ["resume", "run it again in the same folder"],
                ].map(([value, label]) => (
                  <option key={value} value={value} selected={data.onInterrupt === value}>
                    {label}
                  </option>
                ))}
              </select>
            </div>
            <button class="btn btn-main" type="submit">Submit experiment</button>
          </section>
        </div>
      </form>
    </>
  );
});

function filledWith(sample: Sample): Filled {
  return { ...EMPTY, title: sample.title, kind: sample.kind, script: sample.text };
}

/** The sample with this id, or all languages' versions of the one with this name. @throws {HttpError} 404 */
async function samplesCalled(
  instrument: Instrument,
  wanted: string,
): Promise<[Sample, ...Sample[]]> {
  const samples = await instrument.experiments.samples();
  const [first, ...others] = samples.filter((sample) =>
    sample.id === wanted || sampleName(sample) === wanted
  );
  if (first === undefined) throw new HttpError(404, "There is no such sample script");
  return [first, ...others];
}

/** Of the versions of a sample the one in a language that runs here; the first where none does. */
async function sampleToRun(instrument: Instrument, wanted: string): Promise<Sample> {
  const samples = await samplesCalled(instrument, wanted);
  for (const sample of samples) {
    if (await instrument.experiments.unavailable(sample.kind) === null) return sample;
  }
  return samples[0];
}

async function readForm(form: FormData): Promise<Filled> {
  const text = (name: string) => form.get(name)?.toString() ?? "";
  const file = form.get("file");
  const uploaded = file instanceof File && file.size > 0;
  const script = uploaded ? await file.text() : text("script").replaceAll("\r\n", "\n");
  const kind = ScriptKind.safeParse(
    uploaded ? (file.name.endsWith(".ts") ? "typescript" : "python") : text("kind"),
  );
  return {
    title: text("title") || (uploaded ? file.name : ""),
    kind: kind.success ? kind.data : "python",
    script,
    devices: form.getAll("devices").map(String),
    wallMinutes: text("wallMinutes"),
    stirrer: text("stirrer"),
    onInterrupt: text("onInterrupt") || "fail",
    failure: null,
    errors: [],
  };
}

function askOf(filled: Filled): unknown {
  const wallMinutes = Number(filled.wallMinutes);
  const duty = Number(filled.stirrer);
  return {
    script: filled.script,
    kind: filled.kind,
    title: filled.title,
    devices: filled.devices,
    limits: filled.wallMinutes === "" ? {} : { wallMs: Math.round(wallMinutes * 60_000) },
    endState: filled.stirrer === "" || duty === 0 ? {} : { stirrer: { duty } },
    onInterrupt: filled.onInterrupt,
  };
}
