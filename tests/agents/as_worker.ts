import { runWorker } from "../../agents/launch.ts";
import type { PermissionSet } from "../../agents/permissions.ts";

/** What `holdfast agent NAME` does in the compiled binary, for the test agent: `as_worker.ts PERMISSIONS`. */
if (import.meta.main) {
  const permissions: PermissionSet = JSON.parse(Deno.args[0]!);
  await runWorker({ module: new URL("./test_agent.ts", import.meta.url), permissions });
}
