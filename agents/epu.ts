import { z } from "zod";
import {
  systemClock,
  systemFs,
  type TakenFile,
  WATCH_SETTINGS,
  Watcher,
  type WatchSettings,
} from "../lib/epu/watch/mod.ts";
import { type AgentOptions, runAgent } from "./harness.ts";

/** Characters of one piece of a batch; a line of the wire is at most 1 MiB, and quotes are escaped in it. */
const PIECE_CHARS = 300_000;
/** An ask for the next batch is answered with none after this time, so that the asker knows we live. */
const PATIENCE_MS = 10_000;

const Folder = z.strictObject({
  name: z.string().min(1),
  dir: z.string().min(1),
  atlasOnly: z.boolean().optional(),
});

/** What `start` brings. */
const EpuAgentConfig = z.strictObject({
  roots: z.array(Folder).min(1),
  settings: z.strictObject(
    Object.fromEntries(
      Object.keys(WATCH_SETTINGS).map((name) => [name, z.number().positive().optional()]),
    ) as Record<keyof WatchSettings, z.ZodOptional<z.ZodNumber>>,
  ).prefault({}),
});

const Known = z.object({
  files: z.array(z.tuple([
    z.string(),
    z.string(),
    z.number(),
    z.number(),
    z.string().nullable(),
    z.enum([
      "settling",
      "taken",
      "orphaned",
      "truncated",
      "unreadable",
      "foreign",
      "ignored",
      "gone",
    ]),
  ])),
});

const Next = z.object({ after: z.number().int().min(0), piece: z.number().int().min(0) });

/**
 * EPU's folders as an agent without devices: it may read those folders and nothing else. `epu-reset` begins
 * anew, `epu-know` brings the manifest, and `epu-next` gives what was found, batch by batch: asking for the
 * batch after `n` says that `n` is on the disk. Until then the same ask gives the same answer.
 */
export function epuAgent(clock = systemClock, fs = systemFs): AgentOptions {
  let config: z.infer<typeof EpuAgentConfig> | null = null;
  let watcher: Watcher | null = null;
  let seq = 0;
  let pieces: string[] = [];
  let pending: Promise<TakenFile[]> | null = null;
  let life = new AbortController();

  function reset(): Record<string, never> {
    if (config === null) throw new RangeError("The folders have not been named");
    life.abort();
    life = new AbortController();
    watcher?.close();
    const { roots, settings } = config;
    watcher = new Watcher({ roots, fs, clock, settings: defined(settings) });
    seq = 0;
    pieces = [];
    pending = null;
    return {};
  }

  function current(): Watcher {
    if (watcher === null) throw new RangeError('"epu-reset" comes first');
    return watcher;
  }

  async function next(given: Record<string, unknown>) {
    const { after, piece } = Next.parse(given);
    const own = current();
    if (after === seq && (piece === 0 || pieces.length === 0)) {
      pending ??= own.next(life.signal);
      const files = await within(clock, pending, PATIENCE_MS);
      if (watcher !== own) throw new RangeError("The watch began anew");
      const { unreachable } = own.status();
      if (files === null) return { seq: after, piece: 0, pieces: 1, text: "[]", unreachable };
      // The next is made ready while this one is written: one ahead, never more.
      pending = own.next(life.signal);
      pending.catch(() => {});
      seq++;
      pieces = cut(JSON.stringify(files));
    }
    const text = after + 1 === seq ? pieces[piece] : undefined;
    if (text === undefined) {
      throw new RangeError(`There is no piece ${piece} of batch ${after + 1}`);
    }
    return { seq, piece, pieces: pieces.length, text, unreachable: own.status().unreachable };
  }

  return {
    name: "epu",
    drivers: (given) => {
      config = EpuAgentConfig.parse(given);
      return [];
    },
    extensions: {
      "epu-reset": reset,
      "epu-know": (given) => {
        for (const [root, path, sizeBytes, mtimeMs, digest, state] of Known.parse(given).files) {
          current().know({ root, path, sizeBytes, mtimeMs, digest, state });
        }
        return {};
      },
      "epu-next": next,
      "epu-status": () => current().status(),
    },
  };
}

/** `null` when the time is over first. */
function within<T>(
  clock: { timer(delayMs: number, fire: () => void): () => void },
  promise: Promise<T>,
  ms: number,
): Promise<T | null> {
  const over = Promise.withResolvers<null>();
  const cancel = clock.timer(ms, () => over.resolve(null));
  return Promise.race([promise, over.promise]).finally(cancel);
}

function cut(text: string): string[] {
  const pieces: string[] = [];
  for (let i = 0; i < text.length; i += PIECE_CHARS) pieces.push(text.slice(i, i + PIECE_CHARS));
  return pieces;
}

function defined(settings: Partial<Record<keyof WatchSettings, number>>): Partial<WatchSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

if (import.meta.main) await runAgent(epuAgent());
