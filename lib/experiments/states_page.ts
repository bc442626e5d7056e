import { type ExperimentState, isTerminal, STATES } from "./model.ts";
import { type ChangeKind, TRANSITIONS } from "./transitions.ts";

/** What each state is, for people. */
const MEANING: Record<ExperimentState, string> = {
  queued: "waits for its turn",
  paused: "keeps its place and is passed over",
  starting: "its devices are taken for it, their holders asked; its script has not begun",
  running: "its script runs and drives its devices",
  holding: "its script runs; its devices stand in their hold state, its commands are refused",
  stopping: "how it ends is decided; its processes and devices are on their way there",
  completed: "its script ended with exit code 0",
  failed: "its script ended otherwise, broke a limit, or could not be run",
  cancelled: "a person or STOP ended it",
  timed_out: "it ran longer than its limit",
  interrupted: "cut off by a restart of the machine, and its policy is to leave it so",
};

/** What each change is, for people. */
const CAUSE: Record<ChangeKind, string> = {
  start: "its turn has come",
  started: "its supervisor is recorded; the script begins",
  "give-up": "the start was given up before the script began; it keeps its turn",
  pause: "a person pauses it",
  resume: "a person resumes it",
  hold: "a person holds it, or somebody takes its devices",
  acknowledge: "its script has asked and knows that it is held",
  release: "a person releases it",
  cancel: "a person cancels it",
  displace: "another experiment is run now in its place",
  stop: "STOP is pressed",
  fail: "it cannot be run",
  exited: "its process is gone",
  ended: "its devices stand in their end state, its leases and token are gone",
};

/** `docs/experiment-states.md`: every state, and every arrow there is. */
export function statesPage(): string {
  const states = STATES.map((state) => [
    `\`${state}\``,
    isTerminal(state) ? "final" : "",
    MEANING[state],
  ]);
  const arrows = TRANSITIONS.map((one) => [
    `\`${one.from}\``,
    `\`${one.on}\``,
    `\`${one.to}\``,
    CAUSE[one.on],
  ]);
  return `# States of an experiment

Printed from \`lib/experiments/transitions.ts\` by \`deno run lib/experiments/states_page.ts\`; a test
compares the two. Each arrow is one commit that checks the experiment, the queue's order and the run
leases, and appends its event. What is not in the table is refused with \`wrong-state\`, which names
what is allowed. Final states are never left.

## States

${table(["state", "", "what it means"], states)}

## Changes

${table(["from", "on", "to", "when"], arrows)}

Where one change has several targets, what was found decides: the exit code, the limit that was
broken, whoever ended it; and \`onInterrupt\` for a run that was cut off (\`fail\` leaves it
\`interrupted\`, \`requeue\` and \`resume\` bring it back to the front of the queue). A displaced run that
was to be queued again comes back behind the one that displaced it.

\`pause\` of a running experiment is a \`hold\`, \`resume\` of a held one a \`release\`.

## Locks

The one that is next reserves its devices (\`QUEUE_QUEUED\`) while they are free; a person who takes
one of them by hand goes first, and the experiment waits on. In \`starting\` the reservation becomes
the lock it drives under (\`QUEUE_EXECUTING\`). A person who holds one of its devices is asked, and
has 5 s to yield or refuse; one who refused is not asked again for the same lock, and \`give-up\` says
who it was. Whoever holds with equal or higher right is waited for while the experiment is still
\`queued\`.

With \`experiments.concurrency\` above 1, experiments run side by side on devices of their own. Nobody
passes an experiment that waits for one of the same devices.

When somebody with the right to takes the devices of a running one, it is held first: its devices
stand in their hold state, its script is told, and then the lock goes. Devices that are free again
are locked for it again, brought to their hold state once more, and stay so until a person releases
it. A release while others have its devices is refused, and says who has them.
`;
}

/** A Markdown table, columns padded as the formatter does. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) =>
    Math.max(3, name.length, ...rows.map((row) => row[i]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

if (import.meta.main) console.log(statesPage().trimEnd());
