import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import type { EventDraft } from "../events.ts";
import { newId } from "../ids.ts";
import { type Kv, KvUnavailable } from "../kv.ts";
import { Listeners } from "../listeners.ts";
import type { Log } from "../log.ts";
import { accept, refuse, type Result } from "../result.ts";
import { activeKey, historyKey } from "./keys.ts";
import { Alarm } from "./model.ts";
import {
  acknowledged,
  type AlarmAsk,
  cleared,
  isClosed,
  raised,
  type Transition,
} from "./transitions.ts";

/** Closed alarms kept; the event log knows of older ones. */
const HISTORY_MAX = 1000;
/** Changes of one alarm that are written later when the store fails; more, and the oldest are left out. */
const LATE_MAX = 20;
const RETRY_MS = 5000;
const ID_LENGTH_MAX = 200;

type Step<R> = (before: Alarm | null) => Result<Transition, R>;

/** An alarm the store could not take: its true state, and what is still to be said of it. */
interface Late {
  readonly alarm: Alarm;
  readonly events: readonly EventDraft[];
}

/**
 * Abnormal conditions, each one alarm however often it is raised. An alarm is shown even while the store
 * fails, for a full disk is itself one: it is then recorded as soon as the store works.
 */
export class Alarms {
  readonly #active = new Map<string, Alarm>();
  readonly #late = new Map<string, Late>();
  /** The last change asked of each alarm that is changing. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #changed = new Listeners<[Alarm]>();
  #historyCount = 0;
  #cancelRetry: (() => void) | null = null;
  #closed = false;

  private constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  static async open(kv: Kv, clock: Clock, log: Log): Promise<Alarms> {
    const alarms = new Alarms(kv, clock, log);
    for await (const { value } of kv.list({ prefix: activeKey() })) {
      const alarm = Alarm.parse(value);
      alarms.#active.set(alarm.id, alarm);
    }
    for await (const _ of kv.list({ prefix: historyKey() })) alarms.#historyCount++;
    return alarms;
  }

  /**
   * Raises the alarm `id`, or changes its words. With the words it has already nothing is written, so it
   * may be called at every turn of a watch.
   *
   * @throws {TypeError} for an id that is empty or longer than `ID_LENGTH_MAX`.
   */
  async raise(ask: AlarmAsk): Promise<void> {
    if (ask.id === "" || ask.id.length > ID_LENGTH_MAX) {
      throw new TypeError(`Cannot raise an alarm called "${ask.id.slice(0, 40)}"`);
    }
    const nowMs = this.clock.nowMs();
    await this.#changeIfAny(ask.id, (before) => raised(before, ask, nowMs));
  }

