import { join } from "node:path";
import { type Clock, delay } from "../clock.ts";
import { EventLog, type HoldfastEvent } from "../events.ts";
import { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { canonicalDump } from "./dump.ts";
import type { DriveMapping } from "./ingest_atlas.ts";
import { InstructionChannel } from "./send/instructions.ts";
import { httpRemote, Sender } from "./send/mod.ts";
import { Epu, type EpuFolder, rootsOf } from "./service.ts";
import { systemFs, Watcher } from "./watch/mod.ts";

export interface WatchAsk {
  /** Absolute. */
  readonly dir: string;
  readonly atlasRoots: readonly string[];
  readonly drives: readonly DriveMapping[];
  /** Folder for the store; `null`: in memory, and forgotten at the end. */
  readonly buffer: string | null;
  /** A SmartEM API that is told; `null`: nobody. */
  readonly send: { readonly url: string; readonly token: string | undefined } | null;
  readonly channel: {
    readonly agentId: string;
    readonly sessionId: string;
    readonly heartbeatMs: number;
    readonly silenceMs: number;
  } | null;
  /** Ends when everything there is has been taken in, and sent. */
  readonly once: boolean;
  readonly progressMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: (event: HoldfastEvent) => void;
  readonly onProgress: (text: string) => void;
}

export interface Watched {
  readonly summary: {
    readonly text: string;
    readonly data: Record<string, unknown>;
    close(): Promise<void>;
  };
  readonly dump: () => Promise<string>;
}

const ROOT = "epu";
const EVENTS_MAX = 1_000_000;
const EVENT_AGE_MS = 365 * 86_400_000;

/** The whole pipeline in one process, without an instrument around it: on the EPU workstation, Windows too. */
export async function watchFolder(ask: WatchAsk, signal: AbortSignal): Promise<Watched> {
  const { clock, log, buffer } = ask;
  const kv = await Kv.open(buffer === null ? ":memory:" : join(buffer, "epu.kv"), clock);
  const events = new EventLog(kv, clock, { countMax: EVENTS_MAX, ageMaxMs: EVENT_AGE_MS });
  const folder: EpuFolder = {
    name: ROOT,
    dir: ask.dir,
    atlasRoots: ask.atlasRoots,
    drives: ask.drives,
  };
  const epu = await Epu.open({ kv, clock, log, folders: [folder] });
  const watcher = new Watcher({ roots: rootsOf([folder]), fs: systemFs, clock });
  for await (const known of epu.knownFiles()) watcher.know(known);
  const unlisten = kv.onEvents((some) => some.forEach(ask.onChange));
  const ended = new AbortController();
  const all = AbortSignal.any([signal, ended.signal]);
  const side: Promise<void>[] = [];
  let sender: Sender | null = null;
  if (ask.send !== null) {
    const remote = httpRemote(ask.send.url, ask.send.token);
    sender = new Sender({ kv, store: epu, events, remote, clock, log });
    if (!ask.once) side.push(sender.run(all));
    if (ask.channel !== null) {
      const channel = new InstructionChannel({
        ...ask.channel,
        ...ask.send,
        clock,
        log,
        status: () => summaryOf(epu, sender),
      });
      side.push(channel.run(all));
    }
  }
  side.push(tellProgress(ask, epu, watcher, () => sender?.pending ?? 0, all));
  try {
    while (!signal.aborted) {
      const batch = await watcher.next(signal, { idle: ask.once });
      if (batch.length === 0) break;
      await epu.take(batch);
    }
    if (!signal.aborted) {
      await epu.settle(true);
      await sender?.run(signal, { untilDone: true });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    ended.abort();
    watcher.close();
    await Promise.allSettled(side);
  }
  const data = await summaryOf(epu, sender);
  return {
    summary: {
      text: summaryText(data),
      data,
      async close() {
        unlisten();
        await epu.close();
        events[Symbol.dispose]();
        await kv.close();
      },
    },
    dump: () => canonicalDump(kv),
  };
}

interface Summary extends Record<string, unknown> {
  readonly acquisitions: {
    readonly name: string;
    readonly squares: number;
    readonly holes: number;
    readonly micrographs: number;
    readonly seen: number;
    readonly listed: number;
    readonly orphans: number;
    readonly findings: number;
  }[];
  readonly unsent: number;
}

async function summaryOf(epu: Epu, sender: Sender | null): Promise<Summary> {
  const { items } = await epu.acquisitions({ limit: 100 });
  const acquisitions: Summary["acquisitions"] = [];
  for (const { id, name } of items) {
    const counts = (await epu.counts(id))!;
    const { squares, holes, micrographs, orphans, findings } = counts;
    const { seen, listed } = counts.exposures;
    acquisitions.push({ name, squares, holes, micrographs, seen, listed, orphans, findings });
  }
  return { acquisitions, unsent: sender?.pending ?? 0 };
}

function summaryText({ acquisitions, unsent }: Summary): string {
  const lines = acquisitions.map((one) =>
    `${one.name === "" ? "(no name)" : one.name}: ${one.squares} squares, ${one.holes} holes, ` +
    `${one.seen} micrographs of ${one.listed} that EPU lists, ${one.orphans} waiting for a parent, ` +
    `${one.findings} findings`
  );
  if (lines.length === 0) lines.push("No session of EPU was found");
  if (unsent > 0) lines.push(`${unsent} changes are not sent yet; they are kept`);
  return lines.join("\n");
}

async function tellProgress(
  ask: WatchAsk,
  epu: Epu,
  watcher: Watcher,
  unsent: () => number,
  signal: AbortSignal,
): Promise<void> {
  let said = "";
  while (!signal.aborted) {
    await delay(ask.clock, ask.progressMs, signal).catch(() => {});
    if (signal.aborted) return;
    const { files, waiting, rescanMs, unreachable } = watcher.status();
    const { items } = await epu.acquisitions({ limit: 1 });
    const text = `${items[0]?.name ?? "no session yet"}: ${files} files, ${waiting} waiting, ` +
      `${unsent()} changes to send` +
      (rescanMs > 10_000 ? `, a look at everything each ${Math.round(rescanMs / 1000)} s` : "") +
      unreachable.map(({ error }) => `; the folder cannot be read: ${error}`).join("");
    if (text !== said) ask.onProgress(text);
    said = text;
  }
}
