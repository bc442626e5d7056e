import { createHash } from "node:crypto";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { silentLog } from "../log.ts";
import { Ingest, type Taken } from "./ingest.ts";
import { fileKindOf, readEpuFile } from "./read/mod.ts";

/** What the watcher would hand over for `bytes` at `path` of the root "epu". */
export function takenOf(path: string, bytes: Uint8Array, root = "epu"): Taken {
  const { kind } = fileKindOf(path);
  const own = { root, path, kind, sizeBytes: bytes.length, mtimeMs: 0, tries: 0 };
  if (!/\.(?:xml|dm)$/.test(path)) {
    return { ...own, digest: null, state: "taken", error: null, file: null, findings: [] };
  }
  const digest = createHash("sha256").update(bytes).digest("hex");
  const read = readEpuFile(path, bytes);
  if (!read.ok) {
    const error = read.refusal.text;
    return { ...own, digest, state: "unreadable", error, file: null, findings: [] };
  }
  const { file, findings } = read.value;
  const state = file.kind === "foreign" || file.kind === "unknown" ? "foreign" : "taken";
  return { ...own, digest, state, error: null, file, findings };
}

export interface TestStore extends AsyncDisposable {
  readonly kv: Kv;
  readonly clock: ManualClock;
  readonly ingest: Ingest;
}

/** An empty store in memory with what fills it. */
export async function testStore(): Promise<TestStore> {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const ingest = await openIngest(kv, clock);
  return { kv, clock, ingest, [Symbol.asyncDispose]: () => kv.close() };
}

export function openIngest(kv: Kv, clock: ManualClock): Promise<Ingest> {
  return Ingest.open({
    kv,
    clock,
    log: silentLog,
    graceMs: 60_000,
    drives: [],
    dirOf: (root) => `/${root}`,
  });
}
