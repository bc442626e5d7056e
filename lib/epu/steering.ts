import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Config } from "../config_schema.ts";
import type { EventLog } from "../events.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import {
  agentChannel,
  athenaChannel,
  Decisions,
  fileChannel,
  httpAuthority,
} from "./decisions/mod.ts";
import { AgentChannel } from "./instructions/mod.ts";
import { type Consumer, Outbox, webhook } from "./outbox/mod.ts";
import { PredictionStore } from "./predictions/mod.ts";
import { ResultStore } from "./results/mod.ts";
import type { Epu } from "./service.ts";

export interface SteeringOptions {
  readonly kv: Kv;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Log;
  readonly epu: Epu;
  /** The data folder: target lists are written below it. */
  readonly dir: string;
  readonly config: Pick<
    Config["epu"],
    "webhooks" | "authorities" | "athenaUrl" | "askEveryMs"
  >;
  /** Message brokers and handlers of this process, beside the configured webhooks. */
  readonly consumers?: readonly Consumer[];
}

const SWEEP_MS = 3_600_000;

/**
 * What is made of cryo-EM sessions beside keeping them: results come in, predictions are weighed, somebody
 * decides where to go next, agents are told, and others hear of it all.
 */
export class Steering {
  #cancel: () => void = () => {};
  #closed = false;

  private constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    readonly results: ResultStore,
    readonly predictions: PredictionStore,
    readonly agents: AgentChannel,
    readonly decisions: Decisions,
    readonly outbox: Outbox,
  ) {
    this.#keepHouse();
  }

  static async open(options: SteeringOptions): Promise<Steering> {
    const { kv, events, clock, log, epu, dir, config, consumers = [] } = options;
    const results = new ResultStore(kv, clock, epu);
    const predictions = new PredictionStore(kv, clock);
    const agents = await AgentChannel.open({ kv, clock, log });
    const { athenaUrl } = config;
    const decisions = await Decisions.open({
      kv,
      clock,
      log,
      epu,
      results,
      predictions,
      agents,
      throttleMs: config.askEveryMs,
      authorities: config.authorities.map(({ name, url, secret, timeoutMs }) =>
        httpAuthority({ name, url, secret: secret ?? null, timeoutMs, clock })
      ),
      channels: [
        agentChannel(agents, (a, holeId) => epu.squareOfHole(a, holeId)),
        fileChannel(join(dir, "epu", "targets")),
        ...athenaUrl === undefined ? [] : [athenaChannel({ url: athenaUrl })],
      ],
      // The reader keeps states in memory: it is told of one that was changed here.
      onState: (a, state, actor) => epu.setState(a, state, actor, "decided"),
    });
    const outbox = await Outbox.open({
      kv,
      events,
      clock,
      log,
      consumers: [
        ...config.webhooks.map(({ name, url, secret, types }) =>
          webhook({ name, url, types, secret: secret ?? null, clock })
        ),
        ...consumers,
      ],
    });
    return new Steering(clock, log, results, predictions, agents, decisions, outbox);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.decisions.close();
    await this.outbox.close();
    await this.agents.close();
  }

  #keepHouse(): void {
    this.#cancel = this.clock.timer(SWEEP_MS, () => {
      this.results.sweep().catch((error) => {
        if (!this.#closed) this.log.error("old idempotency keys could not be removed", { error });
      }).finally(() => {
        if (!this.#closed) this.#keepHouse();
      });
    });
  }
}
