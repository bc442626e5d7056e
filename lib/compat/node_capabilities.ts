import type { DeviceView } from "../devices/model.ts";
import {
  ACTUATORS,
  type Component,
  COMPONENTS,
  devicesOf,
  limitsOf,
  nameOf,
  type NodeDevices,
} from "./node_components.ts";
import { channelNames } from "./node_states.ts";

type Reply = Record<string, unknown>;

/** `GET /api/v3/capabilities`: the originals' members, with this instrument's own counts, names and ranges. */
export function capabilitiesReply(devices: NodeDevices): Reply {
  const found: Reply = {};
  for (const component of COMPONENTS) {
    const views = devicesOf(devices, component);
    if (views.length > 0) found[component] = capability(component, views);
  }
  return found;
}

/** `GET /api/capabilities` of the rewrite: where each component's routes are. */
export function routesReply(devices: NodeDevices): Reply {
  const found: Reply = {};
  for (const component of COMPONENTS) {
    if (devicesOf(devices, component).length === 0) continue;
    const state = `/api/${component}/state`;
    found[component] = (ACTUATORS as readonly string[]).includes(component)
      ? { type: "actuator", control: `/api/${component}/control`, state }
      : { type: "sensor", state };
  }
  return found;
}

function capability(component: Component, views: readonly DeviceView[]): Reply {
  const view = views[0]!;
  const { description, channels, facts } = view.capability;
  const range = (op: string, argument: string) => {
    const { ge = 0, le = 100 } = limitsOf(view, op, argument);
    return [ge, le];
  };
  switch (component) {
    case "led":
      return {
        type: "actuator",
        control_type: "pwm",
        parameters: ["power"],
        power_range: range("set", "power"),
        description,
      };
    case "stirrer":
      return {
        type: "actuator",
        control_type: "pwm",
        parameters: ["duty_cycle"],
        duty_range: range("set", "duty"),
        description,
      };
    case "peltier_driver": {
      const { ge = -100, le = 100 } = limitsOf(view, "set", "power");
      return {
        type: "actuator",
        control_type: "pwm_directional",
        parameters: ["duty_cycle", "direction"],
        duty_range: [0, 100],
        directions: ["heat", "cool", "forward", "reverse"],
        heat_max: le,
        cool_max: -ge,
        description,
      };
    }
    case "ring_light":
      return {
        type: "actuator",
        control_type: "rgb_addressable",
        parameters: ["red", "green", "blue", "pixel_index"],
        color_range: [0, 255],
        pixel_count: facts.pixel_count ?? null,
        description,
      };
    case "pumps": {
      const { ge = 0, le } = limitsOf(view, "set", "flow");
      return {
        type: "actuator",
        control_type: "stepper",
        parameters: ["pump_name", "velocity"],
        available_pumps: views.map(nameOf),
        velocity_units: "mL/s",
        velocity_range: [ge, le ?? null],
        description,
      };
    }
    case "relays":
      return {
        type: "actuator",
        control_type: "relay",
        parameters: ["relay_name", "command"],
        available_relays: views.map(nameOf),
        commands: ["open", "closed", "toggle"],
        description,
      };
    case "temp_sensor":
      return {
        type: "sensor",
        sensor_type: "temperature",
        count: channels.length,
        unit: "celsius",
        description,
      };
    case "ambient_temp":
      return { type: "sensor", sensor_type: "temperature", count: 1, unit: "celsius", description };
    case "optical_density":
      return {
        type: "sensor",
        sensor_type: "optical_density",
        count: channels.length,
        channels: channelNames(view),
        unit: "volts",
        description,
      };
    case "eyespy_adc":
      return {
        type: "sensor",
        sensor_type: "adc",
        channels: channels.length,
        boards: channelNames(view),
        resolution: facts.resolution ?? "16-bit",
        unit: "volts",
        description,
      };
    case "co2_sensor":
      return { type: "sensor", sensor_type: "co2", unit: "ppm", description };
    case "o2_sensor":
      return { type: "sensor", sensor_type: "o2", unit: "percent", description };
    case "peltier_current":
      return { type: "sensor", sensor_type: "current", unit: "amps", description };
  }
}
