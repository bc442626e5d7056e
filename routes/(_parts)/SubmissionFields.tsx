import type { ComponentChildren } from "preact";
import { FieldInput } from "../../components/FieldInput.tsx";
import { KEPT_ON_HOLD, type Limits } from "../../lib/experiments/mod.ts";
import {
  endName,
  type Filled,
  holdName,
  type LimitName,
  LIMITS,
  type Refused,
  type Settable,
} from "./submission.ts";

interface Props {
  filled: Filled;
  refused: Refused | null;
}

/** What is wrong with the field of this path. */
export function errorOf(refused: Refused | null, path: string): string | undefined {
  return refused?.fields[path];
}

/** A name, a field and what is wrong with it. */
export function Labelled(
  { id, label, hint, error, children }: {
    id: string;
    label: string;
    hint?: string;
    error: string | undefined;
    children: ComponentChildren;
  },
) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint !== undefined && <span class="hint" id={`${id}-hint`}>{hint}</span>}
      {error !== undefined && <span class="error" id={`${id}-error`}>{error}</span>}
    </div>
  );
}

const LIMIT_WORDS: Record<LimitName, readonly [label: string, unit: string]> = {
  memoryMb: ["Memory", "MiB"],
  outputMb: ["Files it writes", "MiB"],
  logMb: ["Log", "MiB"],
  processes: ["Processes", ""],
};

/** How long and how much; the wall clock stands in sight, the rest below. */
export function LimitFields({ filled, refused, usual }: Props & { usual: Limits }) {
  const wallError = errorOf(refused, "wallMinutes") ?? errorOf(refused, "limits.wallMs");
  const own = LIMITS.filter((name) => (filled.limits[name] ?? "") !== "");
  const wrong = LIMITS.some((name) => errorOf(refused, `limits.${name}`) !== undefined);
  return (
    <>
      <Labelled
        id="wall"
        label="Longest time it may take"
        hint={usual.wallMs === null
          ? "empty: no limit, and nobody behind it knows when they start"
          : `empty: ${usual.wallMs / 60_000} min`}
        error={wallError}
      >
        <span class="with-unit">
          <input
            class="short"
            id="wall"
            name="wallMinutes"
            inputMode="decimal"
            defaultValue={filled.wallMinutes}
            autocomplete="off"
            aria-describedby="wall-hint"
            aria-invalid={wallError === undefined ? undefined : "true"}
          />
          <span class="unit">min</span>
        </span>
      </Labelled>
      <details class="field more-fields" open={own.length > 0 || wrong}>
        <summary>Limits: {own.length === 0 ? "the usual" : `${own.length} of its own`}</summary>
        {LIMITS.map((name) => {
          const [label, unit] = LIMIT_WORDS[name];
          const error = errorOf(refused, `limits.${name}`);
          return (
            <Labelled
              key={name}
              id={`limit-${name}`}
              label={label}
              hint={`empty: ${usual[name]}`}
              error={error}
            >
              <span class="with-unit">
                <input
                  class="short"
                  id={`limit-${name}`}
                  name={name}
                  inputMode="numeric"
                  defaultValue={filled.limits[name] ?? ""}
                  autocomplete="off"
                  aria-describedby={`limit-${name}-hint`}
                  aria-invalid={error === undefined ? undefined : "true"}
                />
                {unit !== "" && <span class="unit">{unit}</span>}
              </span>
            </Labelled>
          );
        })}
      </details>
    </>
  );
}

/** Where devices stand after the end: the stirrer in sight, for cells settle without it; the rest below. */
export function EndFields({ filled, refused, devices }: Props & { devices: readonly Settable[] }) {
  const stirrer = devices.find(({ component }) => component === "stirrer");
  const others = devices.filter((one) => one !== stirrer);
  const said = (one: Settable) =>
    one.fields.some(({ name }) => (filled.states[endName(one.deviceId, name)] ?? "") !== "");
  const wrong = (one: Settable) =>
    Object.keys(refused?.fields ?? {}).some((path) => path.startsWith(`endState.${one.deviceId}`));
  const own = others.filter((one) => said(one) || wrong(one));
  return (
    <>
      {stirrer !== undefined && (
        <Device
          device={stirrer}
          filled={filled}
          refused={refused}
          hint="empty: it stops like everything else, and cells settle"
          title={`${stirrer.label} at the end`}
        />
      )}
      {others.length > 0 && (
        <details class="field more-fields" open={own.length > 0}>
          <summary>
            Others at the end: {own.length === 0 ? "safe state" : `${own.length} of their own`}
          </summary>
          {others.map((one) => (
            <Device key={one.deviceId} device={one} filled={filled} refused={refused} />
          ))}
        </details>
      )}
    </>
  );
}

function Device(
  { device: { deviceId, label, fields }, filled, refused, hint, title }: Props & {
    device: Settable;
    hint?: string;
    title?: string;
  },
) {
  const whole = errorOf(refused, `endState.${deviceId}`);
  const alone = fields.length === 1;
  return (
    <div class="device-end">
      {!alone && <b>{title ?? label}</b>}
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={{
            ...field,
            ...(alone ? { label: title ?? `${label}, ${field.label.toLowerCase()}` } : {}),
            ...(hint === undefined ? {} : { hint }),
          }}
          id={endName(deviceId, field.name).replaceAll(".", "-")}
          name={endName(deviceId, field.name)}
          value={filled.states[endName(deviceId, field.name)]}
          error={errorOf(refused, `endState.${deviceId}.${field.name}`)}
        />
      ))}
      {whole !== undefined && <span class="error">{whole}</span>}
    </div>
  );
}

/** Where devices stand while a person holds the run. */
export function HoldFields({ filled, refused, devices }: Props & { devices: readonly Settable[] }) {
  const own = devices.filter(({ deviceId }) => (filled.states[holdName(deviceId)] ?? "") !== "");
  return (
    <details class="field more-fields" open={own.length > 0}>
      <summary>
        While it is held: {own.length === 0 ? "the usual" : `${own.length} of their own`}
      </summary>
      {devices.map(({ deviceId, label, component }) => {
        const name = holdName(deviceId);
        const id = name.replaceAll(".", "-");
        const usual = KEPT_ON_HOLD.includes(component) ? "goes on as it was" : "safe state";
        return (
          <Labelled
            key={id}
            id={id}
            label={label}
            error={errorOf(refused, `holdState.${deviceId}`)}
          >
            <select id={id} name={name}>
              {[["", `usual: ${usual}`], ["keep", "goes on as it was"], ["safe", "safe state"]].map(
                (
                  [value, words],
                ) => (
                  <option
                    key={value}
                    value={value}
                    selected={(filled.states[name] ?? "") === value}
                  >
                    {words}
                  </option>
                ),
              )}
            </select>
          </Labelled>
        );
      })}
    </details>
  );
}
