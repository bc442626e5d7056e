import { createDefine } from "fresh";
import type { Principal } from "../auth/model.ts";
import type { Instrument } from "./instrument.ts";
import type { Theme } from "./model.ts";

export type { Instrument } from "./instrument.ts";
export { instrumentApi } from "./api.ts";
export * from "./model.ts";
export { type InstrumentOptions, openInstrument } from "./open.ts";

/** What every page finds in `ctx.state`. */
export interface State {
  instrument: Instrument;
  principal: Principal;
  theme: Theme;
}

/** Typed helpers for pages: `define.page`, `define.handlers`, `define.middleware`. */
export const define = createDefine<State>();
