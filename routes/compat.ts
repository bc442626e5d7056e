import { Hono } from "hono";
import type { NodeDevices } from "../lib/compat/mod.ts";
import type { Coordination } from "../lib/coordination/mod.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import type { Kv } from "../lib/kv.ts";
import { coordinationCompat, locksFaceOnly } from "./compat_coordination.ts";
import { hubCompat } from "./compat_hub.ts";
import { nodeCompat } from "./compat_node.ts";
import { nodeRunsCompat } from "./compat_node_runs.ts";
import { webCompat, type WebSources } from "./compat_web.ts";

/** The part of the instrument the originals' paths need. */
export interface OriginalsSources extends WebSources {
  readonly devices: NodeDevices;
  readonly config: WebSources["config"] & {
    readonly compat: { readonly pumpNames: readonly string[] };
  };
  readonly kv: Kv;
  readonly coordination: Coordination;
}

/**
 * The paths of the bioreactor's systems and of the lock service that Holdfast replaces, on every port. Where they gave one path different meanings,
 * the listener's face decides; without one the hub's shape stands.
 */
export function originals(sources: OriginalsSources): Hono<HoldfastEnv> {
  return new Hono<HoldfastEnv>()
    .route("/", coordinationCompat(sources.coordination))
    .route("/", webCompat(sources))
    .route("/", nodeRunsCompat(sources))
    .route("/", hubCompat(sources.experiments))
    .route("/", nodeCompat(sources))
    .route("/", locksFaceOnly());
}
