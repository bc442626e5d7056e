import type { Clock } from "../clock.ts";
import type { AgentChannel, Epu } from "../epu/mod.ts";
import type { EventLog, HoldfastEvent } from "../events.ts";
import type { Log } from "../log.ts";
import { ackStatusOf, type Agents, type LoggedLine, statusOf } from "./agents.ts";
import type { Finder } from "./finder.ts";
import type { Grids } from "./grids.ts";
import { VIEWERS_MAX } from "./model.ts";
import { SmartemRefusal } from "./refusal.ts";
import { isoOf, maybeIso, type Reply } from "./replies.ts";
import { SseStream } from "./sse.ts";

/** Counts of one acquisition go out at most so often. */
const PROGRESS_MS = 1000;
const HEARTBEAT_MS = 15_000;

export interface ViewerAsk {
  readonly acquisitionUuid: string | null;
  readonly agentId: string | null;
  /** `null`: all. */
  readonly types: ReadonlySet<string> | null;
  /** Number of the last event that was seen. */
  readonly lastEventId: number | null;
  readonly actor: string;
}

interface Sources {
  readonly epu: Epu;
  readonly agents: AgentChannel;
  readonly events: EventLog;
  readonly shipped: Agents;
  readonly find: Finder;
  readonly grids: Grids;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What a page of the original is told: how agents and acquisitions stand, then everything as it happens. Ids
 * are places in the event log, so a page that comes back is told what it missed.
 */
export class ViewerStreams {
  /** With who looks. */
  readonly #open = new Map<SseStream, string>();

  constructor(private readonly sources: Sources) {}

  /** @throws {SmartemRefusal} 503 beyond `VIEWERS_MAX` */
  async open(ask: ViewerAsk): Promise<Response> {
    if (this.#open.size >= VIEWERS_MAX) {
      throw new SmartemRefusal(503, "Too many frontend SSE connections");
    }
    const { acquisitionUuid, lastEventId } = ask;
    const wanted = acquisitionUuid === null
      ? null
      : (await this.sources.find.maybe(acquisitionUuid, "acquisition"))?.acquisitionId ??
        acquisitionUuid;
    const { events, clock, log } = this.sources;
    const sinceMs = clock.monotonicMs();
    const subscription = events.subscribe(lastEventId === null ? {} : { afterSeq: lastEventId });
    let cancelBeat = () => {};
    const ends: (() => void)[] = [() => subscription[Symbol.dispose](), () => cancelBeat()];
    const stream = new SseStream(() => {
      this.#open.delete(stream);
      for (const end of ends) end();
    });
    this.#open.set(stream, ask.actor);
    const viewer = new Viewer(this.sources, stream, ask, wanted);
    ends.push(() => viewer.end());
    ends.push(this.sources.shipped.onLines((lines) => viewer.tellLines(lines)));
    const beat = () => {
      cancelBeat = clock.timer(HEARTBEAT_MS, () => {
        stream.send({
          event: "heartbeat",
          data: {
            timestamp: isoOf(clock.nowMs()),
            connection_time_s: (clock.monotonicMs() - sinceMs) / 1000,
          },
        });
        if (!stream.ended) beat();
      });
    };
    beat();
    const follow = async () => {
      await viewer.greet();
      for await (const delivery of subscription) {
        if (stream.ended) return;
        if (delivery.kind === "event") await viewer.tell(delivery.event);
        // What it missed and is gone shows in how things stand now.
        else await viewer.greet();
      }
    };
    follow().catch((error) => {
      if (!stream.ended) log.warn("a page's event stream failed", { error });
    }).finally(() => stream.end());
    return stream.response;
  }

