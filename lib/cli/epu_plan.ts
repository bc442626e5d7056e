import { type CommandArgs, type OptionSpec, UsageError, wholeNumber } from "./command.ts";
import type { PlanAsk } from "../epu/tools/mod.ts";

/** Options that say what an invented EPU session is like. */
export const PLAN_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  micrographs: { value: "NUMBER", help: "Micrographs in all (default: 1000)" },
  squares: {
    value: "NUMBER",
    help: "Squares of the grid (default: as many as needed, 220 at least)",
  },
  holes: { value: "NUMBER", help: "Holes on each square (default: 250)" },
  areas: { value: "NUMBER", help: "Micrographs of each hole (default: 6)" },
  "no-clustering": { help: "An image of every hole; without: one for each cluster of holes" },
  previews: { value: "KIND", help: "The jpg beside each xml: none, empty, pictures" },
  seed: { value: "NUMBER", help: "The same seed gives the same bytes (default: 1)" },
  visit: {
    value: "NAME",
    help: "Name of the visit in folders and storage paths (default: bi00000-1)",
  },
  start: { value: "TIME", help: "When the session starts, as 2026-01-12T09:00:00Z" },
  "epu-version": { value: "VERSION", help: "EPU's version in the files (default: 3.9.1.8206)" },
};

/** @throws {UsageError} */
export function planAskOf(args: CommandArgs): PlanAsk {
  const whole = {
    micrographs: wholeNumber(args, "micrographs"),
    squares: wholeNumber(args, "squares"),
    holesPerSquare: wholeNumber(args, "holes"),
    areas: wholeNumber(args, "areas"),
    seed: wholeNumber(args, "seed"),
    startAtMs: timeOf(args, "start"),
  };
  return {
    ...Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined)),
    ...(args.flag("no-clustering") ? { clustering: false } : {}),
    ...textOf(args, "visit", "visit"),
    ...textOf(args, "epu-version", "version"),
    ...textOf(args, "previews", "previews"),
  };
}

function textOf(args: CommandArgs, option: string, field: string): Record<string, string> {
  const text = args.text(option);
  return text === undefined ? {} : { [field]: text };
}

/** Epoch ms of an RFC 3339 time. @throws {UsageError} */
export function timeOf(args: CommandArgs, option: string): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  const atMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(atMs)) {
    throw new UsageError(`--${option} needs a time such as 2026-01-12T09:00:00Z, not "${text}"`);
  }
  return atMs;
}
