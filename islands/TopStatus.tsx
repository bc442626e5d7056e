import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatActor, formatClock, formatDuration } from "../components/format.ts";
import {
  clockAheadMs,
  hearAlarms,
  hearEvents,
  hearExperiments,
  lastHeardAtMs,
  link,
  tick,
} from "../components/live.ts";
import type { InstrumentState, InstrumentStatus } from "../lib/instrument/model.ts";

const CHIP: Record<InstrumentState, string> = {
  starting: "chip",
  idle: "chip",
  running: "chip chip-busy",
  holding: "chip chip-warn",
  stopped: "chip chip-crit",
  fault: "chip chip-crit",
};

/** The live part of the top bar: the one state, who holds the instrument, alarms, clock and link. */
export default function TopStatus(
  { initial, actor }: { initial: InstrumentStatus; actor: string },
) {
  const status = useSignal(initial);

  useEffect(() => {
    let pending: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      clearTimeout(pending);
      pending = setTimeout(async () => {
        const reply = await fetch("/api/v1/status").catch(() => null);
        if (reply?.ok) status.value = await reply.json();
      }, 150);
    };
    const stops = [
      hearExperiments(refresh),
      hearAlarms(refresh),
      hearEvents((event) => {
        if (/^(instrument|lock|experiment|alarm|agent)\./.test(event.type)) refresh();
      }),
    ];
    return () => {
      clearTimeout(pending);
      for (const stop of stops) stop();
    };
  }, []);

  const { state, holder, alarms } = status.value;
  const nowMs = (tick.value || initial.nowMs) + clockAheadMs.value;
  const open = alarms.filter((alarm) => alarm.clearedAtMs === null || !alarm.acknowledgedBy);
  const worst = open.some((alarm) => alarm.severity === "critical") ? "critical" : "some";
  const lost = link.value === "lost";

  return (
    <>
      <span class={CHIP[state]}>{state}</span>
      <div class="top-lease">
        {holder === null
          ? (
            <span class="k">
              {state === "stopped" ? "everything is in its safe state" : "free"}
            </span>
          )
          : (
            <>
              <span class="k">held by</span> <b>{holder.label}</b>
              {holder.actor === actor ? " · you" : ` · ${formatActor(holder.actor)}`} ·{" "}
              <span class="num">{formatDuration(nowMs - holder.sinceMs)}</span>
            </>
          )}
      </div>
      <a class={open.length === 0 ? "top-alarms" : `top-alarms ${worst}`} href="/alarms">
        {open.length > 0 && <span class="dot" />}
        <span aria-live="polite">
          {open.length === 0
            ? "no alarms"
            : open.length === 1
            ? "1 alarm"
            : `${open.length} alarms`}
        </span>
      </a>
      <div class={lost ? "top-clock num lost" : "top-clock num"}>
        <time>{formatClock(nowMs)}</time>
        <small>
          {lost
            ? `reconnecting, last data ${formatClock(lastHeardAtMs.value || initial.nowMs)}`
            : link.value === "live"
            ? "live"
            : "page as loaded"}
        </small>
      </div>
    </>
  );
}
