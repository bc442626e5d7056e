import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";

/**
 * The floor plan: which room may import which. A room is a top-level folder, or a domain below `lib/`;
 * `lib` is the files directly in it, `shared model` a domain's pure `model.ts`.
 */
const DOMAIN_ARROWS: Record<string, string[]> = {
  fresh: [],
  auth: [],
  devices: ["auth"],
  locks: ["devices", "auth"],
  coordination: ["locks"],
  alarms: ["auth"],
  telemetry: ["devices", "alarms", "auth"],
  experiments: ["devices", "locks", "auth"],
  compat: ["devices", "experiments", "telemetry", "auth"],
  epu: ["auth"],
  smartem: ["epu", "auth"],
  cli: ["auth", "instrument", "epu"],
  instrument: [
    "fresh",
    "auth",
    "devices",
    "locks",
    "alarms",
    "telemetry",
    "experiments",
    "coordination",
    "compat",
    "epu",
    "smartem",
  ],
};

interface Import {
  from: string;
  to: string;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) {
      if (!["node_modules", ".git", "_fresh", "data"].includes(entry.name)) yield* sources(path);
    } else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

async function importsOf(root: string): Promise<Import[]> {
  const found: Import[] = [];
  for await (const path of sources(root)) {
    const from = path.slice(root.length + 1);
    const text = await Deno.readTextFile(path);
    for (const match of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      const specifier = match[1]!;
      if (specifier.startsWith(".")) {
        found.push({ from, to: normalize(join(dirname(from), specifier)) });
      } else if (specifier.startsWith("@/")) found.push({ from, to: specifier.slice(2) });
      else if (specifier === "fresh") found.push({ from, to: "lib/fresh/mod.ts" });
      else if (specifier === "fresh/runtime") found.push({ from, to: "lib/fresh/runtime.ts" });
      else if (/^(jsr:|https?:)/.test(specifier)) {
        assert.fail(`${from} imports "${specifier}": only npm packages and node built-ins`);
      }
    }
  }
  return found;
}

function roomOf(path: string): string {
  const [top = "", second = "", third] = path.split("/");
  if (top !== "lib") return second === "" ? "root" : top;
  return third === undefined ? "lib" : `lib/${second}`;
}

/** Why this import is not in the plan, or `null` when it is. */
export function wrongArrow({ from, to }: Import): string | null {
  const source = roomOf(from);
  const target = roomOf(to);
  if (source === target || /_test\.tsx?$/.test(from)) return null;
  const isModel = /^lib\/[^/]+\/([^/]+\/)?model\.ts$/.test(to);
  // A large domain shows a face for each of its parts: `lib/epu/tools/mod.ts`.
  const isFace = /^lib\/[^/]+\/(?:[^/]+\/)?mod\.ts$/.test(to);
  switch (source) {
    case "root":
    case "tests":
    case "bench":
      return null;
    case "routes":
      return ["islands", "components", "lib", "lib/fresh"].includes(target) || isFace || isModel
        ? null
        : "routes import islands, components, fresh, lib/*.ts and lib/*/mod.ts";
    case "islands":
    case "components":
      return target === "components" || to === "lib/fresh/runtime.ts" || isModel
        ? null
        : `${source} import components, fresh/runtime and pure model.ts files`;
    case "drivers":
    case "clients":
      return `${source} import nothing of ours but ${source}`;
    case "agents":
      return target === "drivers" || isModel || to === "lib/devices/wire.ts" ||
          to === "lib/result.ts" || /^lib\/epu\/(read|watch)\/mod\.ts$/.test(to)
        ? null
        : "agents import drivers, pure models, the wire and the EPU reader";
    case "lib":
      return isModel || target === "lib"
        ? null
        : "lib/*.ts import only each other and pure model.ts files";
    default: {
      if (!source.startsWith("lib/")) return `"${source}" is not a room of the floor plan`;
      const allowed = DOMAIN_ARROWS[source.slice(4)];
      if (allowed === undefined) return `"${source}" is not a domain of the floor plan`;
      if (target === "lib" || isModel) return null;
      if (source === "lib/fresh") return "lib/fresh stands alone";
      return isFace && allowed.includes(target.slice(4))
        ? null
        : `${source} may import ${
          ["lib/*.ts", ...allowed.map((d) => `lib/${d}/mod.ts`)].join(", ")
        }`;
    }
  }
}

Deno.test("every import is an arrow of the floor plan", async () => {
  const root = normalize(join(import.meta.dirname!, ".."));
  const wrong: string[] = [];
  for (const one of await importsOf(root)) {
    const why = wrongArrow(one);
    if (why !== null) wrong.push(`${one.from} -> ${one.to}: ${why}`);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("the floor plan refuses arrows that point up", () => {
  const refused = [
    { from: "lib/devices/service.ts", to: "lib/locks/mod.ts" },
    { from: "lib/locks/locks.ts", to: "lib/devices/registry.ts" },
    { from: "islands/Chart.tsx", to: "lib/kv.ts" },
    { from: "drivers/pump.ts", to: "lib/clock.ts" },
    { from: "agents/sim.ts", to: "lib/kv.ts" },
    { from: "lib/kv.ts", to: "lib/devices/mod.ts" },
    { from: "routes/index.tsx", to: "lib/devices/service.ts" },
  ];
  for (const one of refused) assert.notEqual(wrongArrow(one), null, `${one.from} -> ${one.to}`);
});
