import { refuse } from "../result.ts";
import type { CommandAsk } from "./commands.ts";
import type { CommandRefusal } from "./model.ts";
import type { CommandOutcome, DeviceStore, KeyedCommand } from "./store.ts";

/** Commands with an `Idempotency-Key`: the same key gives the same answer and moves nothing again. */
export class KeyedCommands {
  #under = new Map<string, { fingerprint: string; outcome: Promise<CommandOutcome> }>();

  constructor(private readonly store: DeviceStore) {}

  /** Calls `perform` only for a key that was never used; of two at once, the second waits for the first. */
  once(
    { deviceId, op, args, actor }: CommandAsk,
    key: string,
    perform: (keyed: KeyedCommand) => Promise<CommandOutcome>,
  ): Promise<CommandOutcome> {
    const keyed = this.store.keyedCommand(actor, key, [deviceId, op, args]);
    const under = this.#under.get(keyed.hash);
    if (under !== undefined) {
      return under.fingerprint === keyed.fingerprint
        ? under.outcome
        : Promise.resolve(refuse(otherCommand(deviceId)));
    }
    const outcome = this.#firstTime(deviceId, keyed, perform);
    this.#under.set(keyed.hash, { fingerprint: keyed.fingerprint, outcome });
    const forget = () => this.#under.delete(keyed.hash);
    outcome.then(forget, forget);
    return outcome;
  }

  async #firstTime(
    deviceId: string,
    keyed: KeyedCommand,
    perform: (keyed: KeyedCommand) => Promise<CommandOutcome>,
  ): Promise<CommandOutcome> {
    const earlier = await this.store.earlier(keyed);
    switch (earlier.kind) {
      case "new":
        return await perform(keyed);
      case "done":
        return earlier.outcome;
      case "other":
        return refuse(otherCommand(deviceId));
      case "unknown":
        return refuse({
          kind: "fault",
          deviceId,
          code: "outcome_unknown",
          text: "This command was sent before and its outcome was lost; look at the device first",
        });
    }
  }
}

function otherCommand(deviceId: string): CommandRefusal {
  const message = "This key was used for another command";
  return { kind: "invalid-args", deviceId, errors: [{ path: "Idempotency-Key", message }] };
}
