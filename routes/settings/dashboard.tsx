import { page } from "fresh";
import { switchesFor } from "../../components/dashboard.ts";
import { keyOf } from "../../components/plot/shape.ts";
import { plotChannels } from "../../components/shown.ts";
import { actorOf } from "../../lib/auth/mod.ts";
import {
  DASHBOARD_CHANNELS_MAX,
  DASHBOARD_COLOURS,
  DASHBOARD_DEFAULTS,
} from "../../lib/compat/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import {
  colourName,
  type DashboardTyped,
  LIMIT_FIELDS,
  limitName,
} from "../(_parts)/DashboardCard.tsx";
import SettingsPage, { type Outcome } from "./index.tsx";

export const handler = define.handlers<Outcome>({
  GET: (ctx) => ctx.redirect("/settings#dashboard", 303),
  async POST(ctx) {
    const { instrument: { devices, compat }, principal } = ctx.state;
    const form = await ctx.req.formData();
    const views = devices.list();
    const all = plotChannels(views);
    const known = new Set(all.map(keyOf));
    const channels = form.getAll("channels").map(String).filter((key) => known.has(key));
    const colours: Record<string, number> = {};
    for (const channel of all) {
      const colour = Number(form.get(colourName(keyOf(channel))));
      // What is as it would be anyway is not remembered: a new device may shift the usual ones.
      if (!Number.isInteger(colour) || colour < 1 || colour > DASHBOARD_COLOURS) continue;
      if (colour !== channel.colour) colours[keyOf(channel)] = colour;
    }
    const interval = String(form.get("interval") ?? "").trim();
    const limits: Record<string, Partial<Record<string, number>>> = {};
    const typedLimits: Record<string, string> = {};
    let notNumber: string | null = null;
    for (const channel of all) {
      const key = keyOf(channel);
      for (const [field] of LIMIT_FIELDS) {
        const text = String(form.get(limitName(field, key)) ?? "").trim();
        typedLimits[limitName(field, key)] = text;
        if (text === "") continue;
        const value = Number(text.replace(",", ".").replace("−", "-"));
        if (!Number.isFinite(value)) notNumber ??= `${channel.label}: “${text}” is not a number`;
        (limits[key] ??= {})[field] = value;
      }
    }
    const typed: DashboardTyped = { channels, colours, interval, limits: typedLimits };
    const isReset = form.has("reset");
    if (!isReset && (channels.length === 0 || channels.length > DASHBOARD_CHANNELS_MAX)) {
      return refused(
        typed,
        `Choose one to ${DASHBOARD_CHANNELS_MAX} channels: ${channels.length} are chosen`,
      );
    }
    const seconds = Number(interval.replace(",", "."));
    if (!isReset && !(seconds >= 0.5 && seconds <= 3600)) {
      return refused(typed, `“${interval}” is not a number of seconds from 0.5 to 3600`);
    }
    if (!isReset && notNumber !== null) return refused(typed, notNumber);
    const { display_components, update_interval } = DASHBOARD_DEFAULTS;
    const changed = await compat.dashboard.change(
      isReset ? { display_components, update_interval, channels: [], colours: {}, limits: {} } : {
        display_components: switchesFor(channels, views),
        update_interval: seconds,
        channels,
        colours,
        limits,
      },
      actorOf(principal),
    );
    if (!changed.ok) return refused(typed, changed.refusal.text);
    return ctx.redirect("/settings#dashboard", 303);
  },
});

export default SettingsPage;

function refused(typed: DashboardTyped, text: string) {
  return page(
    { failure: { of: "dashboard" as const, text }, dashboard: typed },
    { status: 422 },
  );
}