  /** Says that the condition is over; nothing happens when `id` does not stand. */
  async clear(id: string): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.#changeIfAny(id, (before) => cleared(before, nowMs));
  }

  /** Names who has seen it; twice is harmless, the first stays named. */
  async acknowledge(id: string, actor: string): Promise<Result<Alarm, { kind: "unknown" }>> {
    const nowMs = this.clock.nowMs();
    const done = await this.#change(id, (before) => acknowledged(before, actor, nowMs));
    if (!done.ok) return done;
    return done.value === null ? refuse({ kind: "unknown" }) : accept(done.value);
  }

  /**
   * Those that stand, and those that cleared and nobody has seen: unacknowledged before acknowledged,
   * critical before warning, newest first.
   */
  active(): Alarm[] {
    return [...this.#active.values()].sort((a, b) =>
      Number(a.acknowledgedBy !== null) - Number(b.acknowledgedBy !== null) ||
      Number(b.severity === "critical") - Number(a.severity === "critical") ||
      b.raisedAtMs - a.raisedAtMs
    );
  }

  /** Those that cleared, acknowledged or not, latest first; at most `limit`. */
  async history(limit: number): Promise<Alarm[]> {
    const past = this.active().filter(({ clearedAtMs }) => clearedAtMs !== null);
    for await (
      const { value } of this.kv.list({ prefix: historyKey() }, { limit, reverse: true })
    ) {
      past.push(Alarm.parse(value));
    }
    return past.sort((a, b) => b.clearedAtMs! - a.clearedAtMs!).slice(0, limit);
  }

  /** Calls `listener` with the whole new state of each alarm that changed. */
  onChange(listener: (alarm: Alarm) => void): () => void {
    return this.#changed.add(listener);
  }

  /** Stops trying to record what the store did not take. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
  }

  /** Asks nothing of the store where memory alone says that nothing would change. */
  async #changeIfAny(id: string, transition: (before: Alarm | null) => Transition): Promise<void> {
    if (!this.#turns.has(id) && transition(this.#active.get(id) ?? null) === null) return;
    await this.#change(id, (before) => accept(transition(before)));
  }

  /** One change of an alarm after the other; different alarms go side by side. */
  async #change<R>(id: string, transition: Step<R>): Promise<Result<Alarm | null, R>> {
    const before = this.#turns.get(id);
    const turn = (async () => {
      await before;
      return await this.#recordOrKeep(id, transition);
    })();
    const settled = turn.then(() => {}, () => {});
    this.#turns.set(id, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    }
  }

  async #recordOrKeep<R>(id: string, transition: Step<R>): Promise<Result<Alarm | null, R>> {
    try {
      return await this.#record(id, transition);
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error;
      const step = transition(this.#active.get(id) ?? null);
      // A person is told that it failed and tries again; a machine's finding must be seen now.
      if (!step.ok || step.value?.event.actor !== "system") throw error;
      const { alarm, event } = step.value;
      const events = [...this.#late.get(id)?.events ?? [], event].slice(-LATE_MAX);
      this.#late.set(id, { alarm, events });
      this.log.error("alarm not recorded yet", { alarm: id, text: event.text, error });
      this.#show(alarm);
      this.#retryLater();
      return accept(alarm);
    }
  }

  /** Applies `transition` to the alarm as stored, or as the store is still to learn it. */
  async #record<R>(id: string, transition: Step<R>): Promise<Result<Alarm | null, R>> {
    const closedKey = historyKey(newId(this.clock));
    const late = this.#late.get(id);
    const done = await this.kv.transact([activeKey(id)], ([seen]) => {
      const stored = seen!.value === null ? null : Alarm.parse(seen!.value);
      const before = late === undefined ? stored : isClosed(late.alarm) ? null : late.alarm;
      const step = transition(before);
      if (!step.ok) return step;
      const alarm = step.value?.alarm ?? late?.alarm ?? stored;
      // The commit that seemed to fail may have been written.
      const events = late === undefined || isDeepStrictEqual(stored, late.alarm)
        ? []
        : [...late.events];
      if (step.value !== null) events.push(step.value.event);
      const value = { alarm, changed: step.value !== null };
      if (alarm === null || events.length === 0) return accept({ value });
      return accept(
        isClosed(alarm)
          ? { value, set: [[closedKey, alarm]] as const, remove: [activeKey(id)], events }
          : { value, set: [[activeKey(id), alarm]] as const, events },
      );
    });
    if (!done.ok) return done;
    this.#late.delete(id);
    const { alarm, changed } = done.value;
    if (alarm === null) this.#active.delete(id);
    else if (changed) this.#show(alarm);
    if (alarm !== null && isClosed(alarm)) this.#trimHistory();
    return accept(alarm);
  }

  #show(alarm: Alarm): void {
    if (isClosed(alarm)) this.#active.delete(alarm.id);
    else this.#active.set(alarm.id, alarm);
    this.#changed.tell(alarm);
  }

  /** What cannot be trimmed now is trimmed when the next alarm closes. */
  async #trimHistory(): Promise<void> {
    if (++this.#historyCount <= HISTORY_MAX) return;
    const limit = this.#historyCount - HISTORY_MAX;
    const oldest: Deno.KvKey[] = [];
    try {
      for await (const { key } of this.kv.list({ prefix: historyKey() }, { limit })) {
        oldest.push(key);
      }
      await this.kv.transact([], () => accept({ value: null, remove: oldest }));
      this.#historyCount -= oldest.length;
    } catch (error) {
      this.log.warn("history of alarms not trimmed", { error });
    }
  }

  #retryLater(): void {
    if (this.#closed || this.#cancelRetry !== null) return;
    this.#cancelRetry = this.clock.timer(RETRY_MS, async () => {
      this.#cancelRetry = null;
      await Promise.all(
        [...this.#late.keys()].map((id) =>
          this.#change(id, () => accept(null)).catch((error) => {
            this.log.warn("alarm still not recorded", { alarm: id, error });
            this.#retryLater();
          })
        ),
      );
    });
  }
}
