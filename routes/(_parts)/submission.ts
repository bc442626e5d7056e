import { argsFrom, type Field, fieldsOf, isFormable } from "../../components/form.ts";
import {
  type Declared,
  PARAMETER_FIELD,
  PARAMETERS_SHOWN,
  parameterValuesOf,
  typedText,
} from "../../components/parameters.ts";
import type { DeviceView } from "../../lib/devices/mod.ts";
import type { Experiment, Sample, ScriptError, ScriptKind } from "../../lib/experiments/mod.ts";

/** The submission form: what stands in it, and what it asks for. Pure. */

/** Numbers of the form's `Limits`, in the words of the API. */
export const LIMITS = ["memoryMb", "outputMb", "logMb", "processes"] as const;
export type LimitName = (typeof LIMITS)[number];

/** Names of the fields of one device's state at the end and during a hold. */
export const endName = (deviceId: string, field: string) => `end.${deviceId}.${field}`;
export const holdName = (deviceId: string) => `hold.${deviceId}`;

export interface Filled {
  readonly title: string;
  readonly kind: ScriptKind;
  readonly script: string;
  readonly devices: readonly string[];
  /** Minutes, as typed; empty: no limit. */
  readonly wallMinutes: string;
  /** As typed; empty: the instrument's own. */
  readonly limits: Readonly<Partial<Record<LimitName, string>>>;
  readonly onInterrupt: string;
  /** As typed, by name; and the names of those the form had. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly shown: readonly string[];
  /** States at the end and during a hold as typed, by the names of their fields. */
  readonly states: Readonly<Record<string, string>>;
}

export const EMPTY: Filled = {
  title: "",
  kind: "python",
  script: "",
  devices: [],
  wallMinutes: "",
  limits: {},
  onInterrupt: "fail",
  parameters: {},
  shown: [],
  states: {},
};

/** Why a submission was refused. */
export interface Refused {
  readonly text: string;
  /** By field of the form, in the paths of the API: `limits.memoryMb`, `endState.stirrer.duty`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly script: readonly ScriptError[];
}

/** A device whose state at the end a form can give. */
export interface Settable {
  readonly deviceId: string;
  readonly label: string;
  readonly component: string;
  readonly fields: Field[];
}

/** Actuators with the fields of their `set`; none is required, for empty is the safe state. */
export function settables(views: readonly DeviceView[]): Settable[] {
  return views.flatMap(({ capability: { deviceId, label, component, operations } }) => {
    const set = operations.find(({ op }) => op === "set");
    if (set === undefined || !isFormable(set.args)) return [];
    const fields = fieldsOf(set.args).map((field): Field => ({
      ...field,
      required: false,
      initial: undefined,
      none: "safe state",
      ...(field.kind === "boolean" ? { kind: "choice", choices: ["true", "false"] } : {}),
    }));
    return [{ deviceId, label, component, fields }];
  });
}

export function filledWith(sample: Sample): Filled {
  return { ...EMPTY, title: sample.title, kind: sample.kind, script: sample.text };
}

/** The form of an experiment that is to be submitted again; its own limits where it had others than `usual`. */
export function filledFrom(
  experiment: Experiment,
  script: string,
  usual: Readonly<Record<LimitName, number>>,
): Filled {
  const { title, kind, devices, limits, endState, holdState, onInterrupt } = experiment;
  const parameters = Object.entries(experiment.parameters).map(([name, value]) => [
    name,
    typedText(value),
  ]);
  const states = [
    ...Object.entries(endState).flatMap(([deviceId, setpoint]) =>
      Object.entries(setpoint).map(([name, value]) => [endName(deviceId, name), String(value)])
    ),
    ...Object.entries(holdState).flatMap(([deviceId, state]) =>
      typeof state === "string" ? [[holdName(deviceId), state]] : []
    ),
  ];
  return {
    title,
    kind,
    script,
    devices,
    wallMinutes: limits.wallMs === null ? "" : String(limits.wallMs / 60_000),
    limits: Object.fromEntries(
      LIMITS.filter((name) => limits[name] !== usual[name])
        .map((name) => [name, String(limits[name])]),
    ),
    onInterrupt,
    parameters: Object.fromEntries(parameters),
    shown: Object.keys(experiment.parameters),
    states: Object.fromEntries(states),
  };
}

/** The form as a browser sent it; a file counts before the text. */
export async function readForm(form: FormData): Promise<Filled> {
  const text = (name: string) => form.get(name)?.toString() ?? "";
  const file = form.get("file");
  const uploaded = file instanceof File && file.size > 0;
  const named = uploaded ? (file.name.endsWith(".ts") ? "typescript" : "python") : text("kind");
  const shown = text(PARAMETERS_SHOWN).split(",").filter((name) => /^\w{1,64}$/.test(name));
  const states = [...form.keys()].filter((name) => /^(end|hold)\./.test(name));
  return {
    title: text("title").trim() || (uploaded ? file.name : ""),
    kind: named === "typescript" ? "typescript" : "python",
    script: uploaded ? await file.text() : text("script").replaceAll("\r\n", "\n"),
    devices: form.getAll("devices").map(String),
    wallMinutes: text("wallMinutes").trim(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, text(name).trim()])),
    onInterrupt: text("onInterrupt") || "fail",
    parameters: Object.fromEntries(
      shown.map((name) => [name, checkedOr(text(PARAMETER_FIELD + name))]),
    ),
    shown,
    states: Object.fromEntries(states.map((name) => [name, text(name).trim()])),
  };
}

