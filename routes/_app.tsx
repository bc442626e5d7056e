import { asset } from "fresh/runtime";
import { Icon } from "../components/Icon.tsx";
import { placeOf, placesWith } from "../components/nav.ts";
import Keys from "../islands/Keys.tsx";
import LockNotice from "../islands/LockNotice.tsx";
import StopNotice from "../islands/StopNotice.tsx";
import TopStatus from "../islands/TopStatus.tsx";
import WhenReady from "../islands/WhenReady.tsx";
import { define, type Instrument } from "../lib/instrument/mod.ts";
import { readerOf } from "./(_parts)/reader.ts";

const SHEETS = [
  "tokens",
  "shell",
  "parts",
  "charts",
  "pages",
  "experiments",
  "locks",
  "epu",
  "epu_steering",
];

/** The frame of every page; all of it works as links and forms with scripts off. */
export default define.page(async function App(ctx) {
  const { Component, state, url } = ctx;
  const status = state.instrument.status();
  const reader = readerOf(ctx);
  const here = placeOf(url.pathname);
  // Who has not logged in learns the instrument's name, and can stop it where that is allowed.
  const known = state.principal.kind !== "anonymous";
  const cryoEm = known && await hasCryoEm(state.instrument);
  return (
    <html lang="en" data-theme={state.theme === "system" ? undefined : state.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>{`${here?.label ?? "Holdfast"} · ${status.name}`}</title>
        <link rel="icon" href={asset("/icon.svg")} type="image/svg+xml" />
        {SHEETS.map((name) => (
          <link rel="stylesheet" href={asset(`/css/${name}.css`)} key={name} />
        ))}
        {status.state === "starting" && (
          <noscript>
            <meta http-equiv="refresh" content="3" />
          </noscript>
        )}
      </head>
      <body>
        <a class="skip" href="#main" aria-current="false">Skip to content</a>
        <header class="top">
          <svg class="top-stripe" viewBox="0 0 6 56" preserveAspectRatio="none" aria-hidden="true">
            <rect width="6" height="56" fill={status.stripe} />
          </svg>
          <div class="top-id">
            <a href="/" aria-current="false">
              <strong>{status.name}</strong>
            </a>
          </div>
          {known && status.simulated && <span class="tag top-sim">simulated</span>}
          {known
            ? <TopStatus initial={status} actor={reader.actor} clock={reader.clock} />
            : <div class="top-lease" />}
          <form class="top-stop" method="post" action="/api/v1/stop">
            <button class="stop" type="submit">STOP</button>
          </form>
        </header>
        <nav class="rail" aria-label="Main">
          <div class="rail-inner">
            {(known ? placesWith({ cryoEm }) : []).map((place) => (
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
        <main class={`main page-${here?.icon ?? "other"}`} id="main" tabIndex={-1}>
          {known && (
            <StopNotice
              initial={status}
              actor={reader.actor}
              mayDrive={reader.mayOperate}
              clock={reader.clock}
            />
          )}
          {known && <LockNotice actor={reader.actor} clock={reader.clock} />}
          {known && status.state === "starting" && <WhenReady />}
          <Component />
        </main>
        {known && <Keys cryoEm={cryoEm} />}
      </body>
    </html>
  );
});

/** Whether sessions are looked for, or came from elsewhere. */
async function hasCryoEm({ config, epu }: Instrument): Promise<boolean> {
  return config.epu.folders.length > 0 || (await epu.acquisitions({ limit: 1 })).items.length > 0;
}
