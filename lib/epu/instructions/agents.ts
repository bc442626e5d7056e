import type { Clock } from "../../clock.ts";
import { newId } from "../../ids.ts";
import type { Kv } from "../../kv.ts";
import type { Log } from "../../log.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { connectionEvent, sessionEvent } from "./events.ts";
import { Instructions } from "./instructions.ts";
import { connectionKey, instructionByIdKey, instructionKey, logKey, sessionKey } from "./keys.ts";
import {
  AgentConnection,
  AgentLogLine,
  AgentSession,
  AgentSessionAsk,
  type Instruction,
} from "./model.ts";
import { hasEnded } from "./transitions.ts";

/** Without a heartbeat for so long a connection is stale. */
export const STALE_MS = 120_000;
/** Without activity for so long a session is inactive. */
export const INACTIVE_MS = 3_600_000;
export const LOG_KEPT_MS = 7 * 86_400_000;
const CONNECTION_KEPT_MS = 2 * 86_400_000;
const INSTRUCTION_KEPT_MS = 365 * 86_400_000;
const HOUSEKEEPING_MS = 30_000;
const PURGE_MS = 3_600_000;
/** A heartbeat is written when the last one written is older than this. */
const WRITTEN_EVERY_MS = 20_000;
const BATCH = 400;

export type AgentRefusal =
  | { readonly kind: "unknown-session"; readonly sessionId: string }
  | { readonly kind: "unknown-connection"; readonly sessionId: string }
  | { readonly kind: "session-exists"; readonly sessionId: string };

