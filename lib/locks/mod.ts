export { Locks, RESTART_GRACE_MS } from "./store.ts";
export * from "./model.ts";
