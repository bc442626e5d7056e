import {
  kindInWords,
  policyInWords,
  type ShownSettings,
  type ShownSwitch,
} from "./epu_decisions.ts";

/** Who decides, and how far without people: the forms beside the proposals. */

interface Props {
  settings: ShownSettings;
  mayDecide: boolean;
  /** The page's own address: without scripts the forms go there. */
  action: string;
  onSend(event: SubmitEvent): void;
}

const POLICY_KINDS = ["holeOrder", "holeSelect", "squareOrder", "squareSkip"];
const DECIDED_KINDS = ["squareOrder", "squareSkip", "holeOrder", "holeSelect", "stop"];

/** The authority that acts, those in its shadow, and where decisions go. */
export function WhoDecides({ settings, mayDecide, action, onSend }: Props) {
  const { acting, shadows, authorities, channels, channel, dryRun, plan } = settings;
  return (
    <section class="card" aria-label="Who proposes">
      <header>
        <h2>Who proposes</h2>
      </header>
      <dl class="facts">
        <dt>Acts</dt>
        <dd>{acting ?? "nobody: EPU goes its own way"}</dd>
        <dt>In the shadow</dt>
        <dd>{shadows.length === 0 ? "nobody" : shadows.join(", ")}</dd>
        <dt>Decisions go to</dt>
        <dd>{channelInWords(channel)}{dryRun && ", as a dry run"}</dd>
      </dl>
      {mayDecide && (
        <details open={acting === null}>
          <summary>Choose</summary>
          <form method="post" action={action} onSubmit={onSend}>
            <input type="hidden" name="action" value="settings" />
            <label class="field">
              <span class="label">Acting authority</span>
              <select name="acting">
                <option value="" selected={acting === null}>nobody</option>
                {authorities.map(({ name }) => (
                  <option key={name} value={name} selected={name === acting}>
                    {authorityInWords(name)}
                  </option>
                ))}
              </select>
              <span class="hint">Only what it proposes can be approved</span>
            </label>
            <fieldset class="choices">
              <legend class="label">In its shadow, kept and compared</legend>
              {authorities.map(({ name }) => (
                <label key={name}>
                  <input
                    type="checkbox"
                    name="shadows"
                    value={name}
                    defaultChecked={shadows.includes(name)}
                  />
                  {name}
                </label>
              ))}
            </fieldset>
            <label class="field">
              <span class="label">Decisions go to</span>
              <select name="channel">
                {channels.map(({ name }) => (
                  <option key={name} value={name} selected={name === channel}>
                    {channelInWords(name)}
                  </option>
                ))}
              </select>
            </label>
            <label class="field check">
              <span>Dry run: decide and record, tell nobody</span>
              <input type="checkbox" name="dryRun" defaultChecked={dryRun} />
            </label>
            <label class="field">
              <span class="label">Explore</span>
              <span class="with-unit">
                <input
                  name="exploration"
                  type="number"
                  min={0}
                  max={50}
                  step="any"
                  required
                  defaultValue={String(Math.round(settings.explorationShare * 1000) / 10)}
                />
                <span class="unit">% of an order</span>
              </span>
              <span class="hint">Holes taken from the worse half, so that models learn</span>
            </label>
            {channels.some(({ name }) => name === "athena") && (
              <label class="field">
                <span class="label">Athena’s session</span>
                <input name="athena" defaultValue={settings.athenaSessionId ?? ""} />
              </label>
            )}
            <details class="field">
              <summary>Plan for the authority “manual”</summary>
              <label class="field">
                <span class="hint">Squares in order, by EPU’s numbers</span>
                <textarea
                  name="squares"
                  rows={2}
                  spellcheck={false}
                  defaultValue={plan.squares.join(" ")}
                />
              </label>
              <label class="field">
                <span class="hint">Holes in order</span>
                <textarea
                  name="holes"
                  rows={2}
                  spellcheck={false}
                  defaultValue={plan.holes.join(" ")}
                />
              </label>
            </details>
            <button class="btn" type="submit">Save</button>
          </form>
        </details>
      )}
    </section>
  );
}

