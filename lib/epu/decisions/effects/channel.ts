import type { Acquisition } from "../../model.ts";
import type { Decision, DecisionKind, DecisionSettings } from "../model.ts";

/** What a channel needs to know besides the decision. */
export interface EffectContext {
  readonly acquisition: Acquisition;
  readonly settings: DecisionSettings;
}

/** How far a channel came by itself. */
export interface Applied {
  readonly state: "recorded" | "sent";
  /** Ids under which the other side knows it. */
  readonly references: readonly string[];
  /** The other side will say what became of it. */
  readonly following: boolean;
}

/** The other side understood and will not do it, or it cannot be told: trying again helps nobody. */
export class EffectRefused extends Error {
  override readonly name = "EffectRefused";
}

/**
 * Carries decisions out. `apply` may be called again with the same key after a crash, and then must do
 * nothing twice. Throws `EffectRefused` for what it will never do, anything else to be asked again.
 */
export interface EffectChannel {
  readonly name: string;
  readonly capabilities: readonly DecisionKind[];
  apply(
    decision: Decision,
    idempotencyKey: string,
    context: EffectContext,
    signal: AbortSignal,
  ): Promise<Applied>;
}
