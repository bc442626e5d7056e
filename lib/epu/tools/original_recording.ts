import { Buffer } from "node:buffer";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { z } from "zod";
import { safePath } from "./paths.ts";
import {
  CONTENT_BYTES_MAX,
  type ContentRef,
  PLACEHOLDER_BYTES_MAX,
  type RecordedAct,
  type RecordedStep,
  type Recording,
  RecordingUnreadable,
} from "./recording.ts";
import { digestOf } from "./recording_writer.ts";
import { indexTar, type TarEntry } from "./tar_index.ts";

/** The text of `recording.json`, which has to be parsed in one piece. */
const JSON_BYTES_MAX = 400 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 64 * 1024 ** 3;

const Size = z.number().int().nonnegative().max(PLACEHOLDER_BYTES_MAX).nullish();

const OriginalEvent = z.object({
  timestamp: z.number(),
  event_type: z.enum([
    "initial_dir",
    "initial_file",
    "created",
    "modified",
    "appended",
    "truncated",
    "deleted",
    "moved",
  ]),
  src_path: z.string(),
  dest_path: z.string().nullish(),
  is_directory: z.boolean().default(false),
  content: z.string().nullish(),
  size: Size,
  content_hash: z.string().nullish(),
  binary_chunk_id: z.string().regex(/^[\w-]{1,100}$/).nullish(),
  operation_data: z.object({ mtime: z.number().optional(), new_size: Size }).nullish(),
  file_position: z.number().int().nonnegative().nullish(),
  is_placeholder: z.boolean().default(false),
});
type OriginalEvent = z.infer<typeof OriginalEvent>;

const OriginalRecording = z.object({
  metadata: z.object({
    recorded_at: z.string().nullish(),
    watch_dir: z.string().default(""),
    platform: z.string().nullish(),
  }),
  events: z.array(OriginalEvent),
});

/**
 * Opens what fsrecorder or epuplayer recorded: a gzipped tar of `recording.json` and chunks, or the older
 * plain JSON. The archive is unpacked to one temporary file, gone with the recording.
 *
 * @throws {RecordingUnreadable} @throws {UnsafePath}
 */
export async function openOriginalRecording(file: string): Promise<Recording> {
  return isGzip(file) ? await openArchive(file) : openJson(file);
}

function isGzip(file: string): boolean {
  const handle = openSync(file, "r");
  try {
    const start = new Uint8Array(2);
    readSync(handle, start, 0, 2, 0);
    return start[0] === 0x1f && start[1] === 0x8b;
  } finally {
    closeSync(handle);
  }
}

function openJson(file: string): Recording {
  const { size } = statSync(file);
  if (size > JSON_BYTES_MAX) throw new RecordingUnreadable(`"${file}" has ${size} bytes of JSON`);
  const chunk = () => {
    throw new RecordingUnreadable(`"${file}" names a chunk, and plain JSON has none`);
  };
  return recordingOf("epuplayer json", readFileSync(file), chunk, () => {});
}

async function openArchive(file: string): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-recording-"));
  const close = () => rmSync(folder, { recursive: true, force: true });
  try {
    const tar = join(folder, "recording.tar");
    await unpack(file, tar);
    const handle = openSync(tar, "r");
    const entries = indexTar(handle, fstatSync(handle).size);
    const bytesOf = (name: string, entry: TarEntry | undefined, max: number) => {
      if (entry === undefined) throw new RecordingUnreadable(`The archive has no "${name}"`);
      if (entry.size > max) throw new RecordingUnreadable(`"${name}" has ${entry.size} bytes`);
      const bytes = new Uint8Array(entry.size);
      for (let done = 0; done < entry.size;) {
        done += readSync(handle, bytes, done, entry.size - done, entry.at + done);
      }
      return bytes;
    };
    const json = bytesOf("recording.json", entries.get("recording.json"), JSON_BYTES_MAX);
    return recordingOf("epuplayer archive", json, (id) => {
      const name = `chunks/${id}.bin`;
      return bytesOf(name, entries.get(name), CONTENT_BYTES_MAX);
    }, () => {
      closeSync(handle);
      close();
    });
  } catch (error) {
    close();
    throw error;
  }
}

