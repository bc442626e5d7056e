import { z } from "zod";

/** The systems Holdfast replaces, each on a port of its own: where they gave one path different meanings, the port decides. */
export const FACES = ["web", "hub", "node", "locks", "smartem"] as const;
export type Face = (typeof FACES)[number];

/** Where the originals listen. */
export const FACE_PORTS: Readonly<Record<Face, number>> = {
  web: 3000,
  hub: 8000,
  node: 9000,
  locks: 60620,
  smartem: 30080,
};

/** What the originals' dashboard can show, in their words. */
export const DASHBOARD_COMPONENTS = [
  "co2_sensor",
  "temperature",
  "photodiodes",
  "peltier_current",
] as const;
export type DashboardComponent = (typeof DASHBOARD_COMPONENTS)[number];

/** The component each of them shows. */
export const DASHBOARD_DEVICES = {
  co2_sensor: "co2_sensor",
  temperature: "temp_sensor",
  photodiodes: "optical_density",
  peltier_current: "peltier_current",
} as const satisfies Record<DashboardComponent, string>;

/** Channels a dashboard draws at once at most, and colours there are. */
export const DASHBOARD_CHANNELS_MAX = 8;
export const DASHBOARD_COLOURS = 8;

/** A channel as the telemetry API spells it: `device.channel`. */
const ChannelKey = z.string().max(200).regex(/^[^.\s]+\.[^.\s]+$/, "must be device.channel");

const Bound = z.number().min(-1e9).max(1e9).optional();
/** Of one channel, each side by itself: the least its axis spans, and where an alarm is raised. */
export const ChannelLimits = z.strictObject({
  axis_min: Bound,
  axis_max: Bound,
  alarm_below: Bound,
  alarm_above: Bound,
}).refine(
  ({ axis_min = -Infinity, axis_max = Infinity }) => axis_min < axis_max,
  "its axis must begin (axis_min) below where it ends (axis_max)",
).refine(
  ({ alarm_below = -Infinity, alarm_above = Infinity }) => alarm_below < alarm_above,
  "its lower alarm (alarm_below) must be below its upper one (alarm_above)",
);
export type ChannelLimits = z.infer<typeof ChannelLimits>;

/** The originals' dashboard settings, stored as their clients send and read them. */
export const DashboardSettings = z.object({
  display_components: z.object({
    co2_sensor: z.boolean(),
    temperature: z.boolean(),
    photodiodes: z.boolean(),
    peltier_current: z.boolean(),
  }),
  /** Seconds between two values on a dashboard, and of one sensor on the live stream. */
  update_interval: z.number(),
  /** Ours: channels drawn when an address names none, in their order; absent: the instrument's first. */
  channels: z.array(ChannelKey).max(DASHBOARD_CHANNELS_MAX).optional(),
  /** Ours: number of a channel's colour where it is not its usual one. */
  colours: z.record(ChannelKey, z.number().int().min(1).max(DASHBOARD_COLOURS)).optional(),
  /** Ours: axes and alarms of channels. */
  limits: z.record(ChannelKey, ChannelLimits).optional(),
  /** Kept for the old settings page, which sends it back; nothing reads it, there or here. */
  csv_file_path: z.string(),
});
export type DashboardSettings = z.infer<typeof DashboardSettings>;

/** What the originals ship. */
export const DASHBOARD_DEFAULTS: DashboardSettings = {
  display_components: {
    co2_sensor: true,
    temperature: true,
    photodiodes: true,
    peltier_current: true,
  },
  update_interval: 5,
  csv_file_path: "",
};

/** Colours that are kept; an instrument has fewer channels. */
const COLOURED_MAX = 500;

/** What may be sent: any part of the settings, and nothing else. */
export const DashboardChange = z.strictObject({
  display_components: z.strictObject(DashboardSettings.shape.display_components.shape).partial()
    .optional(),
  update_interval: z.number().min(0.5).max(3600).optional(),
  csv_file_path: z.string().max(500).optional(),
  channels: DashboardSettings.shape.channels,
  colours: DashboardSettings.shape.colours.refine(
    (colours) => Object.keys(colours ?? {}).length <= COLOURED_MAX,
    `must name at most ${COLOURED_MAX} channels`,
  ),
  limits: DashboardSettings.shape.limits.refine(
    (limits) => Object.keys(limits ?? {}).length <= COLOURED_MAX,
    `must name at most ${COLOURED_MAX} channels`,
  ),
});
export type DashboardChange = z.infer<typeof DashboardChange>;
