import { makeZip } from "client-zip";
import { createHash } from "node:crypto";
import type { Annotation } from "./annotations.ts";
import type { Folders, OpenFile } from "./folders.ts";
import { type Experiment, isTerminal, RUN_FILES, scriptFileName } from "./model.ts";
import { ownerLabel } from "./owner.ts";

/** One file of the archive, as its manifest lists it. */
interface Packed {
  path: string;
  bytes: number;
  sha256: string;
}

/** The run's log by the originals' name. */
const LOG_NAME = "container_logs.txt";
const MANIFEST_NAME = "manifest.json";
/** What people noted about the run; only where they did. */
const ANNOTATIONS_NAME = "annotations.json";

/**
 * A ZIP of a run: the script's files at its root, the script, the log, what people noted, and last a manifest with what the
 * run was and the SHA-256 of every file. Read and packed as it is sent, in pieces; while the run goes on
 * it holds what there was of each file when its turn came.
 */
export function archiveOf(
  experiment: Experiment,
  folders: Folders,
  script: string | null,
  atMs: number,
  annotations: readonly Annotation[] = [],
): ReadableStream<Uint8Array> {
  // The packer leaves the file it was reading open when its reader goes away; we do not.
  const open = new Set<OpenFile>();
  const zip = makeZip(entriesOf(experiment, folders, script, annotations, atMs, open)).getReader();
  const closeAll = () => {
    for (const file of open) file[Symbol.dispose]();
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await zip.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        closeAll();
        controller.error(error);
      }
    },
    async cancel() {
      closeAll();
      await zip.cancel().catch(() => {});
    },
  }, { highWaterMark: 0 });
}

async function* entriesOf(
  experiment: Experiment,
  folders: Folders,
  script: string | null,
  annotations: readonly Annotation[],
  atMs: number,
  open: Set<OpenFile>,
) {
  const { id, kind } = experiment;
  const packed: Packed[] = [];
  const ours = new Set([
    LOG_NAME,
    MANIFEST_NAME,
    ANNOTATIONS_NAME,
    scriptFileName(kind),
  ]);
  for (const { path } of await folders.files(id)) {
    const file = folders.openOutput(id, path);
    if (file === null) continue;
    open.clear();
    open.add(file);
    // A script's own file of one of our names is kept under another, not lost.
    const name = ours.has(path) ? `output/${path}` : path;
    yield { name, lastModified: new Date(file.modifiedAtMs), input: hashed(name, file, packed) };
  }
  if (script !== null) {
    const name = scriptFileName(kind);
    const bytes = new TextEncoder().encode(script);
    packed.push({ path: name, bytes: bytes.length, sha256: sha256(bytes) });
    yield { name, lastModified: new Date(experiment.createdAtMs), input: bytes };
  }
  if (annotations.length > 0) {
    const bytes = new TextEncoder().encode(annotationsText(annotations));
    packed.push({ path: ANNOTATIONS_NAME, bytes: bytes.length, sha256: sha256(bytes) });
    yield { name: ANNOTATIONS_NAME, lastModified: new Date(atMs), input: bytes };
  }
  const log = folders.openOwn(id, RUN_FILES.log);
  if (log !== null) {
    open.add(log);
    yield {
      name: LOG_NAME,
      lastModified: new Date(log.modifiedAtMs),
      input: hashed(LOG_NAME, log, packed),
    };
  }
  yield {
    name: MANIFEST_NAME,
    lastModified: new Date(atMs),
    input: JSON.stringify(manifestOf(experiment, packed, atMs), null, 2) + "\n",
  };
}

/** The file's bytes as they go by, noting their digest at the end. */
async function* hashed(
  path: string,
  file: OpenFile,
  packed: Packed[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of file.stream()) {
    hash.update(piece);
    bytes += piece.length;
    yield piece;
  }
  packed.push({ path, bytes, sha256: hash.digest("hex") });
}

function manifestOf(experiment: Experiment, files: Packed[], atMs: number) {
  const { id, number, title, owner, kind, scriptSha256, devices, limits } = experiment;
  const { parameters, endState, holdState, onInterrupt } = experiment;
  const time = (ms: number | null) => ms === null ? null : new Date(ms).toISOString();
  return {
    v: 1,
    packedAt: time(atMs),
    /** Whether the run was over: else files may have grown since. */
    complete: isTerminal(experiment.state),
    experiment: {
      id,
      number,
      title,
      owner: ownerLabel(owner),
      kind,
      scriptSha256,
      devices,
      limits,
      parameters,
      endState,
      holdState,
      onInterrupt,
      state: experiment.state,
      attempt: experiment.attempt,
      createdAt: time(experiment.createdAtMs),
      startedAt: time(experiment.startedAtMs),
      endedAt: time(experiment.endedAtMs),
      exitCode: experiment.exitCode,
      error: experiment.error,
    },
    files,
  };
}

function annotationsText(annotations: readonly Annotation[]): string {
  const list = annotations.map(({ id, atMs, text, actor, createdAtMs }) => ({
    id,
    at: new Date(atMs).toISOString(),
    text,
    actor,
    createdAt: new Date(createdAtMs).toISOString(),
  }));
  return JSON.stringify({ v: 1, annotations: list }, null, 2) + "\n";
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
