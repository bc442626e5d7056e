import { type Capability, describeRefusal, type LostSetpoint } from "../devices/mod.ts";
import { Alive } from "./alive.ts";
import { type Experiment, RESTORED } from "./model.ts";
import type { Persistence } from "./persistence.ts";
import { type QueueOptions, runActor } from "./run_deps.ts";

/** A guard's reading comes a while after its agent: how often it is looked for. */
const AGAIN_MS = 500;

/**
 * Why what a run had set is not set again, or `null`. `awayMs`: since when it is lost, `null` where nobody knows.
 */
export function whyNotRestored(
  lost: Pick<LostSetpoint, "op" | "args">,
  capability: Pick<Capability, "component" | "onTimeMaxMs">,
  state: Experiment["state"],
  awayMs: number | null,
  limitMs: number,
): string | null {
  if (limitMs === 0) return "the configuration says never";
  if (state !== "running") return `the run is ${state}`;
  if (!RESTORED.includes(capability.component)) {
    return "what moves a volume or a gas, or is of no known kind, is never repeated";
  }
  if (capability.onTimeMaxMs !== undefined) return "its on-time is limited";
  // A part of a device was set: of the rest nobody knows how it stood.
  if ("pixel" in lost.args) return "only a part of it was set";
  if (awayMs === null || awayMs < 0) return "nobody knows for how long it was away";
  if (awayMs > limitMs) {
    const [away, most] = [awayMs, limitMs].map((ms) => Math.round(ms / 1000));
    return `it was away for ${away} s, and at most ${most} s are bridged`;
  }
  return null;
}

/**
 * Gives a run that goes on the setpoints back that the end of an agent or of the runtime undid: what keeps
 * its cells as they were, within a short time, and nothing that would be done twice.
 */
export class Restorer {
  /** The stamps of those that run, by id. */
  readonly #alive = new Map<string, Alive>();
  readonly #unsubscribe: () => void;
  #looking: Promise<void> = Promise.resolve();
  /** When a runtime before this one last stood behind the runs it left, by id. */
  readonly #aliveAtMs = new Map<string, number | null>();
  #cancelAgain: () => void = () => {};

  constructor(
    private readonly o: QueueOptions,
    private readonly persistence: Persistence,
    private readonly follow: (course: Promise<void>) => void,
  ) {
    this.#unsubscribe = o.devices.onReturn(() => this.look());
  }

  /** A run begins, or is taken up from a runtime before this one. */
  watch(id: string, adopted: boolean): void {
    const alive = new Alive(this.o.folders, this.o.clock);
    this.#alive.get(id)?.end();
    this.#alive.set(id, alive);
    if (adopted) this.#aliveAtMs.set(id, alive.lastAtMs(id));
    alive.keep(id, () => this.#lost(id).length === 0);
    if (adopted) this.look();
  }

  /** The run is over. */
  unwatch(id: string): void {
    this.#alive.get(id)?.end();
    this.#alive.delete(id);
    this.#aliveAtMs.delete(id);
  }

  close(): void {
    this.#cancelAgain();
    for (const id of [...this.#alive.keys()]) this.unwatch(id);
    this.#unsubscribe();
  }

  /** Looks at what is lost now: restores it, gives it up, or looks again soon. */
  look(): void {
    this.#cancelAgain();
    this.#looking = this.#looking.then(() => this.#look()).catch((error) => {
      if (!this.persistence.closed) this.o.log.error("setpoints were not restored", { error });
    });
    this.follow(this.#looking);
  }

  async #look(): Promise<void> {
    const { devices, store } = this.o;
    await this.persistence.orClosed(devices.ready());
    const views = devices.list();
    const place = ({ deviceId }: LostSetpoint) =>
      RESTORED.indexOf(componentOf(views, deviceId)?.component ?? "");
    let again = false;
    for (const { id, state: found } of store.live.runs()) {
      if (found === "starting") continue;
      for (const lost of this.#lost(id).sort((a, b) => place(a) - place(b))) {
        if (this.persistence.closed) return;
        const capability = componentOf(views, lost.deviceId);
        if (capability === undefined) continue;
        const state = store.live.run(id)?.state ?? found;
        const awayMs = lost.lostForMs ?? this.#awayMs(id);
        const why = whyNotRestored(lost, capability, state, awayMs, this.o.restoreMs);
        if (why !== null) await devices.lostSetpoints.giveUp(lost.deviceId, why);
        else if (await this.#restore(lost)) again = true;
      }
    }
    if (again) this.#cancelAgain = this.o.clock.timer(AGAIN_MS, () => this.look());
  }

  /** Whether it is worth another try. */
  async #restore({ deviceId, op }: LostSetpoint): Promise<boolean> {
    const { devices, log } = this.o;
    const restored = await devices.lostSetpoints.restore(deviceId);
    if (restored.ok) {
      log.info("a run's setpoint was restored", { device: deviceId, op });
      return false;
    }
    const { refusal } = restored;
    if (refusal.kind === "busy" || refusal.kind === "fault" && refusal.code === "guard") {
      return true;
    }
    // Its agent ended once more: its return is heard of. Or somebody was quicker, which is as good.
    if (refusal.kind === "offline") return false;
    await devices.lostSetpoints.giveUp(deviceId, describeRefusal(refusal));
    return false;
  }

  #lost(id: string): LostSetpoint[] {
    return this.o.devices.lostSetpoints.list().filter(({ actor }) => actor === runActor(id));
  }

  #awayMs(id: string): number | null {
    const aliveAtMs = this.#aliveAtMs.get(id) ?? null;
    return aliveAtMs === null ? null : this.o.clock.nowMs() - aliveAtMs;
  }
}

function componentOf(
  views: ReturnType<QueueOptions["devices"]["list"]>,
  deviceId: string,
): Capability | undefined {
  return views.find(({ capability }) => capability.deviceId === deviceId)?.capability;
}
