import type { Experiment, Sample, ScriptError, ScriptKind } from "../../lib/experiments/mod.ts";
import type { DeviceView } from "../../lib/devices/mod.ts";

/** The submission form: what stands in it, and what it asks for. Pure. */

export interface Filled {
  readonly title: string;
  readonly kind: ScriptKind;
  readonly script: string;
  readonly devices: readonly string[];
  /** Minutes, as typed; empty: no limit. */
  readonly wallMinutes: string;
  /** Percent duty of the stirrer at the end, as typed; empty: it stops. */
  readonly stirrer: string;
  readonly onInterrupt: string;
}

export const EMPTY: Filled = {
  title: "",
  kind: "python",
  script: "",
  devices: [],
  wallMinutes: "",
  stirrer: "",
  onInterrupt: "fail",
};

/** Why a submission was refused. */
export interface Refused {
  readonly text: string;
  /** By field of the form. */
  readonly fields: Readonly<Record<string, string>>;
  readonly script: readonly ScriptError[];
}

export function filledWith(sample: Sample): Filled {
  return { ...EMPTY, title: sample.title, kind: sample.kind, script: sample.text };
}

/** The form of an experiment that is to be submitted again. */
export function filledFrom(
  experiment: Experiment,
  script: string,
  stirrerId: string | null,
): Filled {
  const { title, kind, devices, limits, endState, onInterrupt } = experiment;
  const duty = stirrerId === null ? undefined : endState[stirrerId]?.duty;
  return {
    title,
    kind,
    script,
    devices,
    wallMinutes: limits.wallMs === null ? "" : String(limits.wallMs / 60_000),
    stirrer: duty === undefined ? "" : String(duty),
    onInterrupt,
  };
}

/** The form as a browser sent it; a file counts before the text. */
export async function readForm(form: FormData): Promise<Filled> {
  const text = (name: string) => form.get(name)?.toString() ?? "";
  const file = form.get("file");
  const uploaded = file instanceof File && file.size > 0;
  const named = uploaded ? (file.name.endsWith(".ts") ? "typescript" : "python") : text("kind");
  return {
    title: text("title").trim() || (uploaded ? file.name : ""),
    kind: named === "typescript" ? "typescript" : "python",
    script: uploaded ? await file.text() : text("script").replaceAll("\r\n", "\n"),
    devices: form.getAll("devices").map(String),
    wallMinutes: text("wallMinutes").trim(),
    stirrer: text("stirrer").trim(),
    onInterrupt: text("onInterrupt") || "fail",
  };
}

/** What the form asks for, as the API takes it, or what is wrong with its fields. */
export function askOf(
  filled: Filled,
  stirrerId: string | null,
): { ask: unknown } | { fields: Record<string, string> } {
  const wallMinutes = numberOf(filled.wallMinutes);
  const duty = numberOf(filled.stirrer);
  const fields: Record<string, string> = {};
  if (filled.wallMinutes !== "" && !(wallMinutes > 0 && wallMinutes < 1e8)) {
    fields.wallMinutes = `“${filled.wallMinutes}” is not a number of minutes`;
  }
  if (filled.stirrer !== "" && !(duty >= 0 && duty <= 100)) {
    fields.stirrer = `“${filled.stirrer}” is not a duty from 0 to 100 %`;
  }
  if (filled.title.length > 200) fields.title = "at most 200 characters";
  if (!["fail", "requeue", "resume"].includes(filled.onInterrupt)) {
    fields.onInterrupt = "choose one of these";
  }
  if (Object.keys(fields).length > 0) return { fields };
  const { script, kind, title, devices, onInterrupt } = filled;
  return {
    ask: {
      script,
      kind,
      title,
      devices,
      onInterrupt,
      limits: filled.wallMinutes === "" ? {} : { wallMs: Math.round(wallMinutes * 60_000) },
      endState: duty > 0 && stirrerId !== null ? { [stirrerId]: { duty } } : {},
    },
  };
}

/** `1,5` and `1.5` alike; NaN for what is no number. */
function numberOf(text: string): number {
  return text === "" ? NaN : Number(text.replace(",", "."));
}

/** The device whose duty the form asks for. */
export function stirrerOf(views: readonly DeviceView[]): string | null {
  return views.find(({ capability }) => capability.component === "stirrer")?.capability.deviceId ??
    null;
}
