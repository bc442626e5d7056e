import { type Reply } from "./client.ts";
import {
  CommandFailed,
  DeviceHeld,
  InstrumentStopped,
  isRecord,
  NotAllowed,
  OutOfRange,
  SensorFault,
  UnknownComponent,
} from "./errors.ts";
import { number, type Reading } from "./readings.ts";
import { REAL_TIME, realWait } from "./real_time.ts";
import type { Api, CallOptions } from "./transport.ts";

export type RelayState = "open" | "closed";

/** A device as the runtime's own API shows it; only what is used here. */
interface View {
  readonly capability: { deviceId: string; component: string; facts?: Record<string, unknown> };
  readonly state?: { readback?: Record<string, unknown> | null };
  readonly readings?: readonly Record<string, unknown>[];
}

/** What the original node never offered: relays, doses, every reading with its age and quality. */
export class Native {
  #ids: Map<string, string> | null = null;

  constructor(private readonly api: Api) {}

  async relayState(name: string): Promise<RelayState> {
    const { id, label } = await this.#find("relays", name);
    return isClosed(await this.#view(id, label), label) ? "closed" : "open";
  }

  async changeRelay(name: string, state: RelayState | "toggle"): Promise<RelayState> {
    const { id, label } = await this.#find("relays", name);
    if (state !== "open" && state !== "closed" && state !== "toggle") {
      throw new OutOfRange(
        `Cannot set ${label} to "${String(state)}": it must be "open", "closed" or "toggle"`,
        { component: label, code: "out_of_range" },
      );
    }
    const closed = state === "toggle"
      ? !isClosed(await this.#view(id, label), label)
      : state === "closed";
    await this.#command(id, label, "set", { closed });
    return closed ? "closed" : "open";
  }

  async relayDose(name: string, seconds: number): Promise<void> {
    const { id, label } = await this.#find("relays", name);
    await this.#command(id, label, "pulse", { seconds });
    await this.#awaitEnd(id, label, seconds, (view) => !isClosed(view, label));
  }

  async dose(pump: string, ml: number, mlPerS?: number): Promise<number> {
    const { id, label } = await this.#find("pumps", pump);
    const args = { volume: ml, ...(mlPerS === undefined ? {} : { flow: mlPerS }) };
    const reply = await this.#command(id, label, "dose", args);
    const setpoint = isRecord(reply) && isRecord(reply.setpoint) ? reply.setpoint : {};
    const flow = number(setpoint.flow) || mlPerS || 0.01;
    await this.#awaitEnd(id, label, ml / flow, doseEnded);
    const dose = (await this.#view(id, label)).state?.readback?.dose;
    const doneMl = isRecord(dose) ? number(dose.done_ml) : null;
    if (doneMl !== null && doneMl < ml * 0.99) {
      throw new CommandFailed(
        `The dose of ${ml} ml by ${label} ended after ${doneMl} ml`,
        { component: label, code: "dose_cut_short" },
      );
    }
    return doneMl ?? ml;
  }

  /** Opens every relay; what failed comes back. */
  async restRelays(timeoutMs: number): Promise<{ name: string; error: unknown }[]> {
    const failures: { name: string; error: unknown }[] = [];
    let views: View[];
    try {
      views = await this.#views({ timeoutMs, patienceMs: 0 });
    } catch (error) {
      // An original node has no relays to ask for.
      return error instanceof UnknownComponent ? [] : [{ name: "relays", error }];
    }
    for (const { capability } of views) {
      if (capability.component !== "relays") continue;
      const name = `relays/${nameOf(capability)}`;
      try {
        const options = { timeoutMs, patienceMs: 0 };
        await this.#command(capability.deviceId, name, "set", { closed: false }, options);
      } catch (error) {
        if (isAtRest(error)) continue; // somebody else's, or open already
        failures.push({ name, error });
      }
    }
    return failures;
  }

  async getAll(maxAgeS?: number): Promise<Record<string, Reading>> {
    const nowMs = REAL_TIME.now();
    const found: Record<string, Reading> = {};
    for (const { readings = [] } of await this.#views()) {
      for (const raw of readings) {
        found[`${raw.deviceId}.${raw.channel}`] = toReading(raw, nowMs, maxAgeS);
      }
    }
    return found;
  }

  /** Waits for a timed act of the device, which ends it by itself. */
  async #awaitEnd(
    id: string,
    label: string,
    seconds: number,
    ended: (view: View) => boolean,
  ): Promise<void> {
    // True time bounds the wait: a rehearsal's instrument may run slower than its script.
    const deadlineMs = REAL_TIME.monotonicMs() + seconds * 1250 + 10_000;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    while (!ended(await this.#view(id, label))) {
      if (REAL_TIME.monotonicMs() > deadlineMs) {
        throw new CommandFailed(
          `${label} should have come to rest after ${seconds} s and has not`,
          { component: label, code: "timeout" },
        );
      }
      await realWait(100);
    }
  }

  async #views(options?: CallOptions): Promise<View[]> {
    const reply = await this.api.get("/api/v1/devices", options);
    const views = (isRecord(reply) ? reply.devices : reply) as View[];
    this.#ids = new Map(views.flatMap(({ capability }) => {
      const { component, deviceId } = capability;
      return [[`${component}/${deviceId}`, deviceId], [
        `${component}/${nameOf(capability)}`,
        deviceId,
      ]];
    }));
    return views;
  }

  async #find(component: string, name: string): Promise<{ id: string; label: string }> {
    const label = `${component}/${name}`;
    let id = this.#ids?.get(label);
    if (id === undefined) {
      const views = await this.#views();
      id = this.#ids?.get(label);
      if (id === undefined) {
        const known = views.filter((view) => view.capability.component === component)
          .map(({ capability }) => nameOf(capability)).sort();
        throw new UnknownComponent(
          `This instrument has no ${component.replace(/s$/, "")} "${name}": ` +
            `it has ${known.join(", ") || "none"}`,
          { component: label, code: "device_unknown" },
        );
      }
    }
    return { id, label };
  }

  async #view(id: string, label: string): Promise<View> {
    const path = `/api/v1/devices/${encodeURIComponent(id)}`;
    return await this.api.get(path, { component: label }) as View;
  }

  #command(
    id: string,
    label: string,
    op: string,
    args: Reply,
    options: CallOptions = {},
  ): Promise<unknown> {
    return this.api.post(`/api/v1/devices/${encodeURIComponent(id)}/commands`, { op, args }, {
      component: label,
      headers: { "idempotency-key": crypto.randomUUID() },
      ...options,
    });
  }
}

