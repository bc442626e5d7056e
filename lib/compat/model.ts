import { z } from "zod";

/** The systems Holdfast replaces, each on a port of its own: where they gave one path different meanings, the port decides. */
export const FACES = ["web", "hub", "node", "locks"] as const;
export type Face = (typeof FACES)[number];

/** Where the originals listen. */
export const FACE_PORTS: Readonly<Record<Face, number>> = {
  web: 3000,
  hub: 8000,
  node: 9000,
  locks: 60620,
};

/** What the originals' dashboard can show, in their words. */
export const DASHBOARD_COMPONENTS = [
  "co2_sensor",
  "temperature",
  "photodiodes",
  "peltier_current",
] as const;
export type DashboardComponent = (typeof DASHBOARD_COMPONENTS)[number];

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

/** What may be sent: any part of the settings, and nothing else. */
export const DashboardChange = z.strictObject({
  display_components: z.strictObject(DashboardSettings.shape.display_components.shape).partial()
    .optional(),
  update_interval: z.number().min(0.5).max(3600).optional(),
  csv_file_path: z.string().max(500).optional(),
});
export type DashboardChange = z.infer<typeof DashboardChange>;
