import type { ComponentType } from "preact";
import { setBuildId } from "../build_id.ts";
import type { PageData } from "../island_collector.ts";
import { hydrateIslands, revive } from "./revive.ts";

/** Reads the page's data, loads the bundles of its islands and brings them to life. */
async function boot(): Promise<void> {
  const text = document.getElementById("__FRSH_STATE")?.textContent;
  if (text === null || text === undefined) return;
  const data = JSON.parse(text) as PageData;
  setBuildId(data.build);
  const modules = await Promise.all(
    data.modules.map((url) =>
      import(url).catch((error) => {
        // The other islands still work; this one stays as the server rendered it.
        console.error(`Cannot load ${url}`, error);
        return null;
      })
    ),
  );
  const components = data.islands.map(([module, name]) =>
    (modules[module]?.[name] ?? null) as ComponentType<Record<string, unknown>> | null
  );
  hydrateIslands(revive(data.props), components);
  performance.mark("frsh:hydrated");
}

await boot();
