import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatActor } from "../components/format.ts";
import { hearEvents, type LiveEvent } from "../components/live.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  /** Who looks. */
  actor: string;
  clock: PageClock;
}

/** Says on every page that this person's lock was lost, or that somebody asks for it. */
export default function LockNotice({ actor, clock }: Props) {
  const told = useSignal<LiveEvent | null>(null);
  useEffect(() =>
    hearEvents((event) => {
      const { type, data, subject } = event;
      if (type === "lock.lost" && actorIn(data["lostBy"]) === actor) told.value = event;
      else if (type === "lock.preempt_requested" && actorIn(data["holder"]) === actor) {
        told.value = event;
      } else if (type.startsWith("lock.") && told.value?.subject === subject) {
        // A request is over with whatever comes next; a loss, once the device is one's own again.
        const isOver = told.value.type !== "lock.lost" || actorIn(data["holder"]) === actor;
        if (isOver) told.value = null;
      }
    }), []);
  const event = told.value;
  if (event === null) return null;
  const lost = event.type === "lock.lost";
  return (
    <section class={lost ? "notice notice-crit" : "notice"} aria-label="Locks" role="alert">
      <span class="dot" />
      <b>{lost ? "You lost a lock" : "Somebody asks for your lock"}</b>
      <span class="grow">
        {event.subject}: {event.text}
        {event.actor !== "system" && ` (${formatActor(event.actor, actor)})`}, at{" "}
        <Time atMs={event.atMs} clock={clock} />
      </span>
      <a class="btn" href="/locks">{lost ? "Locks" : "Answer"}</a>
      <button class="btn btn-quiet" type="button" onClick={() => told.value = null}>Seen</button>
    </section>
  );
}

function actorIn(holder: unknown): string | null {
  return typeof holder === "object" && holder !== null && "actor" in holder
    ? String(holder.actor)
    : null;
}
