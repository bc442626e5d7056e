import { z } from "zod";

/** One experiment of the original hub's `experiment_queue.json`, its stamps as epoch ms. */
export interface FiledExperiment {
  readonly id: string;
  readonly session: string;
  readonly script: string;
  readonly status: "queued" | "paused" | "running" | "completed" | "failed" | "cancelled";
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly exitCode: number | null;
  readonly error: string | null;
}

/** An entry that was not taken, why, and what there was of it. */
export interface Quarantined {
  readonly id: string;
  readonly reason: string;
  readonly entry: unknown;
}

export interface QueueFile {
  /** Those that wait in the order of the queue, before them all others by age. */
  readonly experiments: FiledExperiment[];
  readonly quarantined: Quarantined[];
}

/** The hub's stamps name no zone: they are this machine's local time. */
const Stamp = z.string().transform((text, context) => {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) context.addIssue(`"${text}" is not a time`);
  return ms;
});

const Entry = z.object({
  experiment_id: z.string().min(1).max(200),
  user_session_id: z.string().min(1).max(200),
  script_content: z.string().min(1),
  status: z.enum(["queued", "paused", "running", "completed", "failed", "cancelled"]),
  created_at: Stamp,
  started_at: Stamp.nullable().default(null),
  completed_at: Stamp.nullable().default(null),
  exit_code: z.number().int().nullable().default(null),
  error_message: z.string().nullable().default(null),
});

/**
 * Reads the original hub's queue, whole or damaged: that hub rewrites the file in place, so a power cut
 * leaves it cut off. What can be read is kept, what cannot is given back with the reason.
 */
export function readQueueFile(text: string): QueueFile {
  const { entries, order, quarantined } = wholeFile(text) ?? salvaged(text);
  const experiments: FiledExperiment[] = [];
  for (const [key, raw] of entries) {
    const parsed = Entry.safeParse(raw);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue!.path.join(".") || "the entry";
      quarantined.push({ id: key, reason: `${where}: ${issue!.message}`, entry: raw });
      continue;
    }
    const one = parsed.data;
    if (one.experiment_id !== key) {
      quarantined.push({ id: key, reason: `it calls itself "${one.experiment_id}"`, entry: raw });
      continue;
    }
    experiments.push({
      id: key,
      session: one.user_session_id,
      script: one.script_content,
      status: one.status,
      createdAtMs: one.created_at,
      startedAtMs: one.started_at,
      endedAtMs: one.completed_at,
      exitCode: one.exit_code,
      error: one.error_message,
    });
  }
  const place = new Map([...new Set(order)].map((id, index) => [id, index]));
  for (const id of place.keys()) {
    if (entries.some(([key]) => key === id) || quarantined.some((one) => one.id === id)) continue;
    quarantined.push({ id, reason: "the order names it, and there is no such entry", entry: null });
  }
  const waits = ({ status }: FiledExperiment) => status === "queued" || status === "paused";
  const rank = (one: FiledExperiment) => waits(one) ? place.get(one.id) ?? Infinity : -1;
  experiments.sort((a, b) =>
    rank(a) === rank(b) ? a.createdAtMs - b.createdAtMs : rank(a) - rank(b)
  );
  return { experiments, quarantined };
}

interface Raw {
  entries: [string, unknown][];
  order: string[];
  quarantined: Quarantined[];
}

function wholeFile(text: string): Raw | null {
  const json = jsonOf(text);
  if (!isRecord(json)) return null;
  const { experiments, queue_order } = json;
  const quarantined: Quarantined[] = [];
  if (!isRecord(experiments)) {
    quarantined.push({ id: "", reason: `the file has no "experiments"`, entry: json });
  }
  return {
    entries: isRecord(experiments) ? Object.entries(experiments) : [],
    order: Array.isArray(queue_order) ? queue_order.filter((id) => typeof id === "string") : [],
    quarantined,
  };
}

/** Entry by entry, up to where the text ends or makes no sense any more. */
function salvaged(text: string): Raw {
  const raw: Raw = { entries: [], order: [], quarantined: [] };
  const start = /"experiments"\s*:\s*\{/.exec(text);
  if (start === null) {
    raw.quarantined.push({ id: "", reason: "the file is not the hub's queue", entry: text });
    return raw;
  }
  let at = start.index + start[0].length;
  for (;;) {
    const key = /^[\s,]*"((?:[^"\\]|\\.)*)"\s*:\s*(?=\{)/.exec(text.slice(at));
    if (key === null) break;
    at += key[0].length;
    const end = objectEnd(text, at);
    const piece = text.slice(at, end ?? undefined);
    const value = jsonOf(piece);
    if (value === undefined) {
      const reason = end === null ? "the file is cut off in it" : "it is not valid JSON";
      raw.quarantined.push({ id: key[1]!, reason, entry: piece });
    } else raw.entries.push([key[1]!, value]);
    if (end === null) return raw;
    at = end;
  }
  const order = /"queue_order"\s*:\s*\[([^\]]*)/.exec(text.slice(at));
  raw.order = [...(order?.[1] ?? "").matchAll(/"([^"\\]*)"/g)].map(([, id]) => id!);
  return raw;
}

/** Behind the object that begins at `at`; `null`: it does not end. */
function objectEnd(text: string, at: number): number | null {
  let depth = 0;
  let inText = false;
  for (let i = at; i < text.length; i++) {
    const c = text[i];
    if (inText) {
      if (c === "\\") i++;
      else if (c === '"') inText = false;
    } else if (c === '"') inText = true;
    else if (c === "{") depth++;
    else if (c === "}" && --depth === 0) return i + 1;
  }
  return null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