/** Answers to a command to rest that need no action: somebody else's, stopped already, not there. */
export function isAtRest(error: unknown): boolean {
  return error instanceof DeviceHeld || error instanceof NotAllowed ||
    error instanceof InstrumentStopped || error instanceof UnknownComponent;
}

/** What scripts call it: `inflow`, `relay_1`; a device without such a name goes by its id. */
function nameOf({ facts = {}, deviceId }: View["capability"]): string {
  for (const key of ["pump_name", "relay_name", "name"]) {
    const name = facts[key];
    if (typeof name === "string") return name;
  }
  return deviceId;
}

function isClosed(view: View, label: string): boolean {
  const closed = view.state?.readback?.closed ??
    view.readings?.find((one) => one.channel === "closed")?.value;
  if (typeof closed === "boolean") return closed;
  throw new SensorFault(`Cannot tell whether ${label} is closed: it does not report`, {
    component: label,
    code: "no_value",
  });
}

function doseEnded(view: View): boolean {
  const { dose, flow } = view.state?.readback ?? {};
  if (isRecord(dose) && typeof dose.running === "boolean") return !dose.running;
  return number(flow) === 0;
}

function toReading(raw: Record<string, unknown>, nowMs: number, maxAgeS?: number): Reading {
  const atMs = number(raw.atMs) ?? 0;
  const ageS = Math.max(0, (nowMs - atMs) / 1000);
  let quality = raw.quality as Reading["quality"];
  let value = raw.value as Reading["value"];
  if (quality !== "good" && quality !== "suspect") value = null;
  else if (maxAgeS !== undefined && ageS > maxAgeS) {
    value = null;
    quality = "stale";
  }
  return {
    value: value ?? null,
    unit: typeof raw.unit === "string" ? raw.unit : "",
    at: new Date(atMs),
    ageS,
    quality,
    code: typeof raw.code === "string" ? raw.code : null,
  };
}
