import type { Clock } from "../clock.ts";
import type { Epu, Steering } from "../epu/mod.ts";
import type { EventLog } from "../events.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { Acquisitions } from "./acquisitions.ts";
import { Agents } from "./agents.ts";
import { Atlases } from "./atlases.ts";
import { Finder } from "./finder.ts";
import { Grids } from "./grids.ts";
import { Images } from "./images.ts";
import { InstructionStreams } from "./instruction_streams.ts";
import { Micrographs } from "./micrographs.ts";
import { PredictionReplies } from "./predictions.ts";
import { isoOf, type Reply } from "./replies.ts";
import { Squares } from "./squares.ts";
import { ViewerStreams } from "./viewer_streams.ts";

export interface SmartemOptions {
  readonly kv: Kv;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Log;
  readonly epu: Epu;
  readonly steering: Steering;
  /** Of Holdfast. */
  readonly version: string;
}

/** The SmartEM API's words for the cryo-EM sessions of this instrument. */
export class Smartem {
  readonly acquisitions: Acquisitions;
  readonly atlases: Atlases;
  readonly squares: Squares;
  readonly micrographs: Micrographs;
  readonly predictions: PredictionReplies;
  readonly agents: Agents;
  readonly images: Images;
  readonly instructionStreams: InstructionStreams;
  readonly viewerStreams: ViewerStreams;
  #unlisten: () => void = () => {};

  private constructor(private readonly options: SmartemOptions, private readonly grids: Grids) {
    const { kv, clock, log, epu, steering, events } = options;
    const find = new Finder(epu);
    this.acquisitions = new Acquisitions(epu, find, grids);
    this.atlases = new Atlases(epu, find, grids, this.acquisitions);
    this.squares = new Squares(epu, kv, find, grids, this.acquisitions);
    this.micrographs = new Micrographs(epu, kv, find, steering.results);
    this.predictions = new PredictionReplies(
      epu,
      find,
      grids,
      this.acquisitions,
      steering.predictions,
    );
    this.agents = new Agents(steering.agents, find, clock);
    this.images = new Images(epu, find, this.acquisitions);
    this.instructionStreams = new InstructionStreams(steering.agents, clock, log);
    this.viewerStreams = new ViewerStreams({
      epu,
      agents: steering.agents,
      events,
      shipped: this.agents,
      find,
      grids,
      clock,
      log,
    });
  }

  static async open(options: SmartemOptions): Promise<Smartem> {
    const { kv, epu, log } = options;
    const grids = new Grids(kv, epu);
    await grids.sweep();
    const smartem = new Smartem(options, grids);
    smartem.#unlisten = kv.onEvents((events) => {
      for (const { type, subject, data } of events) {
        if (type === "epu.agent_session" && data.state === "ended") {
          smartem.instructionStreams.endSession(subject);
        }
        if (type === "epu.deleted" && data.kind === undefined) {
          grids.forget(subject).catch((error) =>
            log.error("what callers said of a deleted acquisition is left over", { error })
          );
        }
      }
    });
    return smartem;
  }

  status(): Reply {
    const { clock, version } = this.options;
    return {
      status: "ok",
      service: "SmartEM Decisions API",
      version,
      timestamp: isoOf(clock.nowMs()),
      configuration: { log_level: "INFO", environment: "holdfast" },
      endpoints: {
        health: "/health",
        status: "/status",
        docs: "/docs",
        openapi: "/openapi.json",
      },
      uptime_seconds: null,
      features: {
        database_operations: true,
        message_queue_publishing: true,
        direct_db_writes: true,
      },
    };
  }

  version(): Reply {
    return { service: "smartem-decisions", version: this.options.version };
  }

  /** Whether the store answers: everything else is part of this process. */
  async health(): Promise<{ readonly isOk: boolean; readonly report: Reply }> {
    const { kv, clock, version } = this.options;
    let database = { status: "ok", details: "The store answers" };
    try {
      await kv.get(["smartem", "health"]);
    } catch {
      database = { status: "error", details: "The store does not answer" };
    }
    const isOk = database.status === "ok";
    return {
      isOk,
      report: {
        status: isOk ? "ok" : "degraded",
        timestamp: isoOf(clock.nowMs()),
        services: {
          database,
          event_broker: { status: "ok", details: "Events are kept with what they tell of" },
          log_aggregator: {
            status: "not_configured",
            details: "Logs of agents are kept in the store",
          },
        },
        version,
      },
    };
  }

  /** Ends the streams of everyone `matches` accepts, such as the owner of a token that was revoked. */
  disconnect(matches: (actor: string) => boolean): void {
    this.viewerStreams.disconnect(matches);
    this.instructionStreams.disconnect(matches);
  }

  /** Ends all streams; twice is harmless. */
  async close(): Promise<void> {
    this.#unlisten();
    this.viewerStreams.close();
    await this.instructionStreams.close();
  }
}
