import type { OpenAPIHono } from "@hono/zod-openapi";
import { alarmsApi } from "../lib/alarms/mod.ts";
import { authApi } from "../lib/auth/mod.ts";
import { devicesApi } from "../lib/devices/mod.ts";
import {
  epuAcquisitionsApi,
  epuApi,
  epuDecisionsApi,
  epuImagesApi,
  epuResultsApi,
  epuSteeringApi,
} from "../lib/epu/mod.ts";
import { eventsApi } from "../lib/events_api.ts";
import { experimentsApi } from "../lib/experiments/mod.ts";
import { createApi, type HoldfastEnv } from "../lib/http.ts";
import { type Instrument, instrumentApi } from "../lib/instrument/mod.ts";
import { commandActor, locksApi } from "../lib/locks/mod.ts";
import { streamApi, telemetryApi } from "../lib/telemetry/mod.ts";

/** Where the native API stands. */
export const API_BASE = "/api/v1";

/** Every domain's router below `API_BASE`; what they describe makes `/api/openapi.json`. */
export function nativeApi(instrument: Instrument): OpenAPIHono<HoldfastEnv> {
  const { devices, telemetry, stream, clock, events, alarms, auth, experiments } = instrument;
  const { locks, lockFeeds } = instrument;
  const unitOf = (deviceId: string, channel: string) =>
    devices.view(deviceId)?.capability.channels.find(({ id }) => id === channel)?.unit ?? null;
  const api = createApi();
  api.route("/", instrumentApi(instrument));
  api.route(
    "/",
    devicesApi(devices, (deviceId, principal, header) =>
      commandActor(locks, principal, deviceId, {
        key: header("x-lock-key"),
        client: header("x-lock-client"),
      })),
  );
  api.route("/", locksApi(locks, lockFeeds, auth));
  api.route("/", telemetryApi(telemetry, clock, unitOf));
  api.route("/", streamApi(stream));
  api.route("/", eventsApi(events));
  api.route("/", alarmsApi(alarms));
  api.route("/", experimentsApi(experiments));
  api.route("/", authApi(auth));
  api.route("/", epuApi(instrument.epu));
  api.route("/", epuImagesApi(instrument.epu));
  const { epu, steering } = instrument;
  api.route("/", epuAcquisitionsApi(epu, steering.decisions, clock));
  api.route("/", epuResultsApi(epu, steering.results));
  api.route("/", epuDecisionsApi(epu, steering.decisions));
  api.route("/", epuSteeringApi(steering));
  return api;
}
