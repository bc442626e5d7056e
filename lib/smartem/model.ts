import { z } from "zod";

/** What the SmartEM API says beyond what Holdfast keeps of cryo-EM sessions, in its words. */

export const ACQUISITION_STATUS = [
  "planned",
  "started",
  "completed",
  "paused",
  "abandoned",
] as const;
export type AcquisitionStatus = (typeof ACQUISITION_STATUS)[number];

export const GRID_STATUS = [
  "none",
  "scan started",
  "scan completed",
  "grid squares decision started",
  "grid squares decision completed",
] as const;

export const SQUARE_STATUS = [
  "none",
  "all foil holes registered",
  "foil holes decision started",
  "foil holes decision completed",
] as const;

export const HOLE_STATUS = ["none", "micrographs detected"] as const;

export const MICROGRAPH_STATUS = [
  "none",
  "motion correction started",
  "motion correction completed",
  "ctf started",
  "ctf completed",
  "particle picking started",
  "particle picking completed",
  "particle selection started",
  "particle selection completed",
] as const;

const AtMs = z.number().int().nullable();

/** `["smartem", "grid", acquisitionId]`: the other half of what Holdfast calls an acquisition. */
export const Grid = z.strictObject({
  v: z.literal(1),
  acquisitionId: z.string(),
  /** As its first caller named it; later names stand in the index. */
  uuid: z.string(),
  name: z.string(),
  status: z.enum(GRID_STATUS),
  dataDir: z.string().nullable(),
  atlasDir: z.string().nullable(),
  scanStartedAtMs: AtMs,
  scanEndedAtMs: AtMs,
});
export type Grid = z.infer<typeof Grid>;

/** `["smartem", "square", acquisitionId, squareId]`: what only callers say of a grid square. */
export const SquareWord = z.strictObject({
  v: z.literal(1),
  status: z.enum(SQUARE_STATUS),
  dataDir: z.string().nullable(),
  atlasNodeId: z.number().int().nullable(),
});
export type SquareWord = z.infer<typeof SquareWord>;

/** Most grid squares of one batch. */
export const BATCH_MAX = 1000;
/** Most lines of one batch of an agent's log. */
export const LOG_LINES_MAX = 5000;
/** Event streams of pages open at once. */
export const VIEWERS_MAX = 50;
/** Instruction streams open at once. */
export const AGENT_STREAMS_MAX = 200;
