export { hubStatus, hubView, naive, nodeStatus } from "./hub_views.ts";
export { BodyFaults, notJson, readBody, text } from "./fastapi.ts";
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
export { legacySensors, noRoute, SENSOR_ROUTES } from "./node_sensors.ts";
export { healthReply, stateReply, statusReply, wholeState } from "./node_states.ts";