async function unpack(file: string, to: string): Promise<void> {
  let total = 0;
  const limit = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      total += chunk.length;
      if (total <= UNPACKED_BYTES_MAX) done(null, chunk);
      else done(new RecordingUnreadable(`"${file}" holds more than ${UNPACKED_BYTES_MAX} bytes`));
    },
  });
  try {
    await pipeline(createReadStream(file), createGunzip(), limit, createWriteStream(to));
  } catch (cause) {
    if (cause instanceof RecordingUnreadable) throw cause;
    throw new RecordingUnreadable(`"${file}" is cut off or damaged`, { cause });
  }
}

function recordingOf(
  form: Recording["form"],
  json: Uint8Array,
  chunk: (id: string) => Uint8Array,
  close: () => void,
): Recording {
  const { metadata, events } = parse(json);
  const texts = new Map<ContentRef, OriginalEvent>();
  const startS = events[0]?.timestamp ?? 0;
  let offsetMs = 0;
  const steps = events.flatMap((event, i) => {
    // Its clock may step; ours never goes back.
    offsetMs = Math.max(offsetMs, (event.timestamp - startS) * 1000);
    const ref = event.binary_chunk_id ? `chunk:${event.binary_chunk_id}` : `text:${i}`;
    if (!event.binary_chunk_id && typeof event.content === "string") texts.set(ref, event);
    const step = stepOf(event, ref, offsetMs);
    return step === null ? [] : [step];
  });
  const recordedAtMs = Date.parse(`${metadata.recorded_at ?? ""}Z`);
  return {
    form,
    recordedAtMs: Number.isNaN(recordedAtMs) ? null : recordedAtMs,
    folder: metadata.watch_dir,
    platform: metadata.platform ?? null,
    steps,
    notes: [],
    content(ref) {
      if (ref.startsWith("chunk:")) return chunk(ref.slice("chunk:".length));
      const event = texts.get(ref);
      if (event === undefined) throw new RecordingUnreadable(`There is no content "${ref}"`);
      return textBytes(event);
    },
    [Symbol.dispose]: close,
  };
}

function parse(json: Uint8Array): z.infer<typeof OriginalRecording> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (cause) {
    throw new RecordingUnreadable("The recording is not JSON in UTF-8", { cause });
  }
  const parsed = OriginalRecording.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new RecordingUnreadable(`The recording has no sense at "${path.join(".")}": ${message}`);
}

/**
 * The file's bytes. Python turned every line end into `\n` as it read the text; where the digest says so,
 * they are turned back.
 */
function textBytes({ content, content_hash: wanted, event_type }: OriginalEvent): Uint8Array {
  const bytes = Buffer.from(content ?? "", "utf8");
  if (event_type === "appended" || !wanted || digestOf(bytes) === wanted) return bytes;
  const windows = Buffer.from((content ?? "").replaceAll("\n", "\r\n"), "utf8");
  return digestOf(windows) === wanted ? windows : bytes;
}

function stepOf(event: OriginalEvent, ref: ContentRef, offsetMs: number): RecordedStep | null {
  const act = actOf(event, ref);
  if (act === null) return null;
  const digest = /^[0-9a-f]{64}$/.test(event.content_hash ?? "") ? event.content_hash! : null;
  const hasContent = ["write", "append", "truncate"].includes(act.kind);
  return {
    offsetMs,
    path: safePath(event.src_path),
    act,
    size: event.size ?? null,
    digest: hasContent ? digest : null,
    isInitial: event.event_type.startsWith("initial_"),
    mtimeMs: event.operation_data?.mtime === undefined ? null : event.operation_data.mtime * 1000,
  };
}

/** `null`: nothing that changes a file (a folder's time changed). */
function actOf(event: OriginalEvent, ref: ContentRef): RecordedAct | null {
  const { event_type: type, is_directory: isFolder } = event;
  if (type === "deleted") return { kind: "delete", isFolder };
  if (type === "moved") {
    if (!event.dest_path) throw new RecordingUnreadable(`"${event.src_path}" moves to nowhere`);
    return { kind: "move", to: safePath(event.dest_path), isFolder };
  }
  if (isFolder || type === "initial_dir") return type === "modified" ? null : { kind: "folder" };
  if (event.content_hash?.startsWith("unreadable_")) {
    return { kind: "unreadable", why: "unreadable" };
  }
  if (event.is_placeholder) return { kind: "placeholder" };
  if (type === "truncated") return { kind: "truncate" };
  const hasContent = event.binary_chunk_id || typeof event.content === "string";
  if (!hasContent) return { kind: "placeholder" };
  if (type === "appended") {
    return { kind: "append", from: event.file_position ?? 0, content: ref };
  }
  return { kind: "write", content: ref };
}
