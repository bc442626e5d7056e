import { matchesGlob } from "node:path";
import { type Clock, delay } from "../../clock.ts";
import { isBinaryName, type RecordedStep, type Recording } from "./recording.ts";
import { digestOf } from "./recording_writer.ts";
import { type Fault, withFaults } from "./replay_faults.ts";
import { ReplayTarget } from "./replay_target.ts";
import { requireEmptyFolder } from "./skeleton.ts";

export interface Pace {
  /** Recorded seconds in one true second. */
  readonly speed: number;
  /** No wait is longer; `null`: none is cut. */
  readonly delayMsMax: number | null;
  /** No waits at all. */
  readonly burst: boolean;
}

/** The original player's modes. */
export const MODES = {
  fast: { speed: 100, delayMsMax: 1000, burst: false },
  dev: { speed: 1000, delayMsMax: 100, burst: true },
  exact: { speed: 1, delayMsMax: null, burst: false },
} as const satisfies Record<string, Pace>;

export interface ReplayAsk {
  readonly recording: Recording;
  /** Empty, or not there. */
  readonly target: string;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Only paths that match one of these. */
  readonly only?: readonly string[];
  /** Milliseconds since the recording began; what came before is laid down at once. */
  readonly fromMs?: number;
  /** Nothing later is replayed. */
  readonly untilMs?: number;
  /** Write badly as this seed says: in parts, twice, out of order, with stalls. It ends the same. */
  readonly faultSeed?: number;
  readonly skipBinary?: boolean;
  readonly verify?: boolean;
  readonly onStep?: (step: RecordedStep) => void;
}

export interface ReplayReport {
  readonly steps: number;
  /** Paths that stand as zeros of the right size. */
  readonly placeholders: readonly string[];
  /** Paths that the recorder could not read. */
  readonly unreadable: readonly string[];
  /** Paths whose recorded bytes are not what their digest says: the recorder lost something. */
  readonly damaged: readonly string[];
  readonly faults: Readonly<Record<Fault["kind"], number>>;
  /** What the target is otherwise than recorded; `null`: not verified, for nobody asked or it was cut short. */
  readonly wrong: readonly string[] | null;
  /** Told to end before all was replayed. */
  readonly isCutShort: boolean;
}

/**
 * Replays a recording into an empty folder.
 *
 * @throws {FolderNotEmpty} {RecordingUnreadable} {UnsafePath}, and what the file system says.
 */
export async function replay(ask: ReplayAsk): Promise<ReplayReport> {
  requireEmptyFolder(ask.target);
  const target = new ReplayTarget(ask.target);
  const run = new Replay(ask, target);
  const chosen = choose(ask);
  const faulty = withFaults(chosen, ask.faultSeed);
  let beforeMs: number | null = null;
  let isCutShort = false;
  for (const { step, fault } of faulty) {
    const isEarly = step.isInitial || step.offsetMs < (ask.fromMs ?? 0);
    const gapMs = isEarly || beforeMs === null ? 0 : Math.max(0, step.offsetMs - beforeMs);
    beforeMs = isEarly ? ask.fromMs ?? step.offsetMs : Math.max(beforeMs ?? 0, step.offsetMs);
    if (!await run.wait(gapMs) || !await run.apply(step, isEarly ? null : fault)) {
      isCutShort = true;
      break;
    }
  }
  const wrong = ask.verify === false || isCutShort ? null : await target.verify();
  const placeholders = [...target.expected].filter(([, { isPlaceholder }]) => isPlaceholder);
  return {
    steps: run.steps,
    placeholders: placeholders.map(([path]) => path),
    unreadable: [...run.unreadable],
    damaged: [...run.damaged],
    faults: run.faults,
    wrong,
    isCutShort,
  };
}

function choose({ recording, only, untilMs, skipBinary }: ReplayAsk): RecordedStep[] {
  const fits = (path: string) =>
    only === undefined || only.length === 0 || only.some((glob) => matchesGlob(path, glob));
  return recording.steps.filter((step) => {
    if (untilMs !== undefined && step.offsetMs > untilMs) return false;
    if (step.act.kind === "folder" && (only?.length ?? 0) > 0) return false;
    return fits(step.path) || (step.act.kind === "move" && fits(step.act.to)) ||
      (step.act.kind === "delete" && step.act.isFolder);
  }).map((step) =>
    skipBinary && (step.act.kind === "write" || step.act.kind === "append") &&
      isBinaryName(step.path)
      ? { ...step, act: { kind: "placeholder" }, digest: null }
      : step
  );
}

class Replay {
  steps = 0;
  readonly unreadable = new Set<string>();
  readonly damaged = new Set<string>();
  readonly faults = { partial: 0, duplicate: 0, stall: 0, full: 0, swap: 0 };

  constructor(private readonly ask: ReplayAsk, private readonly target: ReplayTarget) {}

  /** `false`: told to end. */
  async wait(recordedMs: number): Promise<boolean> {
    const { pace: { speed, delayMsMax, burst }, clock, signal } = this.ask;
    if (signal?.aborted) return false;
    const ms = Math.min(recordedMs / speed, delayMsMax ?? Infinity);
    if (burst || ms < 1) return true;
    try {
      await delay(clock, ms, signal);
      return true;
    } catch (error) {
      if (signal?.aborted) return false;
      throw error;
    }
  }

  async apply(step: RecordedStep, fault: Fault | null): Promise<boolean> {
    const bytes = this.#bytesOf(step);
    if (fault !== null) {
      this.faults[fault.kind]++;
      if (!await this.#spoil(step, bytes, fault)) return false;
    }
    this.target.apply(step, bytes);
    if (step.act.kind === "unreadable") this.unreadable.add(step.path);
    this.steps++;
    this.ask.onStep?.(step);
    return true;
  }

  async #spoil(step: RecordedStep, bytes: Uint8Array | null, fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case "partial":
        if (step.act.kind !== "write") return true;
        this.target.writePart(
          step.path,
          bytes!.subarray(0, Math.floor(bytes!.length * fault.share)),
        );
        return await this.wait(fault.forMs);
      case "full":
        // The file is there, and nothing in it fitted on the disk.
        if (step.act.kind !== "write") return true;
        this.target.writePart(step.path, new Uint8Array(0));
        return await this.wait(fault.forMs);
      case "duplicate":
        this.target.apply(step, bytes);
        return true;
      case "stall":
        return await this.wait(fault.forMs);
      case "swap":
        return true;
    }
  }

  #bytesOf({ act, path, digest }: RecordedStep): Uint8Array | null {
    if (act.kind !== "write" && act.kind !== "append") return null;
    const bytes = this.ask.recording.content(act.content);
    if (act.kind === "write" && digest !== null && digestOf(bytes) !== digest) {
      this.damaged.add(path);
    }
    return bytes;
  }
}
