import { z } from "zod";
import { type Clock, delay } from "../clock.ts";
import type { Log } from "../log.ts";
import { FILE_STATES, Finding } from "./model.ts";
import type { KnownFile, TakenFile, WatcherStatus } from "./watch/mod.ts";

/** Asks the agent, rejects when it cannot answer. */
export type AskAgent = (
  method: string,
  params: Record<string, unknown>,
  options: { readonly deadlineMs: number; readonly signal: AbortSignal },
) => Promise<unknown>;

export interface AgentFeedOptions {
  readonly ask: AskAgent;
  readonly clock: Clock;
  readonly log: Log;
  readonly known: () => AsyncIterable<KnownFile>;
  readonly take: (files: readonly TakenFile[]) => Promise<void>;
  /** Called as it changes: folders that cannot be listed now. */
  readonly onUnreachable?: (folders: readonly Unreachable[]) => void;
}

/** A watched folder that cannot be listed. */
export interface Unreachable {
  readonly root: string;
  readonly error: string;
}

/** Characters of the manifest told at once: well below the longest line of the wire, 1 MiB. */
const KNOWN_CHARS = 250_000;
const ANSWER_MS = 60_000;
const AGAIN_MS = 5000;

const Piece = z.object({
  seq: z.number().int(),
  piece: z.number().int(),
  pieces: z.number().int(),
  text: z.string(),
  unreachable: z.array(z.object({ root: z.string(), error: z.string() })),
});

/** What an agent hands over; what the files say is the reader's, and read as such. */
const Files = z.array(z.object({
  root: z.string(),
  path: z.string(),
  kind: z.string(),
  sizeBytes: z.number(),
  mtimeMs: z.number(),
  digest: z.string().nullable(),
  state: z.enum(FILE_STATES),
  tries: z.number().int(),
  error: z.string().nullable(),
  file: z.unknown(),
  findings: z.array(Finding),
  unchanged: z.boolean().optional(),
}));

/**
 * Pulls what an agent finds: a batch is asked for only once the one before is on the disk, so that a slow disk
 * slows the agent and nothing piles up; asking for the next acknowledges the last. Each life of the agent
 * begins with the manifest, so that one that was killed goes on where the store stands.
 */
export class AgentFeed {
  #life: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  #unreachable = "[]";

  constructor(private readonly options: AgentFeedOptions) {}

  /** The agent runs, for the first time or again. */
  started(): void {
    this.down();
    const life = new AbortController();
    this.#life = life;
    this.#running = this.#running.then(() => this.#keepOn(life.signal));
  }

  /** The agent is gone; what was under way is given up. */
  down(): void {
    this.#life?.abort();
    this.#life = null;
  }

  async close(): Promise<void> {
    this.down();
    await this.#running;
  }

  async status(signal: AbortSignal): Promise<WatcherStatus> {
    return await this.options.ask("epu-status", {}, { deadlineMs: 5000, signal }) as WatcherStatus;
  }

  #tell(unreachable: readonly Unreachable[]): void {
    const text = JSON.stringify(unreachable);
    if (text === this.#unreachable) return;
    this.#unreachable = text;
    this.options.onUnreachable?.(unreachable);
  }

  async #keepOn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#begin(signal);
        await this.#pull(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.options.log.error("the watch of EPU's folders begins anew", { error });
        await delay(this.options.clock, AGAIN_MS, signal).catch(() => {});
      }
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const options = { deadlineMs: ANSWER_MS, signal };
    const { ask, known } = this.options;
    await ask("epu-reset", {}, options);
    let files: unknown[] = [];
    let chars = 0;
    for await (const { root, path, sizeBytes, mtimeMs, digest, state } of known()) {
      const file = [root, path, sizeBytes, mtimeMs, digest, state];
      files.push(file);
      chars += JSON.stringify(file).length;
      if (chars < KNOWN_CHARS) continue;
      await ask("epu-know", { files }, options);
      files = [];
      chars = 0;
    }
    if (files.length > 0) await ask("epu-know", { files }, options);
  }

  async #pull(signal: AbortSignal): Promise<void> {
    const { ask, take } = this.options;
    for (let after = 0;;) {
      const texts: string[] = [];
      for (let piece = 0;; piece++) {
        const options = { deadlineMs: ANSWER_MS, signal };
        const answer = Piece.parse(await ask("epu-next", { after, piece }, options));
        texts.push(answer.text);
        this.#tell(answer.unreachable);
        if (piece + 1 >= answer.pieces) break;
      }
      const files = Files.parse(JSON.parse(texts.join(""))) as TakenFile[];
      signal.throwIfAborted();
      await take(files);
      if (files.length > 0) after++;
    }
  }
}
