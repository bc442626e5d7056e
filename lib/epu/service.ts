import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { EpuStore } from "./store.ts";

export interface EpuOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
}

/** The cryo-EM sessions of this instrument. */
export class Epu extends EpuStore {
  private constructor(private readonly options: EpuOptions) {
    super(options.kv);
  }

  static open(options: EpuOptions): Promise<Epu> {
    return Promise.resolve(new Epu(options));
  }
}
