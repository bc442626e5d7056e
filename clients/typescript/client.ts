import { isRecord } from "./errors.ts";
import { Api, type ApiOptions } from "./transport.ts";

export type Reply = Record<string, unknown>;
export type Colour = readonly [red: number, green: number, blue: number];

/** The HTTP calls of the original node, each returning its reply. */
export class BioreactorClient {
  readonly api: Api;

  constructor(options: ApiOptions = {}) {
    this.api = new Api(options);
  }

  get apiUrl(): string {
    return this.api.url;
  }
  getStatus(): Promise<Reply> {
    return this.#get("/api/status");
  }
  getSensors(): Promise<Reply> {
    return this.#get("/api/sensors/all");
  }
  getPhotodiodes(): Promise<Reply> {
    return this.#get("/api/sensors/photodiodes", "optical_density");
  }
  getTemperature(): Promise<Reply> {
    return this.#get("/api/sensors/temperature", "temp_sensor");
  }
  getCurrent(): Promise<Reply> {
    return this.#get("/api/sensors/current", "peltier_current");
  }
  getCo2(): Promise<Reply> {
    return this.#get("/api/v3/co2_sensor/state", "co2_sensor");
  }
  /** What this instrument has: facts by component. */
  getCapabilities(): Promise<Reply> {
    return this.#get("/api/v3/capabilities");
  }
  /** The reply of one component's state route, as it is. */
  getState(component: string): Promise<Reply> {
    return this.#get(`/api/v3/${component}/state`, component);
  }
  /** Sends one command to a component's control route. */
  control(component: string, body: Reply): Promise<Reply> {
    return this.#post(`/api/v3/${component}/control`, body, component);
  }
  controlLed(state: boolean): Promise<Reply> {
    return this.#post("/api/led", { state }, "led");
  }
  controlRingLight(color: Colour, pixel?: number): Promise<Reply> {
    const [red, green, blue] = color;
    const body = { red, green, blue, ...(pixel === undefined ? {} : { pixel_index: pixel }) };
    return this.#post("/api/ring-light", body, "ring_light");
  }
  controlPeltier(power: number, direction: "heat" | "cool"): Promise<Reply> {
    return this.#post("/api/peltier", { power, forward: direction === "heat" }, "peltier_driver");
  }
  controlPump(name: string, velocity: number): Promise<Reply> {
    return this.#post("/api/pump", { name, velocity }, `pumps/${name}`);
  }
  controlStirrer(dutyCycle: number): Promise<Reply> {
    return this.#post("/api/stirrer", { duty_cycle: dutyCycle }, "stirrer");
  }

  async #get(path: string, component: string | null = null): Promise<Reply> {
    return record(await this.api.get(path, { component }));
  }
  async #post(path: string, body: Reply, component: string): Promise<Reply> {
    return record(await this.api.post(path, body, { component }));
  }
}

/** The reply where it is an object; else one that says nothing. */
export function record(reply: unknown): Reply {
  return isRecord(reply) ? reply : {};
}
