import type { TableDevice } from "../../islands/DeviceTable.tsx";
import type { DeviceView } from "../../lib/devices/mod.ts";

/** A device as the table needs it: schemas and lists of pixels stay on the server. */
export function tableDevice({ capability, state, readings, holder }: DeviceView): TableDevice {
  const { deviceId, label, bus, channels, description } = capability;
  const { status, setpoint, lastError } = state;
  return {
    capability: { deviceId, label, bus, channels, description },
    state: { status, setpoint, lastError },
    readings,
    holder,
  };
}
