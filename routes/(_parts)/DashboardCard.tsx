import { COLOUR_NAMES, dashboardChannels, withColours } from "../../components/dashboard.ts";
import { keyOf } from "../../components/plot/shape.ts";
import { plotChannels } from "../../components/shown.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

/** The form as it was sent, where it was refused. */
export interface DashboardTyped {
  readonly channels: readonly string[];
  readonly colours: Readonly<Record<string, number>>;
  readonly interval: string;
}

/** Name of the field with the colour of one channel. */
export const colourName = (key: string) => `colour.${key}`;

/** What the overview draws first, in which colours and how often; the original dashboard's settings too. */
export function DashboardCard(
  { instrument: { devices, compat }, mayOperate, typed, failure }: {
    instrument: Pick<Instrument, "devices" | "compat">;
    mayOperate: boolean;
    typed: DashboardTyped | null;
    failure: string | null;
  },
) {
  const views = devices.list();
  const { settings } = compat.dashboard;
  const usual = plotChannels(views);
  const channels = withColours(usual, typed?.colours ?? settings.colours);
  const shown = typed?.channels ?? dashboardChannels(usual, views, settings);
  return (
    <section class="card wide" id="dashboard" aria-label="Dashboard">
      <header>
        <h2>Dashboard</h2>
        <span class="sub">what the overview draws where its address names no channel</span>
      </header>
      {failure !== null && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{failure}</span>
        </p>
      )}
      {channels.length === 0
        ? <p class="empty">No channel yet. They appear as the devices’ agents start.</p>
        : (
          <form method="post" action="/settings/dashboard">
            <fieldset class="dashboard-channels" disabled={!mayOperate}>
              <legend class="visually-hidden">Channels, eight at most, and their colours</legend>
              {channels.map((channel) => {
                const key = keyOf(channel);
                return (
                  <div class="dashboard-channel" key={key}>
                    <label>
                      <input
                        type="checkbox"
                        name="channels"
                        value={key}
                        defaultChecked={shown.includes(key)}
                      />
                      <svg
                        class={`swatch c${channel.colour}`}
                        viewBox="0 0 16 4"
                        aria-hidden="true"
                      >
                        <path d="M0 2H16" />
                      </svg>
                      <span>
                        {channel.label} <small>{channel.unit}</small>
                      </span>
                    </label>
                    <select name={colourName(key)} aria-label={`Colour of ${channel.label}`}>
                      {COLOUR_NAMES.map((name, index) => (
                        <option
                          key={name}
                          value={index + 1}
                          selected={channel.colour === index + 1}
                        >
                          {name}
                        </option>
                      ))}
                    </select>
                  </div>
                );
              })}
            </fieldset>
            {mayOperate && (
              <div class="row">
                <span class="pair">
                  <label for="dashboard-interval">New values every</label>
                  <input
                    class="short"
                    id="dashboard-interval"
                    name="interval"
                    inputMode="decimal"
                    defaultValue={typed?.interval ?? String(settings.update_interval)}
                    autocomplete="off"
                  />
                  <span class="sub">s</span>
                </span>
                <button class="btn btn-main" type="submit">Use these</button>
                <button class="btn" type="submit" name="reset" value="1">As delivered</button>
              </div>
            )}
          </form>
        )}
    </section>
  );
}
