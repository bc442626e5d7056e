import type { Clock } from "../../../clock.ts";
import type { Log } from "../../../log.ts";
import type { Acquisition } from "../../model.ts";
import type { AgentChannel, Instruction } from "../../instructions/mod.ts";
import { hasEnded } from "../../instructions/mod.ts";
import type { Decision } from "../model.ts";
import type { DecisionStore } from "../store.ts";
import { type EffectChannel, EffectRefused } from "./channel.ts";

const ATTEMPTS_MAX = 5;
const BACK_OFF_MS = 2000;
const TIMEOUT_MS = 30_000;

/** Carries approved decisions out, one after another, and follows what becomes of them. */
export class EffectRunner {
  readonly #stop = new AbortController();
  readonly #timers = new Set<() => void>();
  #chain: Promise<void> = Promise.resolve();
  #unlisten: () => void = () => {};

  constructor(
    private readonly deps: {
      readonly store: DecisionStore;
      readonly clock: Clock;
      readonly log: Log;
      readonly channels: ReadonlyMap<string, EffectChannel>;
      readonly agents: AgentChannel | null;
      readonly acquisition: (id: string) => Promise<Acquisition | null>;
    },
  ) {
    this.#unlisten = deps.agents?.instructions.onChange((one) => {
      if (one.decisionId !== null && hasEnded(one)) this.#then(() => this.#follow(one));
    }) ?? (() => {});
  }

  /** Goes on with what the time before left open. */
  async resume(): Promise<void> {
    for (const decision of await this.deps.store.openEffects()) {
      if (decision.effect?.state === "pending") this.run(decision);
      else this.#then(() => this.#settle(decision));
    }
  }

  /** Carries `decision` out as soon as those before it are done. */
  run({ acquisitionId, id }: Decision): void {
    this.#then(() => this.#apply(acquisitionId, id));
  }

  /** Resolves when nothing is under way; retries may still be waited for. */
  async idle(): Promise<void> {
    for (let seen; seen !== this.#chain;) await (seen = this.#chain);
  }

  async close(): Promise<void> {
    this.#unlisten();
    this.#stop.abort(new DOMException("closing", "AbortError"));
    for (const cancel of this.#timers) cancel();
    await this.#chain;
  }

  #then(work: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (this.#stop.signal.aborted) return;
      try {
        await work();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.deps.log.error("the effect of a decision could not be recorded", { error });
      }
    });
  }

  async #apply(a: string, id: string): Promise<void> {
    const { store, channels } = this.deps;
    const decision = await store.decision(a, id);
    const acquisition = await this.deps.acquisition(a);
    if (decision?.effect?.state !== "pending" || decision.outcome !== "approved") return;
    if (acquisition === null) return;
    const { effect } = decision;
    if (effect.dryRun) {
      await store.setEffect(a, id, { state: "recorded" });
      return;
    }
    const channel = channels.get(effect.channel);
    if (channel === undefined || !channel.capabilities.includes(decision.kind)) {
      const error = channel === undefined
        ? `there is no channel "${effect.channel}"`
        : `the channel "${effect.channel}" cannot carry out "${decision.kind}"`;
      await store.setEffect(a, id, { state: "failed", error });
      return;
    }
    const timeout = new AbortController();
    const cancel = this.deps.clock.timer(
      TIMEOUT_MS,
      () => timeout.abort(new DOMException(`no answer in ${TIMEOUT_MS / 1000} s`, "TimeoutError")),
    );
    const attempts = effect.attempts + 1;
    try {
      const signal = AbortSignal.any([this.#stop.signal, timeout.signal]);
      const settings = await store.settings(a);
      const { state, references, following } = await channel.apply(
        decision,
        id,
        { acquisition, settings },
        signal,
      );
      const applied = await store.setEffect(
        a,
        id,
        { state, references: [...references], attempts, error: null },
        { following },
      );
      if (following && applied !== null) await this.#settle(applied);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      await this.#failed(decision, attempts, error);
    } finally {
      cancel();
    }
  }

  async #failed(decision: Decision, attempts: number, cause: unknown): Promise<void> {
    const { store, clock } = this.deps;
    const { acquisitionId: a, id } = decision;
    const error = cause instanceof Error ? cause.message : String(cause);
    const final = cause instanceof EffectRefused || attempts >= ATTEMPTS_MAX;
    await store.setEffect(a, id, { state: final ? "failed" : "pending", attempts, error });
    if (final) return;
    const cancel = clock.timer(BACK_OFF_MS * 2 ** (attempts - 1), () => {
      this.#timers.delete(cancel);
      this.run(decision);
    });
    this.#timers.add(cancel);
  }

  async #follow({ decisionId, metadata }: Instruction): Promise<void> {
    const a = metadata["acquisition_id"];
    if (typeof a !== "string" || decisionId === null) return;
    const decision = await this.deps.store.decision(a, decisionId);
    if (decision !== null) await this.#settle(decision);
  }

  /** Ends the effect once every instruction it was sent as has ended. */
  async #settle({ acquisitionId: a, id, effect }: Decision): Promise<void> {
    const { store, agents } = this.deps;
    if (agents === null || effect?.state !== "sent") return;
    const told = await Promise.all(effect.references.map((one) => agents.instructions.get(one)));
    const known = told.filter((one) => one !== null);
    if (known.some((one) => !hasEnded(one))) return;
    const bad = known.find(({ state }) => state !== "processed");
    if (bad === undefined) {
      await store.setEffect(a, id, { state: "acknowledged", error: null });
      return;
    }
    const error = bad.answer?.error ?? `the instruction ${bad.state}`;
    const outcome = bad.state === "expired"
      ? "expired"
      : bad.state === "cancelled"
      ? "superseded"
      : undefined;
    await store.setEffect(
      a,
      id,
      { state: "failed", error },
      outcome === undefined ? {} : { outcome },
    );
  }
}
