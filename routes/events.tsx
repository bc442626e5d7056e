import EventFeed from "../islands/EventFeed.tsx";
import { define } from "../lib/instrument/mod.ts";
import { namesIn, shownEvents } from "./(_parts)/events.ts";
import { readerOf } from "./(_parts)/reader.ts";

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

export default define.page(async function EventsPage(ctx) {
  const { state: { instrument }, url } = ctx;
  const { clock, actor } = readerOf(ctx);
  const asked = url.searchParams.get("type") ?? "";
  // What is no beginning of a type would match nothing, and say nothing about why.
  const type = /^[a-z][a-z0-9_.-]{0,60}$/.test(asked) ? asked : "";
  const subject = (url.searchParams.get("subject") ?? "").trim().slice(0, 200);
  const before = seqOf(url.searchParams.get("before"));
  const found = await instrument.events.read({
    limit: PAGE,
    ...(before === null ? {} : { beforeSeq: before }),
    ...(type === "" ? {} : { types: [type] }),
    ...(subject === "" ? {} : { subject }),
  });
  const oldest = found.at(-1)?.seq;
  const filtered = type !== "" || subject !== "";
  const devices = instrument.devices.list().map(({ capability }) => capability.deviceId);
  const href = (changes: Record<string, string>) => {
    const query = new URLSearchParams({ type, subject, ...changes });
    for (const [name, value] of [...query]) if (value === "") query.delete(name);
    return query.size === 0 ? "/events" : `/events?${query}`;
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
              aria-current={kind.type === type ? "true" : "false"}
            >
              {kind.label}
            </a>
          ))}
        </nav>
      </div>
      <section class="card" aria-label="Event log">
        <form class="row filter" method="get">
          {type !== "" && <input type="hidden" name="type" value={type} />}
          <span class="pair">
            <label for="subject">About</label>
            <input
              id="subject"
              name="subject"
              type="search"
              list="subjects"
              value={subject}
              placeholder="a device or an id"
              autocomplete="off"
            />
          </span>
          <datalist id="subjects">
            {["instrument", ...devices].map((id) => <option key={id} value={id} />)}
          </datalist>
          <button class="btn" type="submit">Filter</button>
          {filtered && <a class="btn btn-quiet" href="/events" aria-current="false">Show all</a>}
        </form>
        {found.length === 0 && before !== null
          ? <p class="empty">Nothing older than this is kept.</p>
          : found.length === 0 && filtered
          ? <p class="empty">Nothing like that has happened yet; it appears here when it does.</p>
          : null}
        {(found.length > 0 || (before === null && !filtered)) && (
          <EventFeed
            initial={shownEvents(found)}
            most={PAGE}
            clock={clock}
            actor={actor}
            names={await namesIn(instrument, found)}
            {...(subject === "" ? {} : { subject })}
            {...(type === "" ? {} : { types: [type] })}
            manner="log"
            live={before === null}
          />
        )}
        {(before !== null || found.length === PAGE) && (
          <nav class="row pages" aria-label="Pages">
            {before !== null && <a class="btn" href={href({})}>Newest</a>}
            {found.length === PAGE && oldest !== undefined && (
              <a class="btn" href={href({ before: String(oldest) })}>Older</a>
            )}
          </nav>
        )}
      </section>
    </>
  );
});

/** The number of an event; `null` for anything else. */
function seqOf(text: string | null): number | null {
  return /^\d{1,15}$/.test(text ?? "") && Number(text) > 0 ? Number(text) : null;
}
