import { resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { CommandFailed, type CommandSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { untilInterrupted } from "./interrupt.ts";

export const epuRecord: CommandSpec = {
  name: "epu record",
  summary: "Record what happens in a folder, until Ctrl-C",
  positionals: "DIR [OUT]",
  options: {
    out: { value: "DIR", short: "o", help: "The recording, a folder that is not there yet" },
    "with-binary": { help: "Keep images and movies too, not only their size" },
    json: { help: "Each event as a line of JSON" },
  },
  notes: [
    "The recording holds what was in DIR to begin with and every change, byte for byte; whatever it saw is " +
    "on disk at once, so that a power cut loses nothing of it.",
  ],
  async run(args, host) {
    const [dir, positional] = args.positionals;
    const given = args.text("out") ?? positional;
    if (given === undefined) {
      throw new CommandFailed(
        EXIT.usage,
        '"epu record" needs --out: where the recording is to lie',
      );
    }
    const { record } = await import("../epu/tools/mod.ts");
    const out = resolve(host.cwd, given);
    try {
      const counts = await untilInterrupted(host, (signal) =>
        record({
          dir: resolve(host.cwd, dir!),
          out,
          skipBinary: !args.flag("with-binary"),
          clock: systemClock,
          signal,
          onEvent: (line) => {
            if (args.flag("json")) host.out(JSON.stringify(line));
            else if (args.verbosity > 0) host.err(`${line.e.padEnd(11)} ${line.path}`);
          },
        }));
      if (!args.flag("json")) host.out(out);
      host.err(`${counts.events} events, ${(counts.bytes / 1e6).toFixed(1)} MB seen`);
      return EXIT.ok;
    } catch (error) {
      const { code, message, name } = error as Error & { code?: string };
      const isSource = code === "ENOENT" || code === "EACCES";
      throw new CommandFailed(
        isSource ? EXIT.unreadable : EXIT.failed,
        name === "RecordingPlace" ? message : `Cannot record "${dir}": ${message}`,
      );
    }
  },
};
