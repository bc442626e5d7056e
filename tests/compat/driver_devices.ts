import { DeviceError, type Driver } from "../../drivers/driver.ts";
import {
  Capability,
  type CommandRefusal,
  type DeviceState,
  type DeviceView,
  type Holder,
  Reading,
} from "../../lib/devices/model.ts";
import type { NodeDevices } from "../../lib/compat/mod.ts";
import { accept, refuse, type Result } from "../../lib/result.ts";
import { rig } from "../drivers/simulated_rig.ts";

const NO_SIGNAL = new AbortController().signal;
type Ask = Parameters<NodeDevices["command"]>[0];

/** The simulated bioreactor's drivers in this process, on a clock the test moves: every value repeats. */
export class DriverDevices implements NodeDevices {
  readonly rig: ReturnType<typeof rig>;
  readonly asked: Ask[] = [];
  #readings = new Map<string, Reading[]>();
  #states = new Map<string, DeviceState>();
  #holders = new Map<string, Holder>();

  private constructor(
    config: Record<string, unknown>,
    private readonly without: readonly string[],
  ) {
    this.rig = rig(config);
  }

  /** `without` leaves components out. */
  static async open(
    config: Record<string, unknown> = {},
    without: readonly string[] = [],
  ): Promise<DriverDevices> {
    const devices = new DriverDevices(config, without);
    for (const driver of devices.#drivers()) await driver.start();
    await devices.sample();
    return devices;
  }

  /** As the agent's samplers: one reading of every device. */
  async sample(): Promise<void> {
    for (const driver of this.#drivers()) {
      const { channels, deviceId } = Capability.parse(driver.capability);
      const found = await driver.read(NO_SIGNAL);
      this.#readings.set(
        deviceId,
        found.map((one) =>
          Reading.parse({
            ...one,
            deviceId,
            unit: channels.find(({ id }) => id === one.channel)!.unit,
            atMs: this.rig.clock.nowMs(),
          })
        ),
      );
    }
  }

  hold(deviceId: string, holder: Holder): void {
    this.#holders.set(deviceId, holder);
  }

  list(): DeviceView[] {
    return this.#drivers().map((driver) => {
      const capability = Capability.parse(driver.capability);
      const { deviceId } = capability;
      return {
        capability,
        state: this.#states.get(deviceId) ?? this.#state(driver, "system", null),
        readings: this.#readings.get(deviceId) ?? [],
        holder: this.#holders.get(deviceId) ?? null,
      };
    });
  }

  async command(ask: Ask): Promise<Result<DeviceState, CommandRefusal>> {
    this.asked.push(ask);
    const { deviceId, op, args, actor } = ask;
    const holder = this.#holders.get(deviceId);
    if (holder !== undefined && holder.actor !== actor) {
      return refuse({ kind: "held", deviceId, holder });
    }
    const driver = this.rig.driver(deviceId);
    try {
      await driver.command(op, args, NO_SIGNAL);
    } catch (error) {
      if (error instanceof DeviceError) {
        const { code, message: text } = error;
        const failed = code === "volume_limit" || code.startsWith("guard") ? null : { code, text };
        this.#states.set(deviceId, this.#state(driver, actor, failed));
        return refuse({ kind: "fault", deviceId, code, text });
      }
      const { errors } = error as { errors?: { path: string; message: string }[] };
      if (errors === undefined) throw error;
      return refuse({ kind: "invalid-args", deviceId, errors });
    }
    const state = this.#state(driver, actor, null);
    this.#states.set(deviceId, state);
    return accept(state);
  }

  #state(
    driver: Driver,
    actor: string,
    failed: { code: string; text: string } | null,
  ): DeviceState {
    const atMs = this.rig.clock.nowMs();
    const { setpoint, readback, safe } = driver.state();
    return {
      deviceId: driver.capability.deviceId,
      status: failed === null ? "ready" : "fault",
      setpoint,
      readback,
      safe,
      actor,
      atMs,
      lastError: failed === null ? null : { ...failed, atMs },
    };
  }

  #drivers(): Driver[] {
    return this.rig.drivers.filter(({ capability }) =>
      !this.without.includes(String(capability.component))
    );
  }
}
