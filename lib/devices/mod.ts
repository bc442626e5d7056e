export { devicesApi } from "./api.ts";
export type { AgentSpec, Child, Spawn } from "./child.ts";
export type { CommandAsk, CommandGate } from "./commands.ts";
export type { Sandbox } from "./bwrap.ts";
export { commandProblem, describeRefusal } from "./problems.ts";
export type { SafeReport } from "./safety.ts";
export type { Stopped } from "./store.ts";
export {
  type AlarmSink,
  Devices,
  type DevicesOptions,
  type SimulatorRefusal,
  type StopReport,
} from "./service.ts";
export * from "./model.ts";
