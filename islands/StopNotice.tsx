import type { PageClock } from "../components/clock.ts";
import { formatActor } from "../components/format.ts";
import { status } from "../components/live.ts";
import { Time } from "../components/Time.tsx";
import type { InstrumentStatus } from "../lib/instrument/model.ts";

interface Props {
  initial: InstrumentStatus;
  actor: string;
  /** Whether this person may start it again. */
  mayDrive: boolean;
  clock: PageClock;
}

/** Says that STOP was pressed, by whoever it was and on whatever page, and asks why it is safe again. */
export default function StopNotice({ initial, actor, mayDrive, clock }: Props) {
  const { stopped } = status.value ?? initial;
  if (stopped === null) return null;
  return (
    <section class="notice notice-crit" aria-label="Stopped">
      <span class="dot" />
      <b>The instrument is stopped</b>
      <span class="grow">
        by {formatActor(stopped.actor, actor)} at{" "}
        <Time atMs={stopped.sinceMs} clock={clock} as="stamp" />
        {stopped.reason === "" ? "" : `: ${stopped.reason}`}. Every actuator is in its safe state;
        nothing starts until somebody starts again.
      </span>
      {mayDrive && (
        <form class="row" method="post" action="/api/v1/stop/clear">
          <label class="visually-hidden" for="clear-reason">Why is it safe to start again?</label>
          <input
            id="clear-reason"
            name="reason"
            required
            minLength={3}
            maxLength={200}
            placeholder="Why is it safe again?"
            autocomplete="off"
          />
          <button class="btn btn-main" type="submit">Start again</button>
        </form>
      )}
    </section>
  );
}
