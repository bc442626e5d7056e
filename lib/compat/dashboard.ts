import { isDeepStrictEqual } from "node:util";
import type { Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import { dashboardKey } from "./keys.ts";
import {
  DASHBOARD_COMPONENTS,
  DASHBOARD_DEFAULTS,
  DashboardChange,
  DashboardSettings,
} from "./model.ts";

/** The originals' dashboard settings: one record for the instrument, every change of it an event. */
export class Dashboard {
  #changed: () => void = () => {};

  private constructor(private readonly kv: Kv, private current: DashboardSettings) {}

  static async open(kv: Kv): Promise<Dashboard> {
    return new Dashboard(kv, settingsOf(await kv.get(dashboardKey)));
  }

  /** One listener, called after each change. */
  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  get settings(): DashboardSettings {
    return this.current;
  }

  /** Changes what `given`, a parsed body, names. Refuses with all that is wrong in one sentence. */
  async change(
    given: unknown,
    actor: string,
  ): Promise<Result<DashboardSettings, { kind: "invalid"; text: string }>> {
    const parsed = DashboardChange.safeParse(given);
    if (!parsed.success) {
      const text = parsed.error.issues.map((issue) => {
        const path = issue.path.map(String).join(".");
        if (issue.code !== "unrecognized_keys") {
          return path === "" ? issue.message : `${path}: ${issue.message}`;
        }
        const known = path === ""
          ? Object.keys(DashboardChange.shape).join(", ")
          : DASHBOARD_COMPONENTS.join(", ");
        return `${issue.keys.map((key) => `"${key}"`).join(", ")} is none of ${known}`;
      }).join("; ");
      return refuse({ kind: "invalid", text });
    }
    const { display_components, ...rest } = parsed.data;
    const changed = await this.kv.transact<DashboardSettings, never>([dashboardKey], ([seen]) => {
      const before = settingsOf(seen!.value);
      const after = DashboardSettings.parse({
        ...before,
        ...rest,
        display_components: { ...before.display_components, ...display_components },
      });
      if (isDeepStrictEqual(before, after)) return accept({ value: before });
      return accept({
        value: after,
        set: [[dashboardKey, { v: 1, ...after }] as const],
        events: [{
          type: "dashboard.settings",
          subject: "dashboard",
          actor,
          text: "the dashboard's settings changed",
          data: after,
        }],
      });
    });
    if (!changed.ok) throw new TypeError("A transaction that refuses nothing was refused");
    this.current = changed.value;
    this.#changed();
    return accept(changed.value);
  }
}

function settingsOf(stored: unknown): DashboardSettings {
  return stored === null ? DASHBOARD_DEFAULTS : DashboardSettings.parse(stored);
}
