import type { RecordedStep } from "./recording.ts";
import { Seeded } from "./seeded.ts";

/** How one step goes wrong on its way; the step itself is done right afterwards. */
export type Fault =
  /** A share of the file is there first, for so long in recorded time. */
  | { readonly kind: "partial"; readonly share: number; readonly forMs: number }
  | { readonly kind: "duplicate" }
  | { readonly kind: "stall"; readonly forMs: number }
  /** The disk has no room for a while. */
  | { readonly kind: "full"; readonly forMs: number }
  /** It came before the step that was recorded ahead of it. */
  | { readonly kind: "swap" };

export interface FaultyStep {
  readonly step: RecordedStep;
  readonly fault: Fault | null;
}

/** The steps with the faults that `seed` gives; without one, as they are. The end state is the same. */
export function withFaults(steps: readonly RecordedStep[], seed: number | undefined): FaultyStep[] {
  if (seed === undefined) return steps.map((step) => ({ step, fault: null }));
  const random = new Seeded(seed, "faults");
  const faulty: FaultyStep[] = steps.map((step) => ({ step, fault: faultOf(random) }));
  for (let i = 1; i < faulty.length; i++) {
    const [first, second] = [faulty[i - 1]!, faulty[i]!];
    if (!random.chance(0.08) || !areApart(first.step, second.step)) continue;
    faulty[i - 1] = { step: second.step, fault: { kind: "swap" } };
    faulty[i] = first;
    i++;
  }
  return faulty;
}

function faultOf(random: Seeded): Fault | null {
  const dice = random.unit();
  if (dice < 0.15) {
    return { kind: "partial", share: random.between(0, 0.99), forMs: random.between(100, 4000) };
  }
  if (dice < 0.2) return { kind: "duplicate" };
  if (dice < 0.23) return { kind: "stall", forMs: random.between(5_000, 60_000) };
  if (dice < 0.27) return { kind: "full", forMs: random.between(1_000, 10_000) };
  return null;
}

/** Whether the two may change places: neither lies in, is, or replaces the other. */
function areApart(a: RecordedStep, b: RecordedStep): boolean {
  if (a.isInitial !== b.isInitial) return false;
  const paths = (step: RecordedStep) =>
    step.act.kind === "move" ? [step.path, step.act.to] : [step.path];
  return paths(a).every((one) =>
    paths(b).every((other) =>
      one !== other && !one.startsWith(`${other}/`) && !other.startsWith(`${one}/`)
    )
  );
}
