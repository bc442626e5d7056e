import { systemClock } from "../clock.ts";
import { type CommandSpec, UsageError } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { columns } from "./text.ts";

const TIMEOUT_S = "5";

export const epuSmoke: CommandSpec = {
  name: "epu smoke",
  summary: "Ask a SmartEM interface, ours or an original backend, how it is",
  positionals: "URL",
  options: {
    timeout: {
      short: "t",
      value: "SECONDS",
      help: `How long each answer may take (default: ${TIMEOUT_S})`,
    },
    json: { help: "As JSON" },
  },
  notes: ["URL with the base path, as http://127.0.0.1:8000/smartem. -v shows the answers."],
  async run(args, host) {
    const [url] = args.positionals;
    if (!URL.canParse(url!) || !/^https?:$/.test(new URL(url!).protocol)) {
      throw new UsageError(`"${url}" is no address such as http://127.0.0.1:8000`);
    }
    const timeout = args.text("timeout") ?? TIMEOUT_S;
    if (!/^\d{1,4}(\.\d+)?$/.test(timeout) || Number(timeout) === 0) {
      throw new UsageError(`--timeout needs seconds, not "${timeout}"`);
    }
    const { smoke } = await import("../epu/tools/mod.ts");
    const checks = await smoke(url!, { clock: systemClock, timeoutMs: Number(timeout) * 1000 });
    if (args.flag("json")) host.out(JSON.stringify(checks, null, 2));
    else {
      const rows = checks.map(({ path, status, tookMs, isOk, says }) => [
        path,
        isOk ? "ok" : "failed",
        status === null ? "-" : String(status),
        `${tookMs} ms`,
        says,
      ]);
      for (const line of columns(["Path", "", "HTTP", "Took", "Says"], rows)) host.out(line);
      if (args.verbosity > 0) {
        for (const { body } of checks) host.err(JSON.stringify(body, null, 2));
      }
    }
    return checks.every(({ isOk }) => isOk) ? EXIT.ok : EXIT.failed;
  },
};
