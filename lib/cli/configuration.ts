import { writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { stringify } from "smol-toml";
import { maskConfig } from "../config.ts";
import { snakeCase } from "../config_mistakes.ts";
import { CONFIG_TEMPLATE } from "../config_template.ts";
import { CommandFailed, type CommandSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { settingsOf } from "./settings.ts";

export const init: CommandSpec = {
  name: "init",
  summary: "Write a commented holdfast.toml",
  positionals: "[FILE]",
  options: { force: { help: "Replace a file that is there" } },
  // deno-lint-ignore require-await
  async run(args, host) {
    const file = resolve(host.cwd, args.positionals[0] ?? "holdfast.toml");
    try {
      writeFileSync(file, CONFIG_TEMPLATE, { flag: args.flag("force") ? "w" : "wx" });
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      throw new CommandFailed(
        EXIT.failed,
        code === "EEXIST"
          ? `"${file}" is there already; --force replaces it`
          : code === "ENOENT"
          ? `There is no folder "${dirname(file)}"`
          : `Cannot write "${file}": ${message}`,
      );
    }
    host.out(file);
    host.err('Written. Every key is explained in it; check changes with "holdfast config"');
    return EXIT.ok;
  },
};

export const config: CommandSpec = {
  name: "config",
  summary: "Check the configuration and show what is in effect, secrets masked",
  options: { json: { help: "As JSON, with the names that the interface uses" } },
  // deno-lint-ignore require-await
  async run(args, host) {
    const loaded = settingsOf(args, host);
    const shown = maskConfig(loaded.config);
    for (const warning of loaded.warnings) host.err(`Warning: ${warning}`);
    if (args.flag("json")) host.out(JSON.stringify(shown, null, 2));
    else {
      host.out(`# ${loaded.file ?? "no file: defaults and environment"}`);
      host.out(stringify(snakeTable(shown) as Record<string, unknown>).trimEnd());
    }
    return EXIT.ok;
  },
};

/** As the file spells it; what is null has no spelling and is left out, what is an agent's own is left alone. */
function snakeTable(value: unknown, path = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => snakeTable(item, path));
  if (value === null || typeof value !== "object" || path === "agents.config") return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => inner !== null).map(([key, inner]) => [
      snakeCase(key),
      snakeTable(inner, path === "" ? key : `${path}.${key}`),
    ]),
  );
}
