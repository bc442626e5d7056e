import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "smol-toml";
import { describeRefusal, loadConfig } from "./config.ts";
import { ConfigFile } from "./config_schema.ts";
import { snakeCase } from "./config_mistakes.ts";
import { CONFIG_TEMPLATE } from "./config_template.ts";

function load(text: string) {
  const cwd = mkdtempSync(join(tmpdir(), "holdfast-template-"));
  writeFileSync(join(cwd, "holdfast.toml"), text);
  const loaded = loadConfig({ cwd, env: {} });
  assert(loaded.ok, loaded.ok ? "" : describeRefusal(loaded.refusal));
  const { data, ...config } = loaded.value.config;
  return { ...config, diskFloorMb: data.diskFloorMb };
}

const uncommented = CONFIG_TEMPLATE.replaceAll(/^# (\w+ = |\[\[)/gm, "$1");

Deno.test("what init writes changes nothing, with and without its comments taken away", () => {
  const defaults = load("");
  const all = load(uncommented);
  assert.equal(all.agents.length, 1);
  assert.equal(all.epu.folders.length, 1);
  assert.equal(all.epu.webhooks.length, 1);
  assert.equal(all.epu.authorities.length, 1);
  assert.deepEqual(all, {
    ...defaults,
    agents: all.agents,
    // Lists of tables show one entry each; an address of nobody cannot be written.
    epu: {
      ...defaults.epu,
      folders: all.epu.folders,
      webhooks: all.epu.webhooks,
      authorities: all.epu.authorities,
      athenaUrl: "http://athena.example.org:8080",
    },
    // The values shown that are no defaults: "none" cannot be written.
    experiments: {
      ...defaults.experiments,
      limits: { ...defaults.experiments.limits, wallMs: 86_400_000, cpuS: 36_000 },
    },
  });
  assert.deepEqual(load(CONFIG_TEMPLATE), defaults);
});

Deno.test("the template shows every key there is", () => {
  const shown = parse(uncommented) as Record<string, Record<string, unknown>>;
  const missing: string[] = [];
  const compare = (wanted: object, found: Record<string, unknown> | undefined, path: string) => {
    for (const [key, value] of Object.entries(wanted)) {
      const here = `${path}${snakeCase(key)}`;
      const inner = found?.[snakeCase(key)];
      if (inner === undefined) missing.push(here);
      else if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        compare(value, inner as Record<string, unknown>, `${here}.`);
      }
    }
  };
  compare(ConfigFile.parse({ simulation: { enabled: true } }), shown, "");
  assert.deepEqual(missing, []);
});
