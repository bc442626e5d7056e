export { alarmsApi } from "./api.ts";
export * from "./model.ts";
export { Alarms } from "./store.ts";
export type { AlarmAsk } from "./transitions.ts";
