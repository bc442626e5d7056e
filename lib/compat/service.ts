import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { Dashboard } from "./dashboard.ts";
import { type FeedSources, LiveFeed } from "./live_feed.ts";

export interface CompatOptions extends Omit<FeedSources, "intervalS"> {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly viewersMax: number;
}

/** What the paths of the systems Holdfast replaces need to remember: dashboard settings, and who watches live data. */
export class Compat {
  private constructor(readonly dashboard: Dashboard, readonly feed: LiveFeed) {}

  static async open(
    { kv, clock, log, viewersMax, ...sources }: CompatOptions,
  ): Promise<Compat> {
    const dashboard = await Dashboard.open(kv);
    const intervalS = () => dashboard.settings.update_interval;
    return new Compat(
      dashboard,
      new LiveFeed({ ...sources, intervalS }, clock, log, { viewersMax }),
    );
  }

  /** Ends all streams; twice is harmless. */
  close(): void {
    this.feed.close();
  }
}