/** Agents, as they come and go: their sessions, the streams they listen on, their logs, and what they are told. */
export class AgentChannel {
  readonly instructions: Instructions;
  #cancelTimer: () => void = () => {};
  #purgedMs = -Infinity;
  #closed = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.instructions = new Instructions(kv, clock);
  }

  /** Connections of the time before are closed: their streams ended with that process. */
  static async open(
    { kv, clock, log }: { kv: Kv; clock: Clock; log: Log },
  ): Promise<AgentChannel> {
    const channel = new AgentChannel(kv, clock, log);
    for (const one of await channel.connections()) {
      if (one.state === "open") await channel.disconnect(one.id, "Holdfast restarted");
    }
    channel.#arm();
    return channel;
  }

  /** Newest first. */
  async sessions(): Promise<AgentSession[]> {
    const found = await this.#all(AgentSession, sessionKey());
    return found.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
  }

  async session(id: string): Promise<AgentSession | null> {
    const value = await this.kv.get(sessionKey(id));
    return value === null ? null : AgentSession.parse(value);
  }

  /** A session that exists and has not ended is taken up again by its own agent. */
  async openSession(
    given: AgentSessionAsk,
    actor: string,
  ): Promise<Result<AgentSession, AgentRefusal>> {
    const ask = AgentSessionAsk.parse(given);
    const nowMs = this.clock.nowMs();
    const id = ask.id ?? newId(this.clock);
    const fresh = AgentSession.parse({
      ...ask,
      v: 1,
      id,
      state: "active",
      createdAtMs: nowMs,
      lastActivityAtMs: nowMs,
      endedAtMs: null,
    });
    return await this.kv.transact<AgentSession, AgentRefusal>([sessionKey(id)], ([seen]) => {
      const before = seen!.value === null ? null : AgentSession.parse(seen!.value);
      if (before !== null && (before.agentId !== ask.agentId || before.state === "ended")) {
        return refuse({ kind: "session-exists", sessionId: id });
      }
      const session: AgentSession = before === null
        ? fresh
        : { ...before, state: "active", lastActivityAtMs: nowMs };
      return accept({
        value: session,
        set: [[sessionKey(id), session]],
        events: before?.state === "active" ? [] : [sessionEvent(session, actor)],
      });
    });
  }

  /** Ends a session with its connections, and cancels what it has not confirmed. */
  async closeSession(id: string, actor: string): Promise<Result<AgentSession, AgentRefusal>> {
    const nowMs = this.clock.nowMs();
    const done = await this.kv.transact<AgentSession, AgentRefusal>([sessionKey(id)], ([seen]) => {
      if (seen!.value === null) return refuse({ kind: "unknown-session", sessionId: id });
      const before = AgentSession.parse(seen!.value);
      if (before.state === "ended") return accept({ value: before });
      const session: AgentSession = { ...before, state: "ended", endedAtMs: nowMs };
      return accept({
        value: session,
        set: [[sessionKey(id), session]],
        events: [sessionEvent(session, actor)],
      });
    });
    if (!done.ok) return done;
    for (const one of await this.connections(id)) {
      if (one.state === "open") await this.disconnect(one.id, "session ended");
    }
    for (const one of await this.instructions.open(id)) {
      await this.instructions.cancel(one.id, actor);
    }
    return done;
  }

  /** Of one session, or all; newest first. */
  async connections(sessionId?: string): Promise<AgentConnection[]> {
    const found = await this.#all(AgentConnection, connectionKey());
    return found.filter((one) => sessionId === undefined || one.sessionId === sessionId)
      .sort((a, b) => b.openedAtMs - a.openedAtMs || (a.id < b.id ? 1 : -1));
  }

  /** An agent begins to listen. Its session must exist, be its own, and not have ended. */
  async connect(
    { agentId, sessionId, clientInfo = null }: {
      agentId: string;
      sessionId: string;
      clientInfo?: string | null;
    },
  ): Promise<Result<AgentConnection, AgentRefusal>> {
    const nowMs = this.clock.nowMs();
    const connection: AgentConnection = {
      v: 1,
      id: newId(this.clock),
      sessionId,
      agentId,
      clientInfo: clientInfo?.slice(0, 500) ?? null,
      state: "open",
      openedAtMs: nowMs,
      lastHeartbeatAtMs: nowMs,
      closedAtMs: null,
      closeReason: null,
    };
    return await this.kv.transact<AgentConnection, AgentRefusal>(
      [sessionKey(sessionId)],
      ([seen]) => {
        const session = seen!.value === null ? null : AgentSession.parse(seen!.value);
        if (session === null || session.agentId !== agentId || session.state === "ended") {
          return refuse({ kind: "unknown-session", sessionId });
        }
        const active: AgentSession = { ...session, state: "active", lastActivityAtMs: nowMs };
        return accept({
          value: connection,
          set: [[sessionKey(sessionId), active], [connectionKey(connection.id), connection]],
          events: [
            connectionEvent(connection),
            ...(session.state === "active" ? [] : [sessionEvent(active, "system")]),
          ],
        });
      },
    );
  }

  /** Twice is harmless. */
  async disconnect(
    id: string,
    reason: string,
    state: "closed" | "stale" = "closed",
  ): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.kv.transact([connectionKey(id)], ([seen]) => {
      if (seen!.value === null) return accept({ value: null });
      const before = AgentConnection.parse(seen!.value);
      if (before.state !== "open") return accept({ value: null });
      const after: AgentConnection = {
        ...before,
        state,
        closedAtMs: nowMs,
        closeReason: reason.slice(0, 500),
      };
      return accept({
        value: null,
        set: [[connectionKey(id), after]],
        events: [connectionEvent(after)],
      });
    });
  }

  /** The agent lives: on the newest open connection of its session. */
  async heartbeat(
    agentId: string,
    sessionId: string,
  ): Promise<Result<AgentConnection, AgentRefusal>> {
    const nowMs = this.clock.nowMs();
    const open = (await this.connections(sessionId)).find((one) =>
      one.state === "open" && one.agentId === agentId
    );
    if (open === undefined) return refuse({ kind: "unknown-connection", sessionId });
    if (Math.abs(nowMs - open.lastHeartbeatAtMs) < WRITTEN_EVERY_MS) return accept(open);
    const keys = [connectionKey(open.id), sessionKey(sessionId)];
    return await this.kv.transact<AgentConnection, AgentRefusal>(keys, ([seen, seenSession]) => {
      const connection = AgentConnection.parse(seen!.value);
      const session = AgentSession.parse(seenSession!.value);
      if (connection.state !== "open") return refuse({ kind: "unknown-connection", sessionId });
      const after = { ...connection, lastHeartbeatAtMs: nowMs };
      return accept({
        value: after,
        set: [
          [connectionKey(open.id), after],
          [sessionKey(sessionId), { ...session, lastActivityAtMs: nowMs }],
        ],
      });
    });
  }

  /** Keeps all of `lines` for seven days; gives how many. */
  async keepLog(
    agentId: string,
    sessionId: string,
    lines: readonly Omit<AgentLogLine, "v" | "storedAtMs">[],
  ): Promise<Result<number, AgentRefusal>> {
    const storedAtMs = this.clock.nowMs();
    const session = await this.session(sessionId);
    if (session === null || session.agentId !== agentId) {
      return refuse({ kind: "unknown-session", sessionId });
    }
    const parsed = lines.map((line) => AgentLogLine.parse({ ...line, v: 1, storedAtMs }));
    const batch = newId(this.clock);
    // Lines are up to 20 KB: a commit takes as many as fit whatever they hold.
    for (let from = 0; from < parsed.length; from += 20) {
      await this.kv.transact([], () =>
        accept({
          value: null,
          set: parsed.slice(from, from + 20).map((line, i) =>
            [logKey(agentId, sessionId, batch, from + i), line] as const
          ),
        }));
    }
    return accept(parsed.length);
  }

  /** Newest first. */
  async logLines(agentId: string, sessionId: string, limit: number): Promise<AgentLogLine[]> {
    const found: AgentLogLine[] = [];
    const newest = this.kv.list({ prefix: logKey(agentId, sessionId) }, { reverse: true, limit });
    for await (const { value } of newest) found.push(AgentLogLine.parse(value));
    return found;
  }

  /** Expires, marks what is stale or inactive, and once an hour removes what is old. */
  housekeeping(): Promise<void> {
    // One after another: the second of two at once finds the work of the first done.
    const done = this.#running.then(() => this.#housekeeping());
    this.#running = done.catch(() => {});
    return done;
  }

  async #housekeeping(): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.instructions.expireDue();
    for (const one of await this.connections()) {
      if (one.state === "open" && nowMs - one.lastHeartbeatAtMs >= STALE_MS) {
        await this.disconnect(one.id, `no heartbeat for ${STALE_MS / 1000} s`, "stale");
      }
    }
    for (const one of await this.sessions()) {
      if (one.state === "active" && nowMs - one.lastActivityAtMs >= INACTIVE_MS) {
        await this.#setInactive(one.id, nowMs);
      }
    }
    if (this.clock.monotonicMs() - this.#purgedMs < PURGE_MS) return;
    this.#purgedMs = this.clock.monotonicMs();
    await this.#purge(nowMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#running;
  }

  async #setInactive(id: string, nowMs: number): Promise<void> {
    await this.kv.transact([sessionKey(id)], ([seen]) => {
      const session = AgentSession.parse(seen!.value);
      if (session.state !== "active" || nowMs - session.lastActivityAtMs < INACTIVE_MS) {
        return accept({ value: null });
      }
      const after: AgentSession = { ...session, state: "inactive" };
      return accept({
        value: null,
        set: [[sessionKey(id), after]],
        events: [sessionEvent(after, "system")],
      });
    });
  }

  async #purge(nowMs: number): Promise<void> {
    const remove: Deno.KvKey[] = [];
    const agents = new Set<string>();
    for (const { id, agentId } of await this.sessions()) {
      agents.add(agentId);
      for await (const { key, value } of this.kv.list({ prefix: logKey(agentId, id) })) {
        if ((value as AgentLogLine).storedAtMs >= nowMs - LOG_KEPT_MS) break;
        remove.push(key);
      }
    }
    for (const { id, closedAtMs } of await this.connections()) {
      if (closedAtMs !== null && closedAtMs < nowMs - CONNECTION_KEPT_MS) {
        remove.push(connectionKey(id));
      }
    }
    for (const agentId of agents) {
      for await (const { key, value } of this.kv.list({ prefix: instructionKey(agentId) })) {
        const one = value as Instruction;
        if (one.createdAtMs >= nowMs - INSTRUCTION_KEPT_MS) break;
        if (hasEnded(one)) remove.push(key, instructionByIdKey(one.id));
      }
    }
    for (let from = 0; from < remove.length; from += BATCH) {
      const some = remove.slice(from, from + BATCH);
      await this.kv.transact([], () => accept({ value: null, remove: some }));
    }
  }

  #arm(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.clock.timer(HOUSEKEEPING_MS, () => {
      this.housekeeping().catch((error) => {
        this.log.error("agents could not be looked after, it is tried again", { error });
      }).finally(() => this.#arm());
    });
  }

  async #all<T>(schema: { parse(value: unknown): T }, prefix: Deno.KvKey): Promise<T[]> {
    const found: T[] = [];
    for await (const { value } of this.kv.list({ prefix })) found.push(schema.parse(value));
    return found;
  }
}
