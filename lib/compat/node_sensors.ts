import {
  type Component,
  devicesOf,
  measured,
  type NodeDevices,
  NodeRefusal,
} from "./node_components.ts";
import { unavailable } from "./node_controls.ts";
import { channelNames } from "./node_states.ts";

type Reply = Record<string, unknown>;

/** The older `GET /api/sensors/…`: members of both older nodes, `null` for what has no good value. */
export const SENSOR_ROUTES = ["all", "photodiodes", "temperature", "current"] as const;
export type SensorRoute = (typeof SENSOR_ROUTES)[number];

/** @throws {NodeRefusal} 503 when the component is missing; `all` leaves out what is missing. */
export function legacySensors(devices: NodeDevices, route: SensorRoute, nowMs: number): Reply {
  const values = (component: Component) => {
    const [view] = devicesOf(devices, component);
    return view === undefined ? null : {
      view,
      values: measured(view, nowMs).map(({ value }) => value),
    };
  };
  const required = (component: Component) => {
    const found = values(component);
    if (found === null) throw unavailable(component);
    return found;
  };
  switch (route) {
    case "photodiodes": {
      const { view, values: readings } = required("optical_density");
      return { status: "success", readings, labels: channelNames(view) };
    }
    case "temperature": {
      const { view, values: [temperature = null] } = required("temp_sensor");
      return {
        status: "success",
        temperature,
        // One vessel here; the older node had four, and two sensors at its pipes.
        vial_temperatures: [temperature],
        io_temperatures: [],
        vial_labels: [view.capability.channels[0]?.label ?? "temperature"],
        io_labels: [],
      };
    }
    case "current": {
      const { view, values: [current = null] } = required("peltier_current");
      return { status: "success", peltier_current: current, label: view.capability.label };
    }
    case "all": {
      const temperature = values("temp_sensor");
      const photodiodes = values("optical_density");
      const co2 = values("co2_sensor");
      const o2 = values("o2_sensor");
      const current = values("peltier_current");
      const first = (found: { values: (number | null)[] }) => found.values[0] ?? null;
      return {
        status: "success",
        ...(temperature === null ? {} : {
          temperature: first(temperature),
          vial_temperatures: [first(temperature)],
          io_temperatures: [],
        }),
        ...(photodiodes === null ? {} : { photodiodes: photodiodes.values }),
        ...(co2 === null ? {} : { co2_ppm: first(co2) }),
        ...(o2 === null ? {} : { o2_percent: first(o2) }),
        ...(current === null ? {} : { peltier_current: first(current) }),
      };
    }
  }
}

/** A route of the node that this instrument does not have: 404, as if it were not there. */
export function noRoute(component: string): NodeRefusal {
  return new NodeRefusal(
    404,
    "not_found",
    `There is no component "${component}" on this instrument`,
  );
}
