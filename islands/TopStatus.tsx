import { useEffect, useRef } from "preact/hooks";
import { useSignal, useSignalEffect } from "@preact/signals";
import type { PageClock } from "../components/clock.ts";
import { formatDuration } from "../components/format.ts";
import {
  alarms,
  clockAheadMs,
  connect,
  instrumentNow,
  lastHeardAtMs,
  link,
  status,
} from "../components/live.ts";
import { Time, zoneShown } from "../components/Time.tsx";
import type { InstrumentState, InstrumentStatus } from "../lib/instrument/model.ts";

interface Props {
  initial: InstrumentStatus;
  /** Who looks. */
  actor: string;
  clock: PageClock;
}

const CHIP: Record<InstrumentState, string> = {
  starting: "chip",
  idle: "chip",
  running: "chip chip-busy",
  holding: "chip chip-warn",
  stopped: "chip chip-crit",
  fault: "chip chip-crit",
};

/** The live part of the top bar: the one state, who holds the instrument, alarms, clock and link. */
export default function TopStatus({ initial, actor, clock }: Props) {
  useEffect(connect, []);
  const { state, holder } = status.value ?? initial;
  const standing = alarms.value ?? initial.alarms;
  const nowMs = instrumentNow(clock);
  const unseen = standing.filter(({ acknowledgedBy }) => acknowledgedBy === null);
  const worst = unseen.some(({ severity }) => severity === "critical")
    ? "critical"
    : unseen.length > 0
    ? "some"
    : "";
  const lost = link.value === "lost";
  return (
    <>
      <span class={CHIP[state]}>{state}</span>
      <div class="top-lease">
        {holder === null
          ? (
            <span class="k">
              {state === "stopped" ? "everything is in its safe state" : "held by nobody"}
            </span>
          )
          : (
            <>
              <span class="k by">held by</span> <b>{holder.label}</b>
              {holder.actor === actor ? " · you" : ""} ·{" "}
              <span class="num">{formatDuration(nowMs - holder.sinceMs)}</span>
            </>
          )}
      </div>
      <a class={`top-alarms ${worst}`} href="/alarms" aria-current="false">
        {standing.length > 0 && <span class="dot" />}
        {standing.length === 0
          ? "no alarms"
          : standing.length === 1
          ? "1 alarm"
          : `${standing.length} alarms`}
      </a>
      <Announcer />
      <div class={lost ? "top-clock num lost" : "top-clock num"}>
        <Time atMs={nowMs} clock={clock} />
        <small>
          {lost
            ? (
              <>
                reconnecting<span class="wide-only">, last data</span>{" "}
                <Time
                  atMs={lastHeardAtMs.value === 0
                    ? clock.nowMs
                    : lastHeardAtMs.value + clockAheadMs.value}
                  clock={clock}
                />
              </>
            )
            : link.value === "live"
            ? "live"
            : `as loaded, ${zoneShown(clock)}`}
        </small>
      </div>
    </>
  );
}

/** Says each new alarm aloud to who listens to the page; nothing else on any page speaks by itself. */
function Announcer() {
  const said = useSignal("");
  const known = useRef<Set<string> | null>(null);
  useSignalEffect(() => {
    const list = alarms.value;
    if (list === null) return;
    const nameOf = (alarm: typeof list[number]) => `${alarm.id} ${alarm.raisedAtMs}`;
    const fresh = known.current === null
      ? []
      : list.filter((alarm) => alarm.clearedAtMs === null && !known.current!.has(nameOf(alarm)));
    known.current = new Set(list.map(nameOf));
    if (fresh.length > 0) {
      said.value = fresh.map(({ severity, title }) =>
        `${severity === "critical" ? "Critical alarm" : "Alarm"}: ${title}.`
      ).join(" ");
    }
  });
  return <div class="visually-hidden" role="alert">{said}</div>;
}
