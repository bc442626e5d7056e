import type {
  Capability,
  Channel,
  DeviceState,
  DeviceView,
  Reading,
} from "../lib/devices/model.ts";
import { formatValue, NO_VALUE } from "./format.ts";
import type { PlotChannel } from "./plot/shape.ts";

/** One row of the overview: a device and the channel it is known by. */
export interface DeviceRow {
  readonly deviceId: string;
  readonly label: string;
  readonly channel: Channel;
  /** Which of several quantities the number is; empty where the device has one. */
  readonly quantity: string;
}

/** The stretch of a row's trend, and how finely it is drawn. */
export const TREND_MS = 900_000;
export const TREND_BUCKETS = 45;

/** A reading older than three periods is stale, whatever it was when it came. */
export function isStale(reading: Reading | null, channel: Channel, nowMs: number): boolean {
  return reading === null || reading.quality === "stale" ||
    nowMs - reading.atMs > 3 * channel.periodMs;
}

/** `37.04`, or a dash when there is nothing to trust. */
export function shownValue(reading: Reading | null, channel: Channel, nowMs: number): string {
  if (reading === null || isStale(reading, channel, nowMs)) return NO_VALUE;
  return formatValue(reading.value, channel);
}

/** What was asked of an actuator, in the channel's words: `30`; empty when nothing was. */
export function shownSetpoint(state: Pick<DeviceState, "setpoint">, channel: Channel): string {
  const asked = state.setpoint?.[channel.id];
  return typeof asked === "number" || typeof asked === "string" || typeof asked === "boolean"
    ? formatValue(asked, channel)
    : "";
}

/** What a person looks at first, by component; anything else follows in the registry's order. */
const FIRST = [
  "optical_density",
  "temp_sensor",
  "co2_sensor",
  "o2_sensor",
  "stirrer",
  "peltier_driver",
  "pumps",
  "ambient_temp",
  "led",
];

function byRank<T>(list: readonly T[], capabilityOf: (one: T) => Capability): T[] {
  const rank = (one: T) => {
    const at = FIRST.indexOf(capabilityOf(one).component);
    return at < 0 ? FIRST.length : at;
  };
  return list.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Every numeric channel of the instrument as the charts draw it. A channel's colour depends on its place
 * among all of them alone, so that it is the same on every page: give it all views, then choose.
 */
export function plotChannels(views: readonly DeviceView[]): PlotChannel[] {
  const channels = byRank(views, (view) => view.capability).flatMap(({ capability }, place) =>
    capability.channels.filter(({ type }) => type === "number").map((channel, index) => ({
      index,
      shown: {
        deviceId: capability.deviceId,
        channel: channel.id,
        label: plotLabel(capability, channel, index),
        unit: channel.unit,
        decimals: channel.decimals,
        periodMs: channel.periodMs,
        ...(channel.min === undefined ? {} : { min: channel.min }),
        ...(channel.max === undefined ? {} : { max: channel.max }),
        // Neighbours differ: channels of one device, and the main channels of the most watched ones.
        colour: (place + index) % 8 + 1,
      },
    }))
  );
  // Main channels first: they are the ones people look for.
  return channels.toSorted((a, b) => Math.min(a.index, 1) - Math.min(b.index, 1))
    .map(({ shown }) => shown);
}

/** `Temperature`, `Temperature, heat sink`, `OD 135°`, `Stirrer, duty`: no word twice. */
function plotLabel(
  { label, kind, channels }: Capability,
  { label: own }: Channel,
  index: number,
): string {
  const initials = label.split(" ").map((word) => word.charAt(0).toUpperCase()).join("");
  const said = own.toLowerCase().includes(label.toLowerCase()) ||
    initials.length > 1 && own.startsWith(`${initials} `);
  if (said) return own;
  const known = channels.length === 1 || index === 0 && kind === "sensor";
  return known ? label : `${label}, ${own.charAt(0).toLowerCase()}${own.slice(1)}`;
}

/** One of each of the first quantities a biologist asks for, as `device.channel`. */
export function firstChannels(channels: readonly PlotChannel[]): string[] {
  return channels.slice(0, 3).map(({ deviceId, channel }) => `${deviceId}.${channel}`);
}

/** One row a device, the most watched first. */
export function overviewRows(capabilities: readonly Capability[], most: number): DeviceRow[] {
  return byRank(capabilities, (capability) => capability).flatMap((capability) => {
    const [channel, ...others] = capability.channels;
    return channel === undefined ? [] : [{
      deviceId: capability.deviceId,
      label: capability.label,
      channel,
      quantity: others.length === 0 ? "" : channel.label,
    }];
  }).slice(0, most);
}
