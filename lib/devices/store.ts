import type { Clock } from "../clock.ts";
import type { EventDraft } from "../events.ts";
import type { Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import {
  capabilityKey,
  hashOf,
  idempotencyKey,
  idempotencyTimeKey,
  type InForce,
  stateKey,
  STOP_KEY,
  StoredCapability,
  StoredCommand,
  StoredState,
  StoredStop,
} from "./keys.ts";
import type { Capability, CommandRefusal, DeviceState } from "./model.ts";

/** Why and since when the instrument is stopped. */
export interface Stopped {
  readonly sinceMs: number;
  readonly actor: string;
  readonly reason: string;
}

export type CommandOutcome = Result<DeviceState, CommandRefusal>;

/** A command with an `Idempotency-Key`. */
export interface KeyedCommand {
  readonly hash: string;
  readonly fingerprint: string;
  readonly atMs: number;
}

/** What is known of a key: never seen, sent with this outcome or with none, or used for another command. */
export type Earlier =
  | { kind: "new" }
  | { kind: "done"; outcome: CommandOutcome }
  | { kind: "unknown" }
  | { kind: "other" };

export const IDEMPOTENCY_AGE_MS = 24 * 3600 * 1000;
export const IDEMPOTENCY_COUNT_MAX = 10_000;
const TRIM_BATCH = 20;

/** Durable part of the devices: states, the stop, commands by their keys; each change with its event in one commit. */
export class DeviceStore {
  #keyed = 0;
  #trimming = false;

  private constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly keyedMax: number,
  ) {}

  /** `keyedMax`: keyed commands that are remembered, at most. */
  static async open(
    kv: Kv,
    clock: Clock,
    keyedMax = IDEMPOTENCY_COUNT_MAX,
  ): Promise<DeviceStore> {
    const store = new DeviceStore(kv, clock, keyedMax);
    for await (const _ of kv.list({ prefix: idempotencyTimeKey() })) store.#keyed++;
    return store;
  }

  /** Every state ever stored, also of devices whose agent has not come up. */
  async states(): Promise<Map<string, { state: DeviceState; inForce: InForce | null }>> {
    const states = new Map<string, { state: DeviceState; inForce: InForce | null }>();
    for await (const { value } of this.kv.list({ prefix: stateKey() })) {
      const { v: _, inForce, ...state } = StoredState.parse(value);
      states.set(state.deviceId, { state, inForce });
    }
    return states;
  }

  /** What `agent` said of its devices when it last started. */
  async capabilities(agent: string): Promise<Capability[]> {
    const found: Capability[] = [];
    for await (const { value } of this.kv.list({ prefix: capabilityKey(agent) })) {
      const { v: _, order, ...capability } = StoredCapability.parse(value);
      found[order] = capability;
    }
    return found.filter((one) => one !== undefined);
  }

  /** @throws {KvUnavailable} */
  async putCapabilities(agent: string, capabilities: readonly Capability[]): Promise<void> {
    const known = await this.capabilities(agent);
    const gone = known.filter(({ deviceId }) =>
      capabilities.every((one) => one.deviceId !== deviceId)
    );
    await this.kv.transact([], () =>
      accept({
        value: undefined,
        remove: gone.map(({ deviceId }) => capabilityKey(agent, deviceId)),
        set: capabilities.map((capability, order) => [
          capabilityKey(agent, capability.deviceId),
          StoredCapability.parse({ v: 1, order, ...capability }),
        ]),
      }));
  }

  async stopped(): Promise<Stopped | null> {
    const value = await this.kv.get(STOP_KEY);
    if (value === null) return null;
    const { v: _, ...stopped } = StoredStop.parse(value);
    return stopped;
  }

  /** @throws {KvUnavailable} */
  async putState(
    state: DeviceState,
    inForce: InForce | null,
    event: EventDraft,
    keyed?: { command: KeyedCommand; outcome: CommandOutcome },
  ): Promise<void> {
    const set: [Deno.KvKey, unknown][] = [[
      stateKey(state.deviceId),
      StoredState.parse({ v: 1, ...state, inForce }),
    ]];
    if (keyed !== undefined) set.push(this.#commandEntry(keyed.command, keyed.outcome));
    await this.kv.transact(
      [stateKey(state.deviceId)],
      () => accept({ value: undefined, set, events: [event] }),
    );
  }

  /** @throws {KvUnavailable} */
  async putStop(stopped: Stopped, event: EventDraft): Promise<void> {
    const value = StoredStop.parse({ v: 1, ...stopped });
    await this.kv.transact(
      [STOP_KEY],
      ([seen]) =>
        // Pressed again: what counts is since when it has been stopped.
        accept({
          value: undefined,
          set: seen!.value === null ? [[STOP_KEY, value]] : [],
          events: [event],
        }),
    );
  }

  /** Unless `stands` has become false by the time it is decided. @throws {KvUnavailable} */
  async clearStop(event: EventDraft, stands: () => boolean): Promise<void> {
    await this.kv.transact(
      [STOP_KEY],
      () =>
        stands()
          ? accept({ value: undefined, remove: [STOP_KEY], events: [event] })
          : refuse({ kind: "stopped-again" }),
    );
  }

  /** @throws {KvUnavailable} */
  async event(event: EventDraft): Promise<void> {
    await this.kv.transact([], () => accept({ value: undefined, events: [event] }));
  }

  keyedCommand(actor: string, key: string, command: readonly unknown[]): KeyedCommand {
    return {
      hash: hashOf(actor, key),
      fingerprint: hashOf(...command),
      atMs: this.clock.nowMs(),
    };
  }

  /** What an earlier command with this key came to. @throws {KvUnavailable} */
  async earlier({ hash, fingerprint, atMs }: KeyedCommand): Promise<Earlier> {
    const value = await this.kv.get(idempotencyKey(hash));
    if (value === null) return { kind: "new" };
    const stored = StoredCommand.parse(value);
    if (atMs - stored.atMs > IDEMPOTENCY_AGE_MS) return { kind: "new" };
    if (stored.fingerprint !== fingerprint) return { kind: "other" };
    if (stored.outcome === null) return { kind: "unknown" };
    return { kind: "done", outcome: stored.outcome as CommandOutcome };
  }

  /**
   * Records that a keyed command is about to be sent: should its outcome be lost, nobody sends it twice.
   * @throws {KvUnavailable}
   */
  async begin(command: KeyedCommand): Promise<void> {
    await this.#trim();
    await this.kv.transact([idempotencyKey(command.hash)], ([seen]) => {
      const before = StoredCommand.safeParse(seen!.value);
      return accept({
        value: undefined,
        remove: before.success ? [idempotencyTimeKey(before.data.atMs, command.hash)] : [],
        set: [
          this.#commandEntry(command, null),
          [idempotencyTimeKey(command.atMs, command.hash), null],
        ],
      });
    });
    this.#keyed++;
  }

  /** A keyed command was not sent after all: its key may be used again. @throws {KvUnavailable} */
  async forget({ hash, atMs }: KeyedCommand): Promise<void> {
    const remove = [idempotencyKey(hash), idempotencyTimeKey(atMs, hash)];
    await this.kv.transact([], () => accept({ value: undefined, remove }));
    this.#keyed--;
  }

  /** Records an outcome that changed no state. @throws {KvUnavailable} */
  async finish(command: KeyedCommand, outcome: CommandOutcome): Promise<void> {
    const entry = this.#commandEntry(command, outcome);
    await this.kv.transact([], () => accept({ value: undefined, set: [entry] }));
  }

  #commandEntry(
    { hash, fingerprint, atMs }: KeyedCommand,
    outcome: CommandOutcome | null,
  ): [Deno.KvKey, unknown] {
    return [idempotencyKey(hash), StoredCommand.parse({ v: 1, atMs, fingerprint, outcome })];
  }

  /** Removes commands that are too old, or too many, a batch at a time. */
  async #trim(): Promise<void> {
    if (this.#trimming) return;
    this.#trimming = true;
    try {
      const oldMs = this.clock.nowMs() - IDEMPOTENCY_AGE_MS;
      const excess = this.#keyed - this.keyedMax + 1;
      const remove: Deno.KvKey[] = [];
      const found = this.kv.list({ prefix: idempotencyTimeKey() }, { limit: TRIM_BATCH });
      for await (const { key } of found) {
        const [, , atMs, hash] = key as [string, string, number, string];
        if (atMs >= oldMs && remove.length / 2 >= excess) break;
        remove.push(key, idempotencyKey(hash));
      }
      if (remove.length === 0) return;
      await this.kv.transact([], () => accept({ value: undefined, remove }));
      this.#keyed -= remove.length / 2;
    } finally {
      this.#trimming = false;
    }
  }
}
