import { Hono } from "hono";
import type { HoldfastEnv } from "../lib/http.ts";
import type { Instrument } from "../lib/instrument/mod.ts";
import { hubCompat } from "./compat_hub.ts";
import { nodeCompat } from "./compat_node.ts";

/**
 * The paths of the systems Holdfast replaces, on the one port. Where the hub and the node of the
 * bioreactor used the same path, the hub's shape stands.
 */
export function originals(
  { experiments, devices, clock }: Pick<Instrument, "experiments" | "devices" | "clock">,
): Hono<HoldfastEnv> {
  return new Hono<HoldfastEnv>()
    .route("/", hubCompat(experiments))
    .route("/", nodeCompat({ devices, clock }));
}
