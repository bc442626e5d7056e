import type { Alarms } from "../alarms/mod.ts";
import type { Clock } from "../clock.ts";
import { type AgentSpec, type AgentStatus, AgentSupervisor } from "../devices/mod.ts";
import type { Epu, Unreachable, WatcherStatus } from "../epu/mod.ts";
import type { Log } from "../log.ts";

const ALARM = "epu-agent";

export interface EpuWatch {
  /** The agent's process. */
  status(): AgentStatus;
  /** How far it is; `null` while it does not run. */
  watcher(): Promise<WatcherStatus | null>;
  close(): Promise<void>;
}

/** Keeps the agent that reads EPU's folders alive, and has what it finds taken in. */
export function superviseEpu(
  spec: AgentSpec,
  { epu, clock, log, alarms }: {
    readonly epu: Epu;
    readonly clock: Clock;
    readonly log: Log;
    readonly alarms: Pick<Alarms, "raise" | "clear">;
  },
): EpuWatch {
  let closed = false;
  const said = (done: Promise<unknown>) =>
    done.catch((error) => log.error("cannot record an alarm", { error }));
  const supervisor = new AgentSupervisor(spec, { clock, log, fences: () => ({}) }, {
    started: () => {
      feed.started();
      said(alarms.clear(ALARM));
    },
    notice: () => {},
    down: (reason) => {
      feed.down();
      if (closed) return;
      said(alarms.raise({
        id: ALARM,
        severity: "warning",
        subject: "epu",
        title: "EPU's folders are not being read",
        text:
          `The agent that reads them ended: ${reason}. It is started again by itself; nothing ` +
          "that EPU writes meanwhile is lost",
      }));
    },
  });
  let away = new Set<string>();
  function tellUnreachable(folders: readonly Unreachable[]): void {
    for (const { root, error } of folders) {
      said(alarms.raise({
        id: `epu-folder:${root}`,
        severity: "warning",
        subject: "epu",
        title: `EPU's folder "${root}" cannot be read`,
        text:
          `${epu.dirOf(root)}: ${error}. It is tried again at every look; what is known of it ` +
          "stays",
      }));
    }
    const now = new Set(folders.map(({ root }) => root));
    for (const root of away) if (!now.has(root)) said(alarms.clear(`epu-folder:${root}`));
    away = now;
  }
  const feed = epu.feed(
    (method, params, options) =>
      supervisor.ask(method, params, options, (answer) => {
        if (answer.ok) return answer.value;
        throw answer.refusal;
      }),
    tellUnreachable,
  );
  supervisor.begin();
  return {
    status: () => supervisor.status(),
    watcher: () => feed.status(AbortSignal.timeout(5000)).catch(() => null),
    async close() {
      closed = true;
      await feed.close();
      await supervisor.close();
    },
  };
}
