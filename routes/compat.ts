import { Hono } from "hono";
import type { HoldfastEnv } from "../lib/http.ts";
import type { Instrument } from "../lib/instrument/mod.ts";
import { hubCompat } from "./compat_hub.ts";
import { nodeCompat } from "./compat_node.ts";
import { nodeRunsCompat } from "./compat_node_runs.ts";

/**
 * The paths of the systems Holdfast replaces, on every port. Where they gave one path different meanings,
 * the listener's face decides; without one the hub's shape stands.
 */
export function originals(
  { experiments, devices, clock, kv }: Pick<
    Instrument,
    "experiments" | "devices" | "clock" | "kv"
  >,
): Hono<HoldfastEnv> {
  return new Hono<HoldfastEnv>()
    .route("/", nodeRunsCompat({ experiments, kv }))
    .route("/", hubCompat(experiments))
    .route("/", nodeCompat({ devices, clock }));
}