  /** Ends the streams of everyone `matches` accepts, such as the owner of a token that was revoked. */
  disconnect(matches: (actor: string) => boolean): void {
    for (const [stream, actor] of [...this.#open]) if (matches(actor)) stream.end();
  }

  close(): void {
    for (const stream of [...this.#open.keys()]) stream.end();
  }
}

/** One page that looks. */
class Viewer {
  readonly #progress = new Map<string, string>();
  readonly #dirty = new Map<string, number>();
  #cancel: (() => void) | null = null;

  constructor(
    private readonly sources: Sources,
    private readonly stream: SseStream,
    private readonly ask: ViewerAsk,
    private readonly acquisitionId: string | null,
  ) {}

  end(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** How everything stands. */
  async greet(): Promise<void> {
    if (this.#wants("agent.status")) {
      const agents = new Set(
        (await this.sources.agents.connections())
          .filter(({ state }) => state === "open").map(({ agentId }) => agentId),
      );
      for (const agentId of agents) await this.#tellAgent(agentId);
    }
    if (!this.#wants("acquisition.progress")) return;
    for (const { id } of await this.sources.find.acquisitions()) await this.#tellProgress(id);
  }

  async tell({ seq, type, subject, data }: HoldfastEvent): Promise<void> {
    if (!type.startsWith("epu.")) return;
    const id = String(seq);
    const a = typeof data.acquisitionId === "string" ? data.acquisitionId : subject;
    switch (type) {
      case "epu.agent_connection":
        return await this.#tellAgent(subject, id);
      case "epu.agent_session":
        return await this.#tellAgent(String(data.agentId), id);
      case "epu.instruction":
        return await this.#tellInstruction(subject, id);
      case "epu.results":
        await this.#tellResults(subject, data, id);
    }
    this.#dirty.set(a, seq);
    this.#cancel ??= this.sources.clock.timer(PROGRESS_MS, () => {
      this.#cancel = null;
      const some = [...this.#dirty];
      this.#dirty.clear();
      (async () => {
        for (const [one, at] of some) await this.#tellProgress(one, String(at));
      })().catch((error) => {
        if (!this.stream.ended) this.sources.log.warn("progress could not be told", { error });
      });
    });
  }

  tellLines(lines: readonly LoggedLine[]): void {
    if (!this.#wants("agent.log")) return;
    for (const { agentId, sessionId, atMs, level, logger, message } of lines) {
      if (!this.#wantsAgent(agentId)) continue;
      this.#send("agent.log", {
        agent_id: agentId,
        session_id: sessionId,
        timestamp: isoOf(atMs),
        level,
        logger_name: logger,
        message,
      });
    }
  }

  async #tellAgent(agentId: string, id?: string): Promise<void> {
    if (!this.#wants("agent.status") || !this.#wantsAgent(agentId)) return;
    const { agents } = this.sources;
    const open = (await agents.connections()).filter((one) =>
      one.agentId === agentId && one.state === "open"
    );
    const last = open[0];
    const session = last === undefined ? null : await agents.session(last.sessionId);
    this.#send("agent.status", {
      agent_id: agentId,
      status: last === undefined ? "offline" : "online",
      session_id: last?.sessionId ?? null,
      acquisition_uuid: session?.acquisitionId ?? null,
      last_heartbeat_at: maybeIso(last?.lastHeartbeatAtMs ?? null),
      connection_count: open.length,
    }, id);
  }

  async #tellProgress(acquisitionId: string, id?: string): Promise<void> {
    if (!this.#wants("acquisition.progress") || !this.#wantsAcquisition(acquisitionId)) return;
    const { epu, grids } = this.sources;
    const row = await epu.acquisition(acquisitionId);
    const counts = row === null ? null : await epu.counts(acquisitionId);
    if (row === null || counts === null) return;
    const data = {
      acquisition_uuid: acquisitionId,
      grid_count: await grids.of(row) === null ? 0 : 1,
      gridsquare_count: counts.squares,
      foilhole_count: counts.holes,
      micrograph_count: counts.micrographs,
      status: row.state,
    };
    const text = JSON.stringify(data);
    if (this.#progress.get(acquisitionId) === text) return;
    this.#progress.set(acquisitionId, text);
    this.#send("acquisition.progress", data, id);
  }

  async #tellInstruction(instructionId: string, id: string): Promise<void> {
    if (!this.#wants("instruction.lifecycle")) return;
    const one = await this.sources.agents.instructions.get(instructionId);
    if (one === null || !this.#wantsAgent(one.agentId)) return;
    this.#send("instruction.lifecycle", {
      instruction_id: one.id,
      agent_id: one.agentId,
      session_id: one.sessionId,
      instruction_type: one.type,
      status: statusOf(one),
      created_at: isoOf(one.createdAtMs),
      sent_at: maybeIso(one.sentAtMs),
      acknowledged_at: maybeIso(one.receivedAtMs),
      ack_status: ackStatusOf(one),
    }, id);
  }

  async #tellResults(a: string, data: HoldfastEvent["data"], id: string): Promise<void> {
    if (!this.#wants("processing.metric") || !this.#wantsAcquisition(a)) return;
    const one = await this.sources.epu.micrograph({ id: String(data.micrographId) });
    if (one === null) return;
    const hole = await this.sources.epu.hole(a, one.squareId, one.holeId);
    const { motion, ctf, picking, selection } = one.results;
    this.#send("processing.metric", {
      micrograph_uuid: one.id,
      foilhole_uuid: hole?.id ?? null,
      total_motion: motion?.totalA ?? null,
      average_motion: motion?.averageA ?? null,
      ctf_max_resolution_estimate: ctf?.maxResolutionA ?? null,
      number_of_particles_picked: picking?.picked ?? null,
      number_of_particles_selected: selection?.selected ?? null,
    }, id);
  }

  #send(event: string, data: Reply, id?: string): void {
    this.stream.send({ event, data, ...id === undefined ? {} : { id } });
  }

  #wants(type: string): boolean {
    return this.ask.types === null || this.ask.types.has(type);
  }

  #wantsAgent(agentId: string): boolean {
    return this.ask.agentId === null || this.ask.agentId === agentId;
  }

  #wantsAcquisition(id: string): boolean {
    return this.acquisitionId === null || this.acquisitionId === id;
  }
}
