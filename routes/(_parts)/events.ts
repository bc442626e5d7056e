import type { LiveEvent } from "../../components/live.ts";
import type { HoldfastEvent } from "../../lib/events.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

/** Events as a page carries them: their data is for programs, but for the number people call a run by. */
export function shownEvents(events: readonly HoldfastEvent[]): LiveEvent[] {
  return events.map(({ seq, atMs, type, subject, actor, text, data }) => ({
    seq,
    atMs,
    type,
    subject,
    actor,
    text,
    data: typeof data["number"] === "number" ? { number: data["number"] } : {},
  }));
}

/** What the experiments these events name are called: `experiment:01J…` is `experiment 42`. */
export async function namesIn(
  { experiments }: Pick<Instrument, "experiments">,
  events: readonly Pick<HoldfastEvent, "type" | "subject" | "actor">[],
): Promise<Record<string, string>> {
  const ids = new Set(events.flatMap(({ type, subject, actor }) => [
    ...(type.startsWith("experiment.") ? [subject] : []),
    ...(actor.startsWith("experiment:") ? [actor.slice("experiment:".length)] : []),
  ]));
  const found = await Promise.all([...ids].map((id) => experiments.get(id)));
  return Object.fromEntries(
    found.flatMap((one) =>
      one === null ? [] : [[`experiment:${one.id}`, `experiment ${one.number}`]]
    ),
  );
}
