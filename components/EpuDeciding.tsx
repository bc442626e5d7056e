import { kindInWords, type ShownSettings } from "./epu_decisions.ts";

/** Who decides: the forms beside the proposals. */

export interface DecidingProps {
  settings: ShownSettings;
  mayDecide: boolean;
  /** The page's own address: without scripts the forms go there. */
  action: string;
  onSend(event: SubmitEvent): void;
}

const DECIDED_KINDS = ["squareOrder", "squareSkip", "holeOrder", "holeSelect", "stop"];

/** The authority that acts, those in its shadow, and where decisions go. */
export function WhoDecides({ settings, mayDecide, action, onSend }: DecidingProps) {
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

/** Pausing and going on are decisions as well; so is what a person decides without a proposal. */
export function OwnDecision(
  { state, action, onSend }: Pick<DecidingProps, "action" | "onSend"> & { state: string },
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
