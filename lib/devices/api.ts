import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { actorOf, type Principal } from "../auth/model.ts";
import { createApi, type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import type { Result } from "../result.ts";
import { commandProblem } from "./problems.ts";
import {
  addFaultRoute,
  agentsRoute,
  ClearBody,
  clearFaultRoute,
  clearFaultsRoute,
  clearRoute,
  commandRoute,
  faultsRoute,
  listRoute,
  oneRoute,
  readTimeScaleRoute,
  StopBody,
  stopRoute,
  timeScaleRoute,
} from "./routes.ts";
import type { Devices } from "./service.ts";
import type { SimulatorRefusal } from "./simulators.ts";

const FORM = /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i;

/** STOP waits no longer for its own body. */
const BODY_MS_MAX = 100;

/** As whom a command to a device is judged; `header` gives what came with it. */
export type CommandActor = (
  deviceId: string,
  principal: Principal,
  header: (name: string) => string | undefined,
) => string;

/** Devices, STOP, agents and the simulator; to be mounted at `/api/v1`. Roles stand in `lib/access.ts`. */
export function devicesApi(
  devices: Devices,
  commandActor: CommandActor = (_deviceId, principal) => actorOf(principal),
): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  api.openapi(listRoute, (c) => c.json({ devices: devices.list() }, 200));

  api.openapi(oneRoute, (c) => {
    const { id } = c.req.valid("param");
    const view = devices.view(id);
    if (view === null) throw commandProblem({ kind: "device-unknown", deviceId: id });
    return c.json(view, 200);
  });

  api.openapi(commandRoute, async (c) => {
    const { op, args } = c.req.valid("json");
    const idempotencyKey = c.req.valid("header")["idempotency-key"];
    const deviceId = c.req.valid("param").id;
    const done = await devices.command({
      deviceId,
      op,
      args,
      actor: commandActor(deviceId, c.get("principal"), (name) => c.req.header(name)),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      signal: c.req.raw.signal,
    });
    if (!done.ok) throw commandProblem(done.refusal);
    return c.json(done.value, 200);
  });

  api.openapi(agentsRoute, (c) => c.json({ agents: devices.agents() }, 200));

  // No validator stands before these two: STOP stops whatever the body is.
  api.openAPIRegistry.registerPath(stopRoute);
  api.post("/stop", async (c) => {
    const reason = await stopReason(c);
    const report = await devices.stop(actorOf(c.get("principal")), reason);
    return isForm(c) ? c.redirect(backTo(c), 303) : c.json(report, 200);
  });

  api.openAPIRegistry.registerPath(clearRoute);
  api.post("/stop/clear", async (c) => {
    const { reason } = await bodyOf(c, ClearBody);
    await devices.clearStop(actorOf(c.get("principal")), reason);
    return isForm(c) ? c.redirect(backTo(c), 303) : c.json({ stopped: devices.stopped() }, 200);
  });

  api.openapi(faultsRoute, async (c) => {
    const answers = answered(await devices.simulate("faults", {}));
    const faults = answers.flatMap(({ faults }) => faults);
    return c.json({
      faults: faults as { id: number; deviceId: string; kind: string; active: boolean }[],
    }, 200);
  });

  api.openapi(addFaultRoute, async (c) => {
    const ask = c.req.valid("json");
    const on = ask.deviceId === "*" ? undefined : ask.deviceId;
    const [fault] = answered(await devices.simulate("fault", ask, on));
    return c.json(fault as { id: number; deviceId: string; kind: string }, 201);
  });

  api.openapi(clearFaultsRoute, async (c) => {
    return c.json(
      { cleared: clearedOf(answered(await devices.simulate("clear-faults", {}))) },
      200,
    );
  });

  api.openapi(clearFaultRoute, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(
      { cleared: clearedOf(answered(await devices.simulate("clear-faults", { id }))) },
      200,
    );
  });

  api.openapi(timeScaleRoute, async (c) => {
    const [scale] = answered(await devices.simulate("time-scale", c.req.valid("json")));
    return c.json(scale as { scale: number }, 200);
  });

  api.openapi(readTimeScaleRoute, async (c) => {
    const [scale] = answered(await devices.simulate("time-scale", {}));
    return c.json(scale as { scale: number }, 200);
  });

  return api;
}

function isForm(c: Context<HoldfastEnv>): boolean {
  return FORM.test(c.req.header("content-type") ?? "");
}

/** The reason in the body when one can be read there; no body, however wrong or slow, keeps STOP from stopping. */
async function stopReason(c: Context<HoldfastEnv>): Promise<string> {
  const slow = Promise.withResolvers<null>();
  const timer = setTimeout(() => slow.resolve(null), BODY_MS_MAX);
  try {
    const read = isForm(c) ? c.req.parseBody() : c.req.json();
    const body = await Promise.race([read, slow.promise]);
    const parsed = StopBody.safeParse(body);
    if (parsed.success && parsed.data.reason !== undefined) return parsed.data.reason;
  } catch {
    // Empty, cut off or not what it says it is.
  } finally {
    clearTimeout(timer);
  }
  return "STOP was pressed";
}

/** JSON or form. @throws {Problem} malformed-body, unsupported-media-type, invalid-request */
async function bodyOf<S extends z.ZodType>(
  c: Context<HoldfastEnv>,
  schema: S,
): Promise<z.output<S>> {
  const form = isForm(c);
  if (!form && !/\bjson\b/i.test(c.req.header("content-type") ?? "")) {
    throw new Problem("unsupported-media-type", "Send JSON or a form");
  }
  let body: unknown;
  try {
    body = form ? await c.req.parseBody() : await c.req.json();
  } catch (cause) {
    throw new Problem("malformed-body", "The body cannot be read", {}, { cause });
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalidRequest(parsed.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    message,
    in: form ? "form" : "json",
  })));
}

/** The page a form came from, as a path of this site; `/` when it does not say or says another site. */
function backTo(c: Context<HoldfastEnv>): string {
  const referer = c.req.header("referer");
  if (referer === undefined || !URL.canParse(referer)) return "/";
  const { host, pathname, search } = new URL(referer);
  const own = c.req.header("host") ?? new URL(c.req.url).host;
  return host === own && !pathname.startsWith("//") ? pathname + search : "/";
}

function clearedOf(answers: readonly Record<string, unknown>[]): number {
  return answers.reduce((sum, { cleared }) => sum + Number(cleared), 0);
}

/** @throws {Problem} */
function answered(
  result: Result<Record<string, unknown>[], SimulatorRefusal>,
): Record<string, unknown>[] {
  if (result.ok) return result.value;
  const { refusal } = result;
  switch (refusal.kind) {
    case "no-simulator":
      throw new Problem("not-found", "No simulator runs here that could do this");
    case "device-unknown":
      throw commandProblem(refusal);
    case "offline":
      throw new Problem(
        "device-offline",
        `Agent "${refusal.agent}" does not answer: ${refusal.text}`,
      );
    case "invalid":
      throw invalidRequest(refusal.errors);
  }
}
