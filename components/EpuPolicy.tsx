import { kindInWords, policyInWords, type ShownSwitch } from "./epu_decisions.ts";
import type { DecidingProps } from "./EpuDeciding.tsx";

const POLICY_KINDS = ["holeOrder", "holeSelect", "squareOrder", "squareSkip"];

/** What may be approved without a person, within which bounds, and the switch that ends it. */
export function AutomaticApproval(
  { settings, automation, mayDecide, action, onSend }: DecidingProps & {
    automation: ShownSwitch | null;
  },
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
