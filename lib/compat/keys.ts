/** `["compat", "node_run", name]`: id of the experiment that a client of the node calls `name`. */
export function nodeRunKey(name: string): Deno.KvKey {
  return ["compat", "node_run", name];
}

/** `["compat", "dashboard"]`: `DashboardSettings`. */
export const dashboardKey: Deno.KvKey = ["compat", "dashboard"];
