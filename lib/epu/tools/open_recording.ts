import { statSync } from "node:fs";
import { openOriginalRecording } from "./original_recording.ts";
import { type Recording, RecordingUnreadable } from "./recording.ts";
import { openOwnRecording } from "./recording_reader.ts";

/** A recording of any known form. @throws {RecordingUnreadable} @throws {UnsafePath} */
export async function openRecording(path: string): Promise<Recording> {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw new RecordingUnreadable(`Cannot read "${path}": ${(error as Error).message}`);
  }
  return isFolder ? openOwnRecording(path) : await openOriginalRecording(path);
}
