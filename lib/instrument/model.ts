import type { Alarm } from "../alarms/model.ts";
import type { Holder } from "../devices/model.ts";

/** The instrument's one state, as the top bar shows it. */
export const INSTRUMENT_STATES = [
  "starting",
  "idle",
  "running",
  "holding",
  "stopped",
  "fault",
] as const;
export type InstrumentState = (typeof INSTRUMENT_STATES)[number];

/** What the top bar and `GET /api/v1/status` say. */
export interface InstrumentStatus {
  readonly name: string;
  /** Colour of the stripe beside the name, `#rrggbb`: tells two instruments apart at a glance. */
  readonly stripe: string;
  readonly simulated: boolean;
  readonly state: InstrumentState;
  readonly holder: Holder | null;
  readonly alarms: Alarm[];
  readonly stopped:
    | { readonly sinceMs: number; readonly actor: string; readonly reason: string }
    | null;
  readonly version: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
}

/** Chosen in Settings, kept in the cookie `theme`. */
export const THEMES = ["system", "light", "dark", "darkroom"] as const;
export type Theme = (typeof THEMES)[number];
