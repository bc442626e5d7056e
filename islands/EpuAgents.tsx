import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { stateChip } from "../components/epu_decisions.ts";
import type {
  AgentsData,
  ShownInstruction,
  ShownLogLine,
  ShownSession,
} from "../components/epu_findings.ts";
import { followPage } from "../components/epu_live.ts";
import { formatAge } from "../components/format.ts";
import { instrumentNow } from "../components/live.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  initial: AgentsData;
  clock: PageClock;
}

/** Heartbeats and log lines make no event. */
const EVERY_MS = 15_000;

/** The agents of an acquisition: who listens, what they were told and what became of it, what they say; live. */
export default function EpuAgents({ initial, clock }: Props) {
  const data = useSignal(initial);
  useEffect(() => {
    const page = followPage<AgentsData>({
      matters: ({ type }) => type === "epu.instruction" || type.startsWith("epu.agent"),
      take: (next) => data.value = next,
      everyMs: EVERY_MS,
    });
    return page.stop;
  }, []);
  const { sessions } = data.value;
  if (sessions.length === 0) {
    return (
      <section class="card blank" aria-label="Agents">
        <h2>No agent works on this acquisition</h2>
        <p>
          An agent is a program beside the microscope that listens here and carries out decisions,
          such as <code>hf epu watch DIR --api-url URL</code>{" "}
          on the EPU workstation. Its sessions, what it was told, and its log lines would stand
          here. Without one, decisions stay on record for people to act on.
        </p>
      </section>
    );
  }
  return (
    <>
      {sessions.map((session) => <Session session={session} clock={clock} key={session.id} />)}
    </>
  );
}

function Session({ session, clock }: { session: ShownSession; clock: PageClock }) {
  const { agentId, name, state, connections, instructions, lines, id } = session;
  const nowMs = instrumentNow(clock);
  return (
    <section class="card agent-session" aria-label={`Session of ${agentId}`}>
      <header>
        <h2>{agentId}</h2>
        <span class={stateChip(state === "inactive" ? "stale" : state)}>{state}</span>
      </header>
      <p class="sub">
        {name === "" ? "session" : name} <span class="num">{id}</span>, since{" "}
        <Time atMs={session.createdAtMs} clock={clock} as="stamp" />, last heard{" "}
        {formatAge(nowMs - session.lastActivityAtMs)} ago
      </p>
      <h3>Connections</h3>
      {connections.length === 0
        ? <p class="empty">It has not listened yet: what it is told waits until it does.</p>
        : (
          <ul class="plain-list">
            {connections.map((one) => (
              <li key={one.id}>
                <span class={stateChip(one.state)}>{one.state}</span> since{" "}
                <Time atMs={one.openedAtMs} clock={clock} as="stamp" />
                {one.state === "open"
                  ? `, heartbeat ${formatAge(nowMs - one.lastHeartbeatAtMs)} ago`
                  : one.closeReason !== null && `: ${one.closeReason}`}{" "}
                {one.clientInfo !== null && <small>({one.clientInfo})</small>}
              </li>
            ))}
          </ul>
        )}
      <h3>Instructions</h3>
      {instructions.length === 0
        ? <p class="empty">It was told nothing yet.</p>
        : (
          <table class="row-table">
            <thead>
              <tr>
                <th scope="col">Instruction</th>
                <th scope="col">Priority</th>
                <th scope="col">Life</th>
                <th scope="col">Answer</th>
              </tr>
            </thead>
            <tbody>
              {instructions.map((one) => (
                <tr key={one.id}>
                  <th scope="row" class="path">
                    {one.type}
                    <small class="why num">
                      {one.id}
                      {one.decisionId !== null && ", of a decision"}
                    </small>
                  </th>
                  <td>{one.priority}</td>
                  <td>
                    <Life instruction={one} clock={clock} />
                  </td>
                  <td>
                    {one.answer ?? "—"}
                    {one.lateAnswer !== null && (
                      <small class="why error">after its end: {one.lateAnswer}</small>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      <h3>Log</h3>
      {lines.length === 0
        ? <p class="empty">It has sent no log lines; they are kept for seven days.</p>
        : <Log lines={lines} clock={clock} />}
    </section>
  );
}

/** Its steps in order with their times, and where it stands now. */
function Life(
  { instruction, clock }: { instruction: ShownInstruction; clock: PageClock },
) {
  const { state, createdAtMs, sentAtMs, receivedAtMs, endedAtMs, deliveries } = instruction;
  const steps = [
    ["made", createdAtMs],
    [deliveries > 1 ? `sent ${deliveries} times` : "sent", sentAtMs],
    ["received", receivedAtMs],
    [state, endedAtMs],
  ] as const;
  return (
    <>
      <span class={stateChip(state)}>{state}</span>
      <small class="why num">
        {steps.flatMap(([label, atMs], i) =>
          atMs === null ? [] : [
            <span key={label}>
              {i > 0 && " → "}
              {label} <Time atMs={atMs} clock={clock} />
            </span>,
          ]
        )}
        {endedAtMs === null && (
          <>
            {"; expires "}
            <Time atMs={instruction.expiresAtMs} clock={clock} as="minute" />
          </>
        )}
      </small>
    </>
  );
}

function Log({ lines, clock }: { lines: readonly ShownLogLine[]; clock: PageClock }) {
  return (
    <ol class="log agent-log" tabIndex={0} aria-label="Log lines, newest first">
      {lines.map(({ atMs, level, logger, message }, i) => (
        <li key={`${atMs} ${i}`} class={/error|critical/i.test(level) ? "bad" : undefined}>
          <Time atMs={atMs} clock={clock} /> {level.toLowerCase()} {logger}: {message}
        </li>
      ))}
    </ol>
  );
}
