import { COLOUR_NAMES, dashboardChannels, withColours } from "../../components/dashboard.ts";
import { keyOf } from "../../components/plot/shape.ts";
import { plotChannels } from "../../components/shown.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

/** The form as it was sent, where it was refused. */
export interface DashboardTyped {
  readonly channels: readonly string[];
  readonly colours: Readonly<Record<string, number>>;
  readonly interval: string;
  /** As they were typed, by the name of their field. */
  readonly limits: Readonly<Record<string, string>>;
}

/** Name of the field with the colour of one channel. */
export const colourName = (key: string) => `colour.${key}`;

/** The numbers a channel's row asks for, as the settings call them and as people read them. */
export const LIMIT_FIELDS = [
  ["axis_min", "Axis from"],
  ["axis_max", "to"],
  ["alarm_below", "Alarm below"],
  ["alarm_above", "above"],
] as const;
export type LimitField = (typeof LIMIT_FIELDS)[number][0];
const LIMIT_WORDS: Readonly<Record<LimitField, string>> = {
  axis_min: "its axis begins at",
  axis_max: "its axis ends at",
  alarm_below: "alarm below",
  alarm_above: "alarm above",
};
export const limitName = (field: LimitField, key: string) => `${field}.${key}`;

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
  const limitOf = (field: LimitField, key: string) =>
    typed?.limits[limitName(field, key)] ?? String(settings.limits?.[key]?.[field] ?? "");
  const hasLimits = (key: string) => LIMIT_FIELDS.some(([field]) => limitOf(field, key) !== "");
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
                    <details open={hasLimits(key)}>
                      <summary>
                        Range and alarm<span class="visually-hidden">of {channel.label}</span>
                      </summary>
                      <div class="dashboard-limits">
                        {LIMIT_FIELDS.map(([field, text]) => (
                          <label key={field}>
                            <span>{text}</span>
                            <input
                              class="short"
                              name={limitName(field, key)}
                              inputMode="decimal"
                              autocomplete="off"
                              aria-label={`${channel.label}: ${
                                LIMIT_WORDS[field]
                              }, ${channel.unit}`}
                              defaultValue={limitOf(field, key)}
                            />
                          </label>
                        ))}
                        <span class="sub">{channel.unit}</span>
                      </div>
                    </details>
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