/** A ticked box is sent as `on`; a field's value says `true`. */
function checkedOr(text: string): string {
  return text === "on" ? "true" : text.trim();
}

/** What the form asks for, as the API takes it, or what is wrong with its fields. */
export function askOf(
  filled: Filled,
  devices: readonly Settable[],
  declared: Declared | null,
): { ask: unknown } | { fields: Record<string, string> } {
  const { wallMinutes: wall, script, kind, title, devices: held, onInterrupt, states } = filled;
  const wallMinutes = numberOf(wall);
  const fields: Record<string, string> = {};
  if (wall !== "" && !(wallMinutes > 0 && wallMinutes < 1e8)) {
    fields.wallMinutes = `“${wall}” is not a number of minutes`;
  }
  const limits: Record<string, number> = {};
  if (wall !== "") limits.wallMs = Math.round(wallMinutes * 60_000);
  for (const name of LIMITS) {
    const typed = filled.limits[name] ?? "";
    if (typed === "") continue;
    limits[name] = numberOf(typed);
    if (!Number.isInteger(limits[name])) {
      fields[`limits.${name}`] = `“${typed}” is not a whole number`;
    }
  }
  if (title.length > 200) fields.title = "at most 200 characters";
  if (!["fail", "requeue", "resume"].includes(onInterrupt)) {
    fields.onInterrupt = "choose one of these";
  }
  if (Object.keys(fields).length > 0) return { fields };

  const endState: Record<string, unknown> = {};
  const holdState: Record<string, unknown> = {};
  for (const { deviceId, fields } of devices) {
    const setpoint = argsFrom(fields, (name) => states[endName(deviceId, name)] ?? null);
    for (const [name, value] of Object.entries(setpoint)) {
      if (value === "true" || value === "false") setpoint[name] = value === "true";
    }
    if (Object.keys(setpoint).length > 0) endState[deviceId] = setpoint;
    const hold = states[holdName(deviceId)] ?? "";
    if (hold !== "") holdState[deviceId] = hold;
  }
  const parameters = declared === null
    ? {}
    : parameterValuesOf(declared, filled.shown, (name) => filled.parameters[name] ?? null);
  return {
    ask: {
      script,
      kind,
      title,
      devices: held,
      onInterrupt,
      limits,
      endState,
      holdState,
      parameters,
    },
  };
}

/** `1,5` and `1.5` alike; NaN for what is no number. */
function numberOf(text: string): number {
  return text === "" ? NaN : Number(text.replace(",", "."));
}
