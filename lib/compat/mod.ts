export * from "./model.ts";
export { BodyFaults, notJson, optional, readBody, text } from "../fastapi.ts";
export { capabilitiesReply, routesReply } from "./node_capabilities.ts";
export {
  type Actuator,
  ACTUATORS,
  type Caller,
  type Component,
  COMPONENTS,
  type NodeDevices,
  NodeRefusal,
} from "./node_components.ts";
export {
  type Control,
  control,
  LEGACY_ROUTES,
  legacyControl,
  unavailable,
} from "./node_controls.ts";
export { liveValues } from "./live_values.ts";
export { NodeRuns } from "./node_runs.ts";
export { legacySensors, noRoute, SENSOR_ROUTES } from "./node_sensors.ts";
export { healthReply, stateReply, statusReply, wholeState } from "./node_states.ts";
export {
  type Asker,
  askerOwner,
  assertTheirs,
  CHANGES,
  done,
  type OldChange,
  RunChanges,
  RunRefusal,
  submitRefusal,
} from "./run_changes.ts";
export { hubView, nodeLine, nodeView, ownerShown, queueView } from "./run_words.ts";
export { Compat } from "./service.ts";
