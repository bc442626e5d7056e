import { type ChannelLimits, DASHBOARD_DEVICES } from "../lib/compat/model.ts";
import type { DeviceView } from "../lib/devices/model.ts";
import { keyOf, type PlotChannel } from "./plot/shape.ts";
import { firstChannels } from "./shown.ts";

/** What the dashboard's settings say of charts. Pure. */

/** The part of the settings that pages read. */
export interface ShownSettings {
  readonly display_components: Readonly<Record<string, boolean>>;
  readonly channels?: readonly string[];
  readonly colours?: Readonly<Record<string, number>>;
  readonly limits?: Readonly<Record<string, ChannelLimits>>;
}

/** The colours by number, as they look on a light page. */
export const COLOUR_NAMES = [
  "teal",
  "orange",
  "violet",
  "olive",
  "magenta",
  "blue",
  "green",
  "brown",
] as const;

/** Channels in the colours that were chosen for them. */
export function withColours(
  channels: readonly PlotChannel[],
  colours: ShownSettings["colours"] = {},
): PlotChannel[] {
  return channels.map((channel) => ({
    ...channel,
    colour: colours[keyOf(channel)] ?? channel.colour,
  }));
}

/** Channels with the axes that were chosen for them. */
export function withAxes(
  channels: readonly PlotChannel[],
  limits: ShownSettings["limits"] = {},
): PlotChannel[] {
  return channels.map((channel) => {
    const { axis_min: min, axis_max: max } = limits[keyOf(channel)] ?? {};
    return min === undefined && max === undefined ? channel : { ...channel, axis: { min, max } };
  });
}

/** Channels the overview draws where its address names none: those chosen and not switched off, else the first. */
export function dashboardChannels(
  channels: readonly PlotChannel[],
  views: readonly Pick<DeviceView, "capability">[],
  { display_components, channels: chosen = [] }: ShownSettings,
): string[] {
  const off = new Set<string>(
    Object.entries(DASHBOARD_DEVICES).filter(([name]) => display_components[name] === false)
      .map(([, component]) => component),
  );
  const componentOf = new Map(
    views.map(({ capability: { deviceId, component } }) => [deviceId, component]),
  );
  const on = channels.filter(({ deviceId }) => !off.has(componentOf.get(deviceId) ?? ""));
  const known = new Set(on.map(keyOf));
  const shown = chosen.filter((key) => known.has(key));
  return shown.length > 0 ? shown : firstChannels(on.length > 0 ? on : channels);
}

/** The original's switches as the chosen channels leave them: on where one of its component is drawn. */
export function switchesFor(
  chosen: readonly string[],
  views: readonly Pick<DeviceView, "capability">[],
): Record<string, boolean> {
  const drawn = new Set(
    views.filter(({ capability: { deviceId } }) =>
      chosen.some((key) => key.startsWith(`${deviceId}.`))
    ).map(({ capability: { component } }) => component),
  );
  return Object.fromEntries(
    Object.entries(DASHBOARD_DEVICES).map(([name, component]) => [name, drawn.has(component)]),
  );
}
