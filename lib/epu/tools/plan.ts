import { z } from "zod";

/** What to invent: the same plan always gives the same bytes. */
export const Plan = z.strictObject({
  seed: z.number().int().min(0).max(2 ** 31).default(1)
    .describe("Everything that looks random follows from it"),
  micrographs: z.number().int().min(0).max(1_000_000).default(1000),
  squares: z.number().int().min(1).max(3000).optional()
    .describe(
      "Squares of the grid, visited or not; absent: as many as are needed, and at least 220",
    ),
  holesPerSquare: z.number().int().min(1).max(1500).default(250)
    .describe("Holes EPU finds on each square that it visits"),
  areas: z.number().int().min(1).max(20).default(6).describe("Exposures of each hole"),
  clustering: z.boolean().default(true)
    .describe(
      "Aberration-free image shift: one image of a hole per cluster, the rest by beam shift",
    ),
  intervalMs: z.number().int().min(100).max(600_000).default(3500)
    .describe("Between two exposures"),
  startAtMs: z.number().int().min(0).max(4e12).default(Date.UTC(2026, 0, 12, 9, 0, 0)),
  zoneOffsetMin: z.number().int().min(-840).max(840).default(0),
  visit: z.string().regex(/^[A-Za-z0-9_.-]{1,60}$/, "letters, digits, dot, dash, underscore")
    .default("bi00000-1"),
  version: z.string().regex(/^3\.\d+\.\d+\.\d+$/, 'a version such as "3.9.1.8206"')
    .default("3.9.1.8206"),
  previews: z.enum(["none", "empty", "pictures"]).default("none")
    .describe("The jpg beside each xml: not there, of no bytes, or something to look at"),
  lateShare: z.number().min(0).max(1).default(0.01)
    .describe("Share of micrographs whose xml comes 20 to 120 s late"),
});
export type Plan = z.infer<typeof Plan>;
export type PlanAsk = z.input<typeof Plan>;

/** @throws {RangeError} naming every field that is wrong. */
export function planOf(ask: PlanAsk): Plan {
  const parsed = Plan.safeParse(ask);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new RangeError(`Cannot plan a session: ${wrong.join("; ")}`);
}
