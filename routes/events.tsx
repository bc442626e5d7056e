import EventFeed from "../islands/EventFeed.tsx";
import { define } from "../lib/instrument/mod.ts";

const PAGE = 100;
const KINDS = [
  { label: "All", type: "" },
  { label: "Devices", type: "device." },
  { label: "Experiments", type: "experiment." },
  { label: "Alarms", type: "alarm." },
  { label: "Locks", type: "lock." },
  { label: "Access", type: "auth." },
  { label: "Instrument", type: "instrument." },
];

export default define.page(async function EventsPage({ state, url }) {
  const { events, clock } = state.instrument;
  const type = url.searchParams.get("type") ?? "";
  const subject = url.searchParams.get("subject") ?? "";
  const before = Number(url.searchParams.get("before") ?? "");
  const paged = Number.isInteger(before) && before > 0;
  const found = await events.read({
    limit: PAGE,
    ...(paged ? { beforeSeq: before } : {}),
    ...(type === "" ? {} : { types: [type] }),
    ...(subject === "" ? {} : { subject }),
  });
  const oldest = found.at(-1)?.seq;
  const href = (changes: Record<string, string>) => {
    const query = new URLSearchParams({ type, subject, ...changes });
    for (const [name, value] of [...query]) if (value === "") query.delete(name);
    return `/events${query.size === 0 ? "" : `?${query}`}`;
  };
  return (
    <>
      <div class="head">
        <h1>Events</h1>
        <nav class="seg" aria-label="Kind of event">
          {KINDS.map((kind) => (
            <a
              key={kind.type}
              href={href({ type: kind.type })}
              aria-current={kind.type === type ? "true" : undefined}
            >
              {kind.label}
            </a>
          ))}
        </nav>
      </div>
      <section class="card">
        <form class="row filter" method="get">
          {type !== "" && <input type="hidden" name="type" value={type} />}
          <label for="subject">About</label>
          <input
            id="subject"
            name="subject"
            value={subject}
            placeholder="a device, an experiment"
            autocomplete="off"
          />
          <button class="btn" type="submit">Filter</button>
          {(type !== "" || subject !== "") && <a class="btn btn-quiet" href="/events">Show all</a>}
        </form>
        {found.length === 0 && paged ? <p class="empty">Nothing older than this.</p> : (
          <EventFeed
            initial={found}
            most={PAGE}
            nowMs={clock.nowMs()}
            subject={subject === "" ? undefined : subject}
            types={type === "" ? undefined : [type]}
            days
            live={!paged}
          />
        )}
        <div class="row">
          {paged && <a class="btn" href={href({})}>Newest</a>}
          {found.length === PAGE && oldest !== undefined && (
            <a class="btn" href={href({ before: String(oldest) })}>Older</a>
          )}
        </div>
      </section>
    </>
  );
});
