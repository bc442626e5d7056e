import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { safePath } from "./paths.ts";
import {
  CONTENT_BYTES_MAX,
  PLACEHOLDER_BYTES_MAX,
  type RecordedStep,
  type Recording,
  RecordingUnreadable,
} from "./recording.ts";
import { CONTENTS_FILE, type EventLine, Head, Line, LINES_FILE } from "./recording_lines.ts";
import { digestOf } from "./recording_writer.ts";

interface Place {
  readonly at: number;
  readonly stored: number;
  readonly size: number;
}

/** Opens a recording of ours: a folder. @throws {RecordingUnreadable} @throws {UnsafePath} */
export function openOwnRecording(dir: string): Recording {
  const lines = readLines(join(dir, LINES_FILE));
  const head = Head.safeParse(lines[0]);
  if (!head.success) {
    throw new RecordingUnreadable(`"${dir}" does not begin as a recording does`);
  }
  const places = new Map<string, Place>();
  const steps: RecordedStep[] = [];
  let isWhole = false;
  for (const [i, raw] of lines.entries()) {
    if (i === 0) continue;
    const parsed = Line.safeParse(raw);
    if (!parsed.success) {
      throw new RecordingUnreadable(
        `Line ${i + 1} of "${dir}/${LINES_FILE}" is none of a recording`,
      );
    }
    const line = parsed.data;
    if (line.e === "content") places.set(line.digest, line);
    else if (line.e === "end") isWhole = true;
    else steps.push(stepOf(line));
  }
  const contents = openSync(join(dir, CONTENTS_FILE), "r");
  return {
    form: "holdfast",
    recordedAtMs: head.data.recordedAtMs,
    folder: head.data.folder,
    platform: head.data.platform,
    steps,
    notes: isWhole ? [] : ["The recording was cut off; what it saw until then is here"],
    content: (ref) => contentOf(contents, ref, places.get(ref)),
    [Symbol.dispose]: () => closeSync(contents),
  };
}

function readLines(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new RecordingUnreadable(`Cannot read "${file}": ${(error as Error).message}`);
  }
  const lines = text.split("\n");
  // A whole recording ends its last line; what follows was being written when it was cut off.
  lines.pop();
  return lines.map((line, i) => {
    try {
      return JSON.parse(line);
    } catch {
      throw new RecordingUnreadable(`Line ${i + 1} of "${file}" is not JSON`);
    }
  });
}

function stepOf(line: EventLine): RecordedStep {
  const base = {
    offsetMs: line.t,
    path: safePath(line.path),
    isInitial: "initial" in line && line.initial === true,
    size: null,
    digest: null,
    mtimeMs: null,
  };
  switch (line.e) {
    case "folder":
      return { ...base, act: { kind: "folder" } };
    case "write":
      return {
        ...base,
        size: checkedSize(line, CONTENT_BYTES_MAX),
        digest: line.digest,
        mtimeMs: line.mtimeMs,
        act: { kind: "write", content: line.digest },
      };
    case "append":
      return {
        ...base,
        size: checkedSize(line, CONTENT_BYTES_MAX),
        digest: line.digest,
        mtimeMs: line.mtimeMs,
        act: { kind: "append", from: line.from, content: line.content },
      };
    case "placeholder":
      return {
        ...base,
        size: checkedSize(line, PLACEHOLDER_BYTES_MAX),
        act: { kind: "placeholder" },
      };
    case "unreadable":
      return { ...base, act: { kind: "unreadable", why: line.why } };
    case "delete":
      return { ...base, act: { kind: "delete", isFolder: line.isFolder } };
  }
}

function checkedSize({ path, size }: { path: string; size: number }, max: number): number {
  if (size <= max) return size;
  throw new RecordingUnreadable(`"${path}" is said to have ${size} bytes, more than ${max}`);
}

function contentOf(file: number, digest: string, place: Place | undefined): Uint8Array {
  if (place === undefined) {
    throw new RecordingUnreadable(`The recording does not hold the content ${digest}`);
  }
  const stored = new Uint8Array(place.stored);
  if (readSync(file, stored, 0, place.stored, place.at) !== place.stored) {
    throw new RecordingUnreadable(`The content ${digest} is cut off`);
  }
  let bytes: Uint8Array;
  try {
    bytes = inflateRawSync(stored, { maxOutputLength: Math.max(1, place.size) });
  } catch (cause) {
    throw new RecordingUnreadable(`The content ${digest} is damaged`, { cause });
  }
  if (digestOf(bytes) === digest) return bytes;
  throw new RecordingUnreadable(`The content ${digest} is damaged`);
}
