import { readFileSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { ApiClient, CLIENT_OPTIONS } from "./api_client.ts";
import { type CliHost, type CommandArgs, CommandFailed, type CommandSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { ASK_OPTIONS, askOf } from "./experiment_ask.ts";
import { type Experiment, follow, save } from "./experiment_results.ts";
import { columns, stamp } from "./text.ts";

export const submit: CommandSpec = {
  name: "experiments submit",
  summary: "Submit a script to the queue",
  positionals: "SCRIPT",
  options: {
    ...CLIENT_OPTIONS,
    kind: { value: "KIND", help: "python or typescript (default: by the file's ending)" },
    title: { value: "TEXT", help: "What people call it (default: the file's name)" },
    device: { value: "ID", multiple: true, help: "A device it will hold; repeat (default: all)" },
    ...ASK_OPTIONS,
    "dry-run": { help: "Check everything and queue nothing" },
    watch: { help: "Follow its log until it ends" },
  },
  async run(args, host) {
    const file = resolve(host.cwd, args.positionals[0]!);
    const kind = args.text("kind") ?? (/\.[mc]?ts$/.test(file) ? "typescript" : "python");
    const ask = {
      script: scriptText(file),
      kind,
      title: args.text("title") ?? basename(file),
      devices: args.list("device"),
      ...askOf(args, host),
    };
    const api = ApiClient.of(args, host);
    if (args.flag("dry-run")) {
      const checked = await api.json<{ queuePosition: number }>("POST", "/experiments", {
        ...ask,
        dryRun: true,
      });
      host.out(JSON.stringify(checked, null, 2));
      host.err(`It would be queued at position ${checked.queuePosition}`);
      return EXIT.ok;
    }
    const experiment = await api.json<Experiment>("POST", "/experiments", ask);
    host.out(String(experiment.number));
    const place = experiment.position === null ? "" : `, at position ${experiment.position}`;
    host.err(`Experiment ${experiment.number} is ${experiment.state}${place}`);
    return args.flag("watch") ? await follow(api, experiment.id, host) : EXIT.ok;
  },
};

export const list: CommandSpec = {
  name: "experiments list",
  summary: "List experiments, newest first",
  options: {
    ...CLIENT_OPTIONS,
    state: { value: "STATES", help: "Only these, separated by commas: queued,running" },
    mine: { help: "Only your own" },
    limit: { value: "NUMBER", help: "At most so many (default: 20)" },
    before: { value: "NUMBER", help: "Only those with a smaller number: the next page" },
    json: { help: "As JSON" },
  },
  async run(args, host) {
    const query = new URLSearchParams({ limit: args.text("limit") ?? "20" });
    const state = args.text("state");
    const before = args.text("before");
    if (state !== undefined) query.set("state", state);
    if (before !== undefined) query.set("cursor", before);
    if (args.flag("mine")) query.set("owner", "me");
    const { experiments, next } = await ApiClient.of(args, host).json<
      { experiments: Experiment[]; next: number | null }
    >("GET", `/experiments?${query}`);
    if (args.flag("json")) host.out(JSON.stringify(experiments, null, 2));
    else {
      const rows = experiments.map((e) => [
        String(e.number),
        e.position === null ? e.state : `${e.state} (${e.position})`,
        stamp(e.createdAtMs),
        e.ownerLabel,
        e.title,
      ]);
      for (const line of columns(["No.", "State", "Submitted", "Owner", "Title"], rows)) {
        host.out(line);
      }
    }
    if (next !== null) host.err(`There are more: --before ${next}`);
    return EXIT.ok;
  },
};

export const watch: CommandSpec = {
  name: "experiments watch",
  summary: "Follow an experiment's log until it ends",
  positionals: "NUMBER",
  options: CLIENT_OPTIONS,
  notes: [`Ends with 0 when it completed, with ${EXIT.notCompleted} when it ended otherwise.`],
  run: (args, host) => follow(ApiClient.of(args, host), args.positionals[0]!, host),
};

export const cancel: CommandSpec = {
  name: "experiments cancel",
  summary: "Cancel an experiment; one that runs is stopped, its devices go to their end state",
  positionals: "NUMBER",
  options: { ...CLIENT_OPTIONS, reason: { value: "TEXT", help: "Why, for the record" } },
  async run(args, host) {
    const reason = args.text("reason");
    return await change(args, host, "cancel", reason === undefined ? {} : { reason });
  },
};

export const hold: CommandSpec = {
  name: "experiments hold",
  summary: "Hold a running experiment: its devices to their hold state, its script waits",
  positionals: "NUMBER",
  options: { ...CLIENT_OPTIONS, reason: { value: "TEXT", help: "Why, for the record" } },
  async run(args, host) {
    const reason = args.text("reason");
    return await change(args, host, "hold", reason === undefined ? {} : { reason });
  },
};

export const release: CommandSpec = {
  name: "experiments release",
  summary: "Release a held experiment: its script drives its devices again",
  positionals: "NUMBER",
  options: CLIENT_OPTIONS,
  run: (args, host) => change(args, host, "release"),
};

const importQueue: CommandSpec = {
  name: "experiments import",
  summary: "Take over the original hub's experiment_queue.json, also a damaged one",
  positionals: "FILE",
  options: CLIENT_OPTIONS,
  notes: [
    "What cannot be taken goes, with the reason, to FILE.quarantined.json. Doing it again is harmless.",
  ],
  async run(args, host) {
    const file = resolve(host.cwd, args.positionals[0]!);
    let queue: string;
    try {
      // Not every byte need be sound: what is damaged is told apart entry by entry.
      queue = new TextDecoder().decode(readFileSync(file));
    } catch (error) {
      throw new CommandFailed(EXIT.failed, `Cannot read "${file}": ${(error as Error).message}`);
    }
    const { imported, repeated, quarantined } = await ApiClient.of(args, host).json<{
      imported: { id: string; number: number; state: string }[];
      repeated: number;
      quarantined: { id: string; reason: string }[];
    }>("POST", "/experiments/import", { queue });
    const rows = imported.map(({ id, number, state }) => [String(number), state, id]);
    for (const line of columns(["No.", "State", "There"], rows)) host.out(line);
    host.err(`${imported.length} imported, ${repeated} were imported before`);
    if (quarantined.length === 0) return EXIT.ok;
    const aside = `${file}.quarantined.json`;
    writeFileSync(aside, JSON.stringify(quarantined, null, 2) + "\n");
    for (const { id, reason } of quarantined) host.err(`not taken: "${id}": ${reason}`);
    host.err(`${quarantined.length} not taken are in "${aside}"`);
    return EXIT.failed;
  },
};

export const download: CommandSpec = {
  name: "experiments download",
  summary:
    "Download an experiment's files as a zip, also while it runs; or one file, or its numbers",
  positionals: "NUMBER",
  options: {
    ...CLIENT_OPTIONS,
    file: { value: "PATH", help: "Only this file of its output" },
    data: { value: "FORMAT", help: "Only its numbers: csv, json or parquet" },
    out: { value: "FILE", help: "Where to (default: a name that has the number in it)" },
    force: { help: "Replace a file that is there" },
  },
  async run(args, host) {
    const id = encodeURIComponent(args.positionals[0]!);
    const [path, data] = [args.text("file"), args.text("data")];
    if (path !== undefined && data !== undefined) {
      throw new CommandFailed(EXIT.usage, "Either --file or --data");
    }
    if (data !== undefined && !["csv", "json", "parquet"].includes(data)) {
      throw new CommandFailed(EXIT.usage, `--data is csv, json or parquet, not "${data}"`);
    }
    const api = ApiClient.of(args, host);
    const { number } = await api.json<Experiment>("GET", `/experiments/${id}`);
    const [name, place] = path !== undefined
      ? [basename(path), `files/${path.split("/").map(encodeURIComponent).join("/")}`]
      : data !== undefined
      ? [`experiment_${number}_data.${data}`, `data?format=${data}`]
      : [`experiment_${number}_results.zip`, "archive.zip"];
    const file = resolve(host.cwd, args.text("out") ?? name);
    const reply = await api.fetch("GET", `/experiments/${id}/${place}`);
    await save(reply, file, args);
    host.out(file);
    return EXIT.ok;
  },
};

export const EXPERIMENT_COMMANDS = [
  submit,
  list,
  watch,
  cancel,
  hold,
  release,
  download,
  importQueue,
];

async function change(
  args: CommandArgs,
  host: CliHost,
  verb: string,
  body?: Record<string, unknown>,
): Promise<number> {
  const id = encodeURIComponent(args.positionals[0]!);
  const path = `/experiments/${id}/${verb}`;
  const experiment = await ApiClient.of(args, host).json<Experiment>("POST", path, body);
  host.err(`Experiment ${experiment.number} is ${experiment.state}`);
  return EXIT.ok;
}

function scriptText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const why = error instanceof TypeError ? "it is not UTF-8 text" : (error as Error).message;
    throw new CommandFailed(EXIT.failed, `Cannot read the script "${file}": ${why}`);
  }
}
