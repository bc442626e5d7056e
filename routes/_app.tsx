import { asset } from "fresh/runtime";
import { Icon } from "../components/Icon.tsx";
import { formatActor, formatStamp } from "../components/format.ts";
import { placeOf, PLACES } from "../components/nav.ts";
import Keys from "../islands/Keys.tsx";
import TopStatus from "../islands/TopStatus.tsx";
import { actorOf } from "../lib/auth/model.ts";
import { define, type InstrumentStatus } from "../lib/instrument/mod.ts";

const SHEETS = ["tokens", "shell", "parts", "pages"];

/** The frame of every page; all of it works as links and forms with scripts off. */
export default define.page(function App({ Component, state, url }) {
  const status = state.instrument.status();
  const here = placeOf(url.pathname);
  return (
    <html lang="en" data-theme={state.theme === "system" ? undefined : state.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>{`${here?.label ?? "Holdfast"} · ${status.name} · Holdfast`}</title>
        <link rel="icon" href={asset("/icon.svg")} type="image/svg+xml" />
        {SHEETS.map((name) => (
          <link rel="stylesheet" href={asset(`/css/${name}.css`)} key={name} />
        ))}
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <div class="top-id">
            <svg
              class="top-stripe"
              viewBox="0 0 6 56"
              preserveAspectRatio="none"
              aria-hidden="true"
            >
              <rect width="6" height="56" fill={status.stripe} />
            </svg>
            <a href="/">
              <strong>{status.name}</strong>
            </a>
            {status.simulated && <span class="tag">simulated</span>}
          </div>
          <TopStatus initial={status} actor={actorOf(state.principal)} />
          <form method="post" action="/api/v1/stop">
            <button class="stop" type="submit">STOP</button>
          </form>
        </header>
        <nav class="rail" aria-label="Main">
          <div class="rail-inner">
            {PLACES.map((place) => (
              <a
                href={place.href}
                aria-current={place === here ? "page" : "false"}
                key={place.href}
              >
                <Icon name={place.icon} />
                {place.label}
              </a>
            ))}
          </div>
        </nav>
        <main class="main" id="main">
          {status.stopped !== null && <Stopped status={status} />}
          <Component />
        </main>
        <Keys />
      </body>
    </html>
  );
});

function Stopped({ status }: { status: InstrumentStatus }) {
  const stopped = status.stopped!;
  return (
    <section class="notice notice-crit" aria-label="Stopped">
      <span class="dot" />
      <b>The instrument is stopped</b>
      <span class="grow">
        by {formatActor(stopped.actor)} at{" "}
        <span class="num">{formatStamp(stopped.sinceMs, status.nowMs)}</span>:{" "}
        {stopped.reason}. Every actuator is in its safe state; nothing starts until somebody starts
        again.
      </span>
      <form class="row" method="post" action="/api/v1/stop/clear">
        <label class="visually-hidden" for="clear-reason">Why is it safe to start again?</label>
        <input
          id="clear-reason"
          name="reason"
          required
          minLength={3}
          maxLength={200}
          placeholder="Why is it safe to start again?"
        />
        <button class="btn btn-main" type="submit">Start again</button>
      </form>
    </section>
  );
}
