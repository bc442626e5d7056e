import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { Dashboard } from "./dashboard.ts";
import { LimitAlarms, type LimitSources } from "./limit_alarms.ts";
import { type FeedSources, LiveFeed } from "./live_feed.ts";

export interface CompatOptions extends Omit<FeedSources, "intervalS"> {
  readonly alarms: FeedSources["alarms"] & LimitSources["alarms"];
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly viewersMax: number;
}

/** What the paths of the systems Holdfast replaces need to remember: dashboard settings with the alarms they ask for, and who watches live data. */
export class Compat {
  private constructor(
    readonly dashboard: Dashboard,
    readonly feed: LiveFeed,
    private readonly limits: LimitAlarms,
  ) {}

  static async open(
    { kv, clock, log, viewersMax, ...sources }: CompatOptions,
  ): Promise<Compat> {
    const dashboard = await Dashboard.open(kv);
    const intervalS = () => dashboard.settings.update_interval;
    const limits = new LimitAlarms(
      { ...sources, limits: () => dashboard.settings.limits ?? {} },
      log,
    );
    dashboard.onChange(() => limits.reconsider());
    return new Compat(
      dashboard,
      new LiveFeed({ ...sources, intervalS }, clock, log, { viewersMax }),
      limits,
    );
  }

  /** Ends all streams; twice is harmless. */
  close(): void {
    this.limits.close();
    this.feed.close();
  }
}
