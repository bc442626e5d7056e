import { z } from "zod";
import type { EndedLock, Held, Waiter } from "./standing.ts";
import { DEFAULT_POLICY, type Policy } from "./model.ts";
import { DeviceIndex, Fences } from "./names.ts";
import { nextTimeOf, nextWaiterTime } from "./standing.ts";

/** One step from a state of the table to the next. */
export type Change =
  | { readonly kind: "hold"; readonly held: Held }
  | { readonly kind: "end"; readonly ended: EndedLock }
  | { readonly kind: "fence"; readonly deviceId: string; readonly fence: number }
  | { readonly kind: "wait"; readonly waiter: Waiter }
  | { readonly kind: "leave"; readonly id: string }
  | { readonly kind: "policy"; readonly policy: Policy }
  | { readonly kind: "once"; readonly key: string; readonly once: Once }
  | { readonly kind: "once-over"; readonly key: string };

/** What a request with an idempotency key came to. */
export const Once = z.object({
  /** The lock's. */
  id: z.string(),
  /** The ask, so that another one under the same key is noticed. */
  fingerprint: z.string(),
  atMs: z.number().int(),
});
export type Once = z.infer<typeof Once>;

/** Locks that ended, remembered to tell a late holder why. */
const ENDED_MAX = 5000;

/** Who holds what and who waits, in memory. Not aware of time, store or who may do what. */
export class Table {
  readonly held = new Map<string, Held>();
  readonly waiters = new Map<string, Waiter>();
  readonly fences = new Fences();
  readonly once = new Map<string, Once>();
  readonly ended = new Map<string, EndedLock>();
  policy: Policy = DEFAULT_POLICY;
  /** The latest waiter's. */
  lastNumber = 0;
  /** Nothing happens by time alone before this, on the monotonic clock; it may be too early. */
  quietUntilMs = Infinity;
  readonly #heldAt = new DeviceIndex<Held>();
  readonly #waitingAt = new DeviceIndex<Waiter>();
  readonly #heldBy = new Map<string, Set<string>>();
  readonly #waitedBy = new Map<string, Set<string>>();

  apply(change: Change): void {
    switch (change.kind) {
      case "hold":
        return this.#hold(change.held);
      case "end":
        return this.#end(change.ended);
      case "fence":
        return this.fences.set(change.deviceId, change.fence);
      case "wait":
        return this.#wait(change.waiter);
      case "leave":
        return this.#leave(change.id);
      case "policy":
        this.policy = change.policy;
        return;
      case "once":
        // The oldest stay in front.
        this.once.delete(change.key);
        this.once.set(change.key, change.once);
        return;
      case "once-over":
        this.once.delete(change.key);
    }
  }

  /** Locks on the device, around it and inside it, each with the device it stands on. */
  heldMeeting(deviceId: string): Iterable<readonly [string, Held]> {
    return this.#heldAt.meeting(deviceId);
  }

  waitingMeeting(deviceId: string): Iterable<readonly [string, Waiter]> {
    return this.#waitingAt.meeting(deviceId);
  }

  heldBy(actor: string): Held[] {
    return [...this.#heldBy.get(actor) ?? []].map((id) => this.held.get(id)!);
  }

  waitedBy(actor: string): Waiter[] {
    return [...this.#waitedBy.get(actor) ?? []].map((id) => this.waiters.get(id)!);
  }

  /** Looks again when anything happens by time alone. */
  rest(): void {
    let quietUntilMs = Infinity;
    for (const held of this.held.values()) {
      quietUntilMs = Math.min(quietUntilMs, nextTimeOf(held));
    }
    for (const waiter of this.waiters.values()) {
      quietUntilMs = Math.min(quietUntilMs, nextWaiterTime(waiter));
    }
    this.quietUntilMs = quietUntilMs;
  }

  copy(): Table {
    const copy = new Table();
    for (const [deviceId, fence] of this.fences.entries()) copy.fences.set(deviceId, fence);
    for (const held of this.held.values()) copy.#hold(held);
    for (const waiter of this.waiters.values()) copy.#wait(waiter);
    for (const [key, once] of this.once) copy.once.set(key, once);
    for (const [id, ended] of this.ended) copy.ended.set(id, ended);
    copy.policy = this.policy;
    copy.lastNumber = this.lastNumber;
    return copy;
  }

  #hold(held: Held): void {
    const { id, deviceIds, owner } = held.lock;
    const before = this.held.get(id);
    if (before !== undefined) this.#forget(before);
    this.held.set(id, held);
    this.#heldAt.add(deviceIds, held);
    addTo(this.#heldBy, owner.actor, id);
    this.quietUntilMs = Math.min(this.quietUntilMs, nextTimeOf(held));
  }

  #end(ended: EndedLock): void {
    const { id } = ended.lock;
    const before = this.held.get(id);
    if (before !== undefined) this.#forget(before);
    this.held.delete(id);
    this.ended.set(id, ended);
    if (this.ended.size > ENDED_MAX) this.ended.delete(this.ended.keys().next().value!);
  }

  #forget({ lock: { id, deviceIds, owner } }: Held): void {
    this.#heldAt.delete(deviceIds, this.held.get(id)!);
    takeFrom(this.#heldBy, owner.actor, id);
  }

  #wait(waiter: Waiter): void {
    this.#leave(waiter.id);
    this.waiters.set(waiter.id, waiter);
    this.lastNumber = Math.max(this.lastNumber, waiter.number);
    this.#waitingAt.add(waiter.ask.deviceIds, waiter);
    addTo(this.#waitedBy, waiter.owner.actor, waiter.id);
    this.quietUntilMs = Math.min(this.quietUntilMs, nextWaiterTime(waiter));
  }

  #leave(id: string): void {
    const waiter = this.waiters.get(id);
    if (waiter === undefined) return;
    this.waiters.delete(id);
    this.#waitingAt.delete(waiter.ask.deviceIds, waiter);
    takeFrom(this.#waitedBy, waiter.owner.actor, id);
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, item: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([item]));
  else set.add(item);
}

function takeFrom(sets: Map<string, Set<string>>, key: string, item: string): void {
  const set = sets.get(key);
  set?.delete(item);
  if (set?.size === 0) sets.delete(key);
}
