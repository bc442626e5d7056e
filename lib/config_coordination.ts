import type { ConfigMistake } from "./config_mistakes.ts";
import { FACE_PORTS, FACES } from "./compat/model.ts";

type Raw = Record<string, unknown>;

/** Variables of the device coordination service and the keys they set; ours win where both are set. */
const SETS: Readonly<Record<string, string>> = {
  COORDINATION_HOST: "server.host",
  COORDINATION_LOG_LEVEL: "log.level",
  COORDINATION_KV_PATH: "data.dir",
};

/**
 * Lays the variables of the device coordination service over `raw`. `set` names what our own variables have
 * set already, and learns what these set.
 */
export function overlayCoordination(
  { raw, env, set, place, mistakes, warnings }: {
    raw: Raw;
    env: Readonly<Record<string, string | undefined>>;
    set: Map<string, string>;
    place: (raw: Raw, path: readonly string[], value: unknown) => void;
    mistakes: ConfigMistake[];
    warnings: string[];
  },
): void {
  for (const [name, path] of Object.entries(SETS)) {
    const text = env[name];
    if (text === undefined || text === "" || set.has(path)) continue;
    set.set(path, name);
    place(raw, path.split("."), path === "log.level" ? logLevelOf(text) : text);
  }
  const port = env.COORDINATION_PORT;
  if (port !== undefined && port !== "") {
    if (/^\s*\d{1,5}\s*$/.test(port)) {
      set.set("compat.ports.locks", "COORDINATION_PORT");
      const given = (raw.compat as Raw | undefined)?.ports;
      place(raw, ["compat", "ports"], withLocks(given, Number(port)));
    } else {
      mistakes.push({
        line: null,
        variable: "COORDINATION_PORT",
        message: `must be a number, found "${port}"`,
      });
    }
  }
  if (env.COORDINATION_REDIS_URL) {
    warnings.push(
      "COORDINATION_REDIS_URL sets nothing: locks are kept in the data folder, no Redis is needed",
    );
  }
}

/** The originals write `INFO`, `WARNING`, `CRITICAL`. */
export function logLevelOf(text: string): string {
  const word = text.trim().toLowerCase();
  return { warning: "warn", critical: "error", fatal: "error", trace: "debug" }[word] ?? word;
}

/** The ports with the locks' beside them; what is no list of known ports is left for the schema to refuse. */
function withLocks(given: unknown, port: number): unknown {
  if (given === undefined) return { locks: port };
  if (Array.isArray(given)) {
    const named = given.map((one) => FACES.find((face) => FACE_PORTS[face] === one));
    return named.includes(undefined)
      ? given
      : { ...Object.fromEntries(named.map((face) => [face!, FACE_PORTS[face!]])), locks: port };
  }
  return given !== null && typeof given === "object" ? { locks: port, ...given } : given;
}
