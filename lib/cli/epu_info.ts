import { extname, resolve } from "node:path";
import type { CommandSpec } from "./command.ts";
import { openNamed } from "./epu_replay.ts";
import { EXIT } from "./exit_codes.ts";
import { columns, stamp } from "./text.ts";

export const epuInfo: CommandSpec = {
  name: "epu info",
  summary: "Say what is in a recording",
  positionals: "RECORDING",
  options: { json: { help: "As JSON" } },
  async run(args, host) {
    using recording = await openNamed(resolve(host.cwd, args.positionals[0]!));
    const { steps } = recording;
    const info = {
      form: recording.form,
      folder: recording.folder,
      platform: recording.platform,
      recordedAtMs: recording.recordedAtMs,
      lengthMs: Math.round(steps.at(-1)?.offsetMs ?? 0),
      events: steps.length,
      initial: steps.filter(({ isInitial }) => isInitial).length,
      kinds: count(steps.map(({ act }) => act.kind)),
      endings: count(
        steps.filter(({ act }) => act.kind !== "folder").map(({ path }) => extname(path) || "none"),
      ),
      notes: recording.notes,
    };
    if (args.flag("json")) {
      host.out(JSON.stringify(info, null, 2));
      return EXIT.ok;
    }
    const rows = [
      ["Form", info.form],
      ["Folder", info.folder],
      ["Recorded", stamp(info.recordedAtMs)],
      ["Length", `${(info.lengthMs / 1000).toFixed(1)} s`],
      ["Events", `${info.events}, ${info.initial} of them from the beginning`],
      ["Kinds", told(info.kinds)],
      ["Endings", told(info.endings)],
    ];
    for (const line of columns(["", ""], rows).slice(1)) host.out(line);
    for (const note of info.notes) host.err(note);
    return EXIT.ok;
  },
};

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function told(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).sort(([, a], [, b]) => b - a)
    .map(([word, number]) => `${number} ${word}`).join(", ");
}
