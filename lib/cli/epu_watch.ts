import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { systemClock } from "../clock.ts";
import type { WatchAsk } from "../epu/mod.ts";
import { openLog } from "../log.ts";
import {
  type CliHost,
  type CommandArgs,
  CommandFailed,
  type CommandSpec,
  UsageError,
  wholeNumber,
} from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { untilInterrupted } from "./interrupt.ts";

const DEFAULT_URL = "http://127.0.0.1:8000";

export const epuWatch: CommandSpec = {
  name: "epu watch",
  summary: "Watch EPU's folder and pass on what it writes to a SmartEM interface",
  positionals: "DIR",
  options: {
    "api-url": { value: "URL", help: `The SmartEM interface (default: ${DEFAULT_URL})` },
    token: { value: "TOKEN", help: "API token; HOLDFAST_TOKEN keeps it out of the process list" },
    "dry-run": { help: "Take everything in and show what would change; nothing is kept or sent" },
    once: { help: "End when everything that is there has been taken in and sent" },
    "atlas-root": {
      value: "DIR",
      multiple: true,
      help: "Where atlases lie that sessions point to; may be given again",
    },
    drive: {
      value: "FROM=TO",
      multiple: true,
      help: "Where a drive of the EPU machine stands here: D:\\=/mnt/epu; may be given again",
    },
    buffer: {
      value: "DIR",
      help: "Where what is not sent yet is kept (default: this user's data)",
    },
    "agent-id": {
      value: "NAME",
      help: "Name of this agent; with --session-id, hears instructions",
    },
    "session-id": { value: "NAME", help: "Session whose instructions are heard" },
    "heartbeat-interval": { value: "SECONDS", help: "Between heartbeats; 0: none (default: 60)" },
    "sse-timeout": {
      value: "SECONDS",
      help: "Silence of the instruction stream after which it is opened anew (default: 35)",
    },
    "log-file": { value: "FILE", help: "Append a line of JSON for each change" },
    "log-interval": { value: "SECONDS", help: "Between two lines about progress (default: 10)" },
    dump: {
      value: "FILE",
      help: "At the end, write everything known as text that can be compared",
    },
    json: { help: "Changes as lines of JSON" },
  },
  notes: [
    "Works before, during and after a session alike, and goes on where it ended. While the network is away, " +
    "what is found is kept on the disk; nothing is sent twice.",
    "Microscope instructions are declined: nothing here moves a stage.",
  ],
  run: (args, host) => untilInterrupted(host, (signal) => watch(args, host, signal)),
};

async function watch(args: CommandArgs, host: CliHost, signal: AbortSignal): Promise<number> {
  const dir = resolve(host.cwd, args.positionals[0]!);
  const info = await Deno.stat(dir).catch(() => null);
  if (info?.isDirectory !== true) {
    throw new CommandFailed(EXIT.unreadable, `There is no folder "${dir}"`);
  }
  const isDry = args.flag("dry-run");
  const url = addressOf(args.text("api-url") ?? (host.env.HOLDFAST_URL || DEFAULT_URL));
  const drives = args.list("drive").map(driveOf);
  const atlasRoots = args.list("atlas-root").map((path) => resolve(host.cwd, path));
  const [agentId, sessionId] = [args.text("agent-id"), args.text("session-id")];
  if ((agentId === undefined) !== (sessionId === undefined)) {
    throw new UsageError("--agent-id and --session-id go together");
  }
  const buffer = isDry ? null : bufferOf(args, host, dir, url);
  if (buffer !== null) await Deno.mkdir(buffer, { recursive: true });
  const log = openLog({
    clock: systemClock,
    level: "warn",
    verbosity: args.verbosity,
    stderr: (line) => host.err(line),
  });
  const isJson = args.flag("json");
  const logFile = args.text("log-file");
  const file = logFile === undefined
    ? null
    : await Deno.open(resolve(host.cwd, logFile), { append: true, create: true, write: true });
  const lines = new TextEncoder();
  const { watchFolder } = await import("../epu/mod.ts");
  const ask: WatchAsk = {
    dir,
    atlasRoots,
    drives,
    buffer,
    send: isDry
      ? null
      : { url, token: args.text("token") ?? (host.env.HOLDFAST_TOKEN || undefined) },
    channel: isDry || agentId === undefined ? null : {
      agentId,
      sessionId: sessionId!,
      heartbeatMs: (wholeNumber(args, "heartbeat-interval") ?? 60) * 1000,
      silenceMs: (wholeNumber(args, "sse-timeout") ?? 35) * 1000,
    },
    once: args.flag("once"),
    progressMs: (wholeNumber(args, "log-interval") ?? 10) * 1000,
    clock: systemClock,
    log,
    onChange(event) {
      const text = JSON.stringify(event);
      file?.writeSync(lines.encode(text + "\n"));
      if (isJson) host.out(text);
      else if (isDry || args.verbosity > 0) host.out(event.text);
    },
    onProgress: (text) => isJson ? host.err(text) : host.out(text),
  };
  try {
    const { summary, dump } = await watchFolder(ask, signal);
    const target = args.text("dump");
    if (target !== undefined) await Deno.writeTextFile(resolve(host.cwd, target), await dump());
    host.out(isJson ? JSON.stringify(summary.data) : summary.text);
    await summary.close();
    return EXIT.ok;
  } finally {
    file?.close();
    await log.close();
  }
}

function addressOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UsageError(`"${text}" is no address such as ${DEFAULT_URL}`);
  }
  return text.replace(/\/+$/, "");
}

function driveOf(text: string): { from: string; to: string } {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1) return { from: text.slice(0, at), to: text.slice(at + 1) };
  throw new UsageError(`--drive takes FROM=TO such as D:\\=/mnt/epu, not "${text}"`);
}

/** One for each folder and backend: what one was sent says nothing of another. */
function bufferOf(args: CommandArgs, host: CliHost, dir: string, url: string): string {
  const named = args.text("buffer");
  if (named !== undefined) return resolve(host.cwd, named);
  const { LOCALAPPDATA, XDG_DATA_HOME, HOME } = host.env;
  const base = LOCALAPPDATA ?? XDG_DATA_HOME ??
    (HOME === undefined ? undefined : join(HOME, ".local", "share"));
  if (base === undefined) {
    throw new UsageError("Name a folder for what is not sent yet: --buffer DIR");
  }
  const name = createHash("sha256").update(JSON.stringify([dir, url])).digest("hex").slice(0, 16);
  return join(base, "holdfast", "epu", name);
}