/** What may be approved without a person, within which bounds, and the switch that ends it. */
export function AutomaticApproval(
  { settings, automation, mayDecide, action, onSend }: Props & { automation: ShownSwitch | null },
) {
  const { policy } = settings;
  const off = automation?.off === true;
  return (
    <section class="card" aria-label="Automatic approval">
      <header>
        <h2>Automatic approval</h2>
        <span class={policy?.enabled && !off ? "chip chip-warn" : "chip"}>
          {policy?.enabled ? off ? "switched off" : "on" : "off"}
        </span>
      </header>
      {policy === null ? <p class="sub">Every proposal waits for a person.</p> : (
        <p class="sub">
          <b>{policy.name}</b>: {policyInWords(policy)}. Never a stop.
        </p>
      )}
      {off && (
        <p class="sub">
          All policies were switched off: {automation.reason}.
        </p>
      )}
      {mayDecide && (
        <>
          <div class="row">
            {off
              ? (
                <form method="post" action={action} onSubmit={onSend}>
                  <button class="btn" type="submit" name="action" value="automation-on">
                    Allow policies again
                  </button>
                </form>
              )
              : policy?.enabled && (
                <form method="post" action={action} onSubmit={onSend}>
                  <button
                    class="btn btn-danger"
                    type="submit"
                    name="action"
                    value="automation-off"
                  >
                    Switch all off
                  </button>
                </form>
              )}
          </div>
          <details>
            <summary>{policy === null ? "Set up a policy" : "Change the policy"}</summary>
            <form method="post" action={action} onSubmit={onSend}>
              <label class="field">
                <span class="label">Name</span>
                <input
                  name="name"
                  required
                  maxLength={100}
                  autocomplete="off"
                  defaultValue={policy?.name ?? ""}
                />
              </label>
              <label class="field check">
                <span>May approve now</span>
                <input
                  type="checkbox"
                  name="enabled"
                  defaultChecked={policy?.enabled ?? true}
                />
              </label>
              <fieldset class="choices">
                <legend class="label">What it may approve</legend>
                {POLICY_KINDS.map((kind) => (
                  <label key={kind}>
                    <input
                      type="checkbox"
                      name="kinds"
                      value={kind}
                      defaultChecked={policy?.kinds.includes(kind) ?? kind === "holeOrder"}
                    />
                    {kindInWords(kind)}
                  </label>
                ))}
              </fieldset>
              <Bound
                name="confidence"
                label="Least confidence"
                unit="%"
                max={100}
                value={Math.round((policy?.confidenceMin ?? 0.7) * 1000) / 10}
                hint="A proposal that says none always waits for a person"
              />
              <Bound
                name="holes"
                label="At most"
                unit="holes an hour"
                max={10_000}
                value={policy?.holesPerHour ?? 60}
              />
              <Bound
                name="squares"
                label="At most"
                unit="squares an hour"
                max={1000}
                value={policy?.squaresPerHour ?? 2}
              />
              <div class="row">
                <button class="btn" type="submit" name="action" value="policy">
                  Save the policy
                </button>
                {policy !== null && (
                  <button
                    class="btn btn-quiet"
                    type="submit"
                    name="action"
                    value="no-policy"
                    formNoValidate
                  >
                    Remove it
                  </button>
                )}
              </div>
            </form>
          </details>
        </>
      )}
    </section>
  );
}

function Bound(
  { name, label, unit, max, value, hint }: {
    name: string;
    label: string;
    unit: string;
    max: number;
    value: number;
    hint?: string;
  },
) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <span class="with-unit">
        <input
          type="number"
          name={name}
          min={name === "confidence" ? 0 : 1}
          max={max}
          step={name === "confidence" ? "any" : 1}
          required
          defaultValue={String(value)}
        />
        <span class="unit">{unit}</span>
      </span>
      {hint !== undefined && <span class="hint">{hint}</span>}
    </label>
  );
}

/** Pausing and going on are decisions as well; so is what a person decides without a proposal. */
export function OwnDecision(
  { state, action, onSend }: Pick<Props, "action" | "onSend"> & { state: string },
) {
  const isPaused = state === "paused";
  return (
    <section class="card" aria-label="Decide yourself">
      <header>
        <h2>Decide yourself</h2>
        <span class={isPaused ? "chip chip-warn" : "chip"}>{state}</span>
      </header>
      {(isPaused || state === "started") && (
        <form method="post" action={action} onSubmit={onSend} class="pause">
          <input type="hidden" name="action" value="decide" />
          <input type="hidden" name="kind" value={isPaused ? "resume" : "pause"} />
          <label class="field">
            <span class="label">Note</span>
            <input name="note" maxLength={1000} autocomplete="off" />
          </label>
          <button class="btn" type="submit">{isPaused ? "Go on" : "Pause"}</button>
          <p class="hint">
            {isPaused
              ? "Policies approve nothing until it goes on."
              : "While it is paused no policy approves anything."}
          </p>
        </form>
      )}
      <details>
        <summary>Without a proposal</summary>
        <form method="post" action={action} onSubmit={onSend}>
          <input type="hidden" name="action" value="decide" />
          <label class="field">
            <span class="label">What</span>
            <select name="kind">
              {DECIDED_KINDS.map((kind) => (
                <option key={kind} value={kind}>{kindInWords(kind)}</option>
              ))}
            </select>
          </label>
          <label class="field">
            <span class="label">Squares or holes, in order</span>
            <textarea name="targets" rows={2} spellcheck={false} />
          </label>
          <label class="field">
            <span class="label">Holes only of this square</span>
            <input name="square" inputMode="numeric" autocomplete="off" />
            <span class="hint">Empty: of all squares</span>
          </label>
          <label class="field">
            <span class="label">Note</span>
            <input name="note" maxLength={1000} autocomplete="off" />
          </label>
          <button class="btn" type="submit">Decide</button>
        </form>
      </details>
    </section>
  );
}

/** What a channel does with a decision. */
export function channelInWords(name: string): string {
  switch (name) {
    case "record":
      return "the record; people act on it";
    case "agent":
      return "the agents of its sessions";
    case "athena":
      return "the Athena Decision Service";
    case "file":
      return "a target list in the data folder";
    default:
      return name;
  }
}

function authorityInWords(name: string): string {
  switch (name) {
    case "epu-order":
      return "epu-order: EPU’s own order";
    case "manual":
      return "manual: what people planned";
    case "intensity":
      return "intensity: by brightness and CTF";
    case "bayes":
      return "bayes: by prediction models";
    default:
      return `${name}: a service`;
  }
}
