import { z } from "zod";

/**
 * Our own form of a recording: a folder with two files that only ever grow. `recording.jsonl` has a head,
 * then a line for each event and for each content; `contents.bin` the contents, each once and deflated.
 * Bytes are on disk before the line that names them, so what a crash cuts off is at most the last line.
 */
export const LINES_FILE = "recording.jsonl";
export const CONTENTS_FILE = "contents.bin";
export const FORMAT = "holdfast-epu-recording";

const Count = z.number().int().nonnegative();
const Digest = z.string().regex(/^[0-9a-f]{64}$/);

export const Head = z.strictObject({
  format: z.literal(FORMAT),
  v: z.literal(1),
  /** The one wall time; everything else counts from it by a clock that does not step. */
  recordedAtMs: z.number().int(),
  folder: z.string(),
  platform: z.string(),
  skipBinary: z.boolean(),
});
export type Head = z.infer<typeof Head>;

const event = { t: z.number().nonnegative(), path: z.string().min(1) };
const initial = { initial: z.literal(true).optional() };

export const Line = z.discriminatedUnion("e", [
  z.strictObject({
    e: z.literal("content"),
    digest: Digest,
    at: Count,
    stored: Count,
    size: Count,
  }),
  z.strictObject({ e: z.literal("folder"), ...event, ...initial }),
  z.strictObject({
    e: z.literal("write"),
    ...event,
    ...initial,
    size: Count,
    digest: Digest,
    mtimeMs: z.number(),
  }),
  z.strictObject({
    e: z.literal("append"),
    ...event,
    from: Count,
    /** Of the bytes that came. */
    content: Digest,
    size: Count,
    digest: Digest,
    mtimeMs: z.number(),
  }),
  z.strictObject({ e: z.literal("placeholder"), ...event, ...initial, size: Count }),
  z.strictObject({ e: z.literal("unreadable"), ...event, ...initial, why: z.string() }),
  z.strictObject({ e: z.literal("delete"), ...event, isFolder: z.boolean() }),
  z.strictObject({ e: z.literal("end"), t: z.number().nonnegative() }),
]);
export type Line = z.infer<typeof Line>;
export type EventLine = Exclude<Line, { e: "content" | "end" }>;
