import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatActor } from "../components/format.ts";
import { hearEvents } from "../components/live.ts";
import {
  momentOf,
  pressedMs,
  type ShownAnnotation,
  sinceZero,
  withAnnotation,
} from "../components/noted_at.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  id: string;
  initial: ShownAnnotation[];
  /** Where the chart's time begins: the first row, else the start; `null`: not begun. */
  zeroMs: number | null;
  mayNote: boolean;
  actor: string;
  clock: PageClock;
}

/** What people noted about a run, and the form for more; a press in the chart chooses the moment. */
export default function RunNotes({ id, initial, zeroMs, mayNote, actor, clock }: Props) {
  const notes = useSignal(initial);
  const pending = useSignal(false);
  const failure = useSignal<string | null>(null);
  const minutes = useSignal("");
  const text = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const stops = [
      hearEvents(({ type, subject, data }) => {
        if (type !== "experiment.annotation" || subject !== id) return;
        notes.value = withAnnotation(notes.value, data.annotation as ShownAnnotation);
      }),
      pressedMs.subscribe((ms) => {
        if (ms !== null) minutes.value = (ms / 60_000).toFixed(2);
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);

  async function add(event: SubmitEvent) {
    event.preventDefault();
    if (pending.value || text.current === null) return;
    const atMs = momentOf(minutes.value, zeroMs);
    if (atMs === null) {
      failure.value = `“${minutes.value}” is not a number of minutes`;
      return;
    }
    pending.value = true;
    const reply = await fetch(`/api/v1/experiments/${id}/annotations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: text.current.value, ...(atMs === undefined ? {} : { atMs }) }),
    }).catch(() => null);
    const body = await reply?.json().catch(() => null);
    pending.value = false;
    failure.value = reply?.ok ? null : body?.detail ?? "The instrument did not answer";
    if (!reply?.ok) return;
    notes.value = withAnnotation(notes.value, body);
    text.current.value = "";
    minutes.value = "";
    text.current.focus();
  }

  return (
    <section class="card" id="notes" aria-label="Notes">
      <header>
        <h2>Notes</h2>
        <span class="sub">on the chart’s time axis, and in the archive</span>
      </header>
      {mayNote && (
        <form class="row note-form" method="post" action={`/experiments/${id}`} onSubmit={add}>
          <input type="hidden" name="action" value="annotate" />
          {zeroMs !== null && <input type="hidden" name="zero" value={zeroMs} />}
          <label class="visually-hidden" for="note-text">What happened</label>
          <input
            id="note-text"
            class="grow"
            name="text"
            required
            maxLength={500}
            placeholder="What happened"
            autocomplete="off"
            ref={text}
          />
          {zeroMs !== null && (
            <span class="pair">
              <label for="note-at">at</label>
              <input
                id="note-at"
                class="short"
                name="minutes"
                inputMode="decimal"
                placeholder="now"
                autocomplete="off"
                aria-describedby="note-hint"
                value={minutes}
                onInput={(event) => minutes.value = event.currentTarget.value}
              />
              <span class="unit">min</span>
            </span>
          )}
          <button class="btn" type="submit" aria-busy={pending.value}>Add note</button>
        </form>
      )}
      {mayNote && zeroMs !== null && (
        <p class="hint" id="note-hint">
          Minutes after the start; empty: now.{" "}
          <span class="script-only">A press in the chart fills them in.</span>
        </p>
      )}
      {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
      {notes.value.length === 0
        ? <p class="empty">Nobody has noted anything yet.</p>
        : (
          <ul class="plain-list notes">
            {notes.value.map((note) => (
              <li key={note.id}>
                <span class="num">
                  {zeroMs === null
                    ? <Time atMs={note.atMs} clock={clock} as="stamp" />
                    : sinceZero(note.atMs - zeroMs)}
                </span>
                <span class="grow">{note.text}</span>
                <small>
                  {formatActor(note.actor, actor)},{" "}
                  <Time atMs={note.createdAtMs} clock={clock} as="stamp" />
                </small>
              </li>
            ))}
          </ul>
        )}
    </section>
  );
}
