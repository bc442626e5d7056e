import type {
  Capability,
  Channel,
  DeviceState,
  DeviceView,
  Reading,
} from "../lib/devices/model.ts";
import { formatValue, NO_VALUE } from "./format.ts";
import type { PlotChannel } from "./plot/shape.ts";

/** The channel a device is known by: its first. */
export function mainChannel(capability: Capability): Channel | undefined {
  return capability.channels[0];
}

/** Rows of the overview: every channel of a sensor with several, else the device's main channel. */
export interface DeviceRow {
  readonly deviceId: string;
  readonly label: string;
  readonly channel: Channel;
}

export function rowsOf(capabilities: readonly Capability[]): DeviceRow[] {
  return capabilities.flatMap((capability) => {
    const channels = capability.kind === "sensor"
      ? capability.channels
      : capability.channels.slice(0, 1);
    return channels.map((channel) => ({
      deviceId: capability.deviceId,
      label: channels.length > 1 ? channel.label : capability.label,
      channel,
    }));
  });
}

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

/** What was asked of an actuator, in the channel's words: `→ 30`; empty when nothing was. */
export function shownSetpoint(state: DeviceState, channel: Channel): string {
  const asked = state.setpoint?.[channel.id];
  if (asked === undefined || asked === null) return "";
  if (typeof asked === "number" || typeof asked === "string" || typeof asked === "boolean") {
    return `→ ${formatValue(asked, channel)}`;
  }
  return "";
}

/** Every numeric channel of the instrument as the charts draw it; a channel's colour depends on its place alone. */
export function plotChannels(views: readonly DeviceView[]): PlotChannel[] {
  return views.flatMap(({ capability }) =>
    capability.channels.filter(({ type }) => type === "number").map((channel) => ({
      deviceId: capability.deviceId,
      channel: channel.id,
      label: capability.channels.length > 1 && channel.label !== capability.label
        ? `${capability.label} ${channel.label}`
        : capability.label,
      unit: channel.unit,
      decimals: channel.decimals,
      periodMs: channel.periodMs,
    }))
  ).map((channel, index) => ({ ...channel, colour: index % 8 + 1 }));
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

/** One row a device, the most watched first. */
export function overviewRows(capabilities: readonly Capability[], most: number): DeviceRow[] {
  const rank = ({ component }: Capability) => {
    const at = FIRST.indexOf(component);
    return at < 0 ? FIRST.length : at;
  };
  return capabilities
    .toSorted((a, b) => rank(a) - rank(b))
    .flatMap((capability) => {
      const channel = mainChannel(capability);
      return channel === undefined
        ? []
        : [{ deviceId: capability.deviceId, label: capability.label, channel }];
    })
    .slice(0, most);
}
