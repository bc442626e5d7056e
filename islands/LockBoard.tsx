import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatActor, formatDuration } from "../components/format.ts";
import { connect, instrumentNow } from "../components/live.ts";
import { LockActions } from "../components/LockActions.tsx";
import { LockLane } from "../components/LockLane.tsx";
import {
  BEHIND,
  type BoardRow,
  leftMs,
  type LockBoardData,
  lockWindow,
  rowsOf,
  type ShownLock,
  type ShownTicket,
  typeInWords,
} from "../components/locks.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  initial: LockBoardData;
  windowKey: string;
  /** Who looks, as locks name their owner. */
  actor: string;
  mayLock: boolean;
  mayForce: boolean;
  clock: PageClock;
}

const RECORDS = 500;

/** Every device on a time axis: who holds it, why and until when, and who waits behind. */
export default function LockBoard({ initial, windowKey, actor, mayLock, mayForce, clock }: Props) {
  const data = useSignal(initial);
  const asking = useRef(false);
  const again = useRef(false);

  async function refresh() {
    again.current = true;
    if (asking.current) return;
    asking.current = true;
    while (again.current) {
      again.current = false;
      const [locks, queue, audit] = await Promise.all([
        asked("/api/v1/locks"),
        asked("/api/v1/locks/queue"),
        asked(`/api/v1/locks/audit?limit=${RECORDS}`),
      ]);
      if (locks === null || queue === null || audit === null) continue;
      data.value = {
        ...data.value,
        locks: locks.locks,
        queue: queue.queue,
        records: audit.records,
      };
    }
    asking.current = false;
  }

  useEffect(() => {
    connect();
    return followLocks(refresh);
  }, []);

  const nowMs = instrumentNow(clock);
  const { ms: windowMs } = lockWindow(windowKey);
  return (
    <ul class="plain-list lock-board">
      <li class="lane-head">
        <div class="lane-scale scale-cell num">
          <span>{formatDuration(windowMs * BEHIND)} ago</span>
          <span>
            <span>now</span>
            <span>in {formatDuration(windowMs * (1 - BEHIND))}</span>
          </span>
        </div>
      </li>
      {rowsOf(data.value).map((row) => (
        <li
          key={row.deviceId}
          class={`${row.known ? "" : "foreign"} ${row.locks.length > 0 ? "taken" : ""}`.trim()}
        >
          <div class="who">
            <b>
              <a href={`/locks/${encodeURIComponent(row.deviceId)}`}>{row.label}</a>
            </b>
            {!row.known && <span class="tag">not here</span>}
            <Holders row={row} actor={actor} nowMs={nowMs} clock={clock} />
          </div>
          <LockLane row={row} nowMs={nowMs} windowMs={windowMs} />
          <div class="acts">
            {mayLock && (
              <LockActions
                row={row}
                actor={actor}
                mayForce={mayForce}
                onChange={refresh}
              />
            )}
          </div>
          {row.waiting.length > 0 && <Waiting waiting={row.waiting} actor={actor} clock={clock} />}
        </li>
      ))}
    </ul>
  );
}

function Holders(
  { row, actor, nowMs, clock }: {
    row: BoardRow;
    actor: string;
    nowMs: number;
    clock: PageClock;
  },
) {
  if (row.locks.length === 0) return <p class="sub">free</p>;
  return (
    <>
      {row.locks.map((lock) => (
        <p class="sub num" key={lock.id}>
          <span class={lock.type === "MAINTENANCE" ? "tag tag-warn" : "tag"}>
            {typeInWords(lock.type)}
          </span>{" "}
          {lock.owner.principal === actor ? "you" : lock.owner.label}
          {lock.mode === "shared" && ", shared"} · <Left lock={lock} nowMs={nowMs} />, since{" "}
          <Time atMs={Date.parse(lock.acquired_at)} clock={clock} as="minute" />
          {lock.reason !== null && ` · ${lock.reason}`}
          {lock.revoke !== null && (
            <b class="asked">
              {` · ${
                formatActor(lock.revoke.by, actor)
              } asks for it: ${lock.revoke.reason}; it ends `}
              <Time atMs={Date.parse(lock.revoke.deadline)} clock={clock} as="clock" />
            </b>
          )}
        </p>
      ))}
    </>
  );
}

function Left({ lock, nowMs }: { lock: ShownLock; nowMs: number }) {
  const left = leftMs(lock, nowMs);
  return <>{left === null ? "until given back" : `${formatDuration(left)} left`}</>;
}

function Waiting(
  { waiting, actor, clock }: {
    waiting: readonly ShownTicket[];
    actor: string;
    clock: PageClock;
  },
) {
  return (
    <ol class="waiting">
      {waiting.map((ticket) => (
        <li key={ticket.ticket} value={ticket.position}>
          {ticket.owner.principal === actor ? "you wait" : `${ticket.owner.label} waits`}
          , {typeInWords(ticket.type)}, since{" "}
          <Time atMs={Date.parse(ticket.since)} clock={clock} as="minute" />
          {ticket.reason !== null && `: ${ticket.reason}`}
          {ticket.not_before !== null && (
            <>
              , not before <Time atMs={Date.parse(ticket.not_before)} clock={clock} as="stamp" />
            </>
          )}
        </li>
      ))}
    </ol>
  );
}

/** Calls `changed` after each decision about locks, and after each connection, for as long as the page is seen. */
function followLocks(changed: () => void): () => void {
  let source: EventSource | null = null;
  function close() {
    source?.close();
    source = null;
  }
  function follow() {
    if (document.hidden) return close();
    if (source !== null && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource("/api/v1/locks/events");
    source.onopen = changed;
    source.addEventListener("lock", changed);
  }
  follow();
  // A refused stream stays closed: it is opened anew.
  const again = setInterval(follow, 5000);
  document.addEventListener("visibilitychange", follow);
  return () => {
    clearInterval(again);
    document.removeEventListener("visibilitychange", follow);
    close();
  };
}

// deno-lint-ignore no-explicit-any
async function asked(path: string): Promise<any> {
  const reply = await fetch(path).catch(() => null);
  return reply?.ok ? await reply.json() : null;
}
