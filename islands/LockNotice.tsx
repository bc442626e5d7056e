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

/** Where a loss is kept until it was seen: whoever goes to another page is told there as well. */
const UNSEEN = "locks.lost";

/** Says on every page that this person's lock was lost, or that somebody asks for it. */
export default function LockNotice({ actor, clock }: Props) {
  const told = useSignal<LiveEvent | null>(null);
  function tell(event: LiveEvent | null) {
    told.value = event;
    if (event?.type === "lock.lost") sessionStorage.setItem(UNSEEN, JSON.stringify(event));
    else if (event === null) sessionStorage.removeItem(UNSEEN);
  }
  useEffect(() => {
    told.value = unseen(actor);
    return hearEvents((event) => {
      const { type, data, subject } = event;
      if (type === "lock.lost" && actorIn(data["lostBy"]) === actor) tell(event);
      else if (type === "lock.preempt_requested" && actorIn(data["holder"]) === actor) {
        tell(event);
      } else if (type.startsWith("lock.") && told.value?.subject === subject) {
        // A request is over with whatever comes next; a loss, once the device is one's own again.
        const isOver = told.value.type !== "lock.lost" || actorIn(data["holder"]) === actor;
        if (isOver) tell(null);
      }
    });
  }, []);
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
      <button class="btn btn-quiet" type="button" onClick={() => tell(null)}>Seen</button>
    </section>
  );
}

/** The loss this person was told of in this tab and has not put away. */
function unseen(actor: string): LiveEvent | null {
  const kept = sessionStorage.getItem(UNSEEN);
  if (kept === null) return null;
  const event: LiveEvent = JSON.parse(kept);
  // Somebody else may have logged in since.
  return actorIn(event.data["lostBy"]) === actor ? event : null;
}

function actorIn(holder: unknown): string | null {
  return typeof holder === "object" && holder !== null && "actor" in holder
    ? String(holder.actor)
    : null;
}
