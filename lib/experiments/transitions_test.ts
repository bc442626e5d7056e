import assert from "node:assert/strict";
import { type Experiment, isTerminal, type RunExit, STATES, TERMINAL } from "./model.ts";
import { statesPage } from "./states_page.ts";
import {
  ATTEMPTS_MAX,
  type Change,
  type ChangeKind,
  endingOf,
  step,
  TRANSITIONS,
} from "./transitions.ts";

function experiment(fields: Partial<Experiment> = {}): Experiment {
  return {
    v: 1,
    id: "01J0000000000000000000000A",
    number: 1,
    title: "",
    owner: "user:anna",
    kind: "python",
    scriptSha256: "00",
    devices: [],
    heldMs: 0,
    limits: { wallMs: null, cpuS: null, memoryMb: 512, outputMb: 2048, logMb: 50, processes: 64 },
    endState: {},
    onInterrupt: "fail",
    state: "queued",
    attempt: 0,
    createdAtMs: 1000,
    startedAtMs: null,
    endedAtMs: null,
    exitCode: null,
    error: null,
    process: null,
    phase: null,
    holdState: {},
    parameters: {},
    heldAtMs: null,
    holdAcknowledgedAtMs: null,
    rank: null,
    ending: null,
    idempotencyKey: null,
    ...fields,
  };
}

function exit(fields: Partial<RunExit> = {}): RunExit {
  return {
    v: 1,
    attempt: 1,
    reason: "exit",
    exitCode: 0,
    signal: null,
    text: "the script ended",
    startedAtMs: 2000,
    endedAtMs: 3000,
    ...fields,
  };
}

const CHANGES: Record<ChangeKind, Change> = {
  start: { kind: "start" },
  started: { kind: "started", process: { pid: 7, startTicks: 8 } },
  "give-up": { kind: "give-up", text: "held" },
  pause: { kind: "pause" },
  resume: { kind: "resume" },
  hold: { kind: "hold", text: "a sample is taken" },
  acknowledge: { kind: "acknowledge" },
  release: { kind: "release" },
  cancel: { kind: "cancel", text: "enough" },
  displace: { kind: "displace", text: "experiment 2 was run now", requeue: false },
  stop: { kind: "stop", text: "STOP was pressed" },
  fail: { kind: "fail", text: "no interpreter" },
  exited: { kind: "exited", exit: exit() },
  ended: { kind: "ended" },
};

function after(before: Experiment, ...changes: Change[]): Experiment {
  return changes.reduce((now, change) => {
    const stepped = step(now, change, 5000);
    assert.ok(stepped.ok, `${change.kind} of ${now.state}`);
    return stepped.value;
  }, before);
}

const running = () => after(experiment(), CHANGES.start, CHANGES.started);

Deno.test("every change of every state goes where the table says or is refused with what is allowed", () => {
  for (const state of STATES) {
    for (const change of Object.values(CHANGES)) {
      const stepped = step(experiment({ state, attempt: 1 }), change, 5000);
      const arrows = TRANSITIONS.filter((t) => t.from === state);
      const targets = arrows.filter((t) => t.on === change.kind).map((t) => t.to);
      if (targets.length === 0) {
        assert.deepEqual(stepped, {
          ok: false,
          refusal: {
            kind: "wrong-state",
            state,
            asked: change.kind,
            allowed: [...new Set(arrows.map((t) => t.on))],
          },
        });
      } else {
        assert.ok(stepped.ok);
        assert.ok(targets.includes(stepped.value.state), `${state} ${change.kind}`);
      }
    }
  }
});

Deno.test("the page of states says what the table says", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/experiment-states.md", import.meta.url),
  );
  assert.equal(page, statesPage(), "deno run lib/experiments/states_page.ts prints it");
});

Deno.test("terminal states are final and every state can be reached", () => {
  for (const state of TERMINAL) assert.equal(TRANSITIONS.some((t) => t.from === state), false);
  const reached = new Set<string>(["queued", ...TRANSITIONS.map((t) => t.to)]);
  assert.deepEqual(STATES.filter((state) => !reached.has(state)), []);
});

Deno.test("a hold is known to the script from its first asking, and over when it is released or ends", () => {
  const held = after(running(), CHANGES.hold);
  assert.deepEqual([held.state, held.heldAtMs, held.holdAcknowledgedAtMs], ["holding", 5000, null]);
  const known = step(held, CHANGES.acknowledge, 6000);
  assert.ok(known.ok);
  const again = step(known.value, CHANGES.acknowledge, 7000);
  assert.ok(again.ok);
  assert.equal(again.value.holdAcknowledgedAtMs, 6000);
  for (const over of ["release", "cancel", "stop", "exited"] as const) {
    const ended = after(again.value, CHANGES[over]);
    assert.deepEqual([ended.heldAtMs, ended.holdAcknowledgedAtMs], [null, null], over);
  }
});

Deno.test("a displaced run is cancelled, or run again whatever its policy for power cuts", () => {
  const { displace, exited, ended } = CHANGES;
  const over = after(running(), displace, exited, ended);
  assert.deepEqual([over.state, over.error?.code], ["cancelled", "displaced"]);
  const again = after(running(), { ...displace, requeue: true } as Change, exited, ended);
  assert.deepEqual([again.state, again.attempt, again.error], ["queued", 1, null]);
});

Deno.test("a late exit never overwrites a cancellation", () => {
  const ended = after(running(), CHANGES.cancel, CHANGES.exited, CHANGES.ended);
  assert.equal(ended.state, "cancelled");
  assert.equal(ended.exitCode, 0);
  assert.deepEqual(ended.error, { code: "cancel", text: "enough" });
  assert.equal(step(ended, CHANGES.exited, 6000).ok, false);
});

Deno.test("a cancellation that comes after the exit is refused and the exit stands", () => {
  const exited = after(running(), CHANGES.exited);
  assert.equal(step(exited, CHANGES.cancel, 6000).ok, false);
  assert.equal(after(exited, CHANGES.ended).state, "completed");
});

Deno.test("how a run ends follows from what its supervisor found", () => {
  const cases: [Partial<RunExit>, string, string | null][] = [
    [{}, "completed", null],
    [{ exitCode: 3, text: "exited with code 3" }, "failed", "script"],
    [{ exitCode: null, signal: "SIGSEGV" }, "failed", "script"],
    [{ reason: "wall" }, "timed_out", "wall"],
    [{ reason: "memory" }, "failed", "memory"],
    [{ reason: "output" }, "failed", "output"],
    [{ reason: "processes" }, "failed", "processes"],
    [{ reason: "disk" }, "failed", "disk"],
    [{ reason: "runner" }, "failed", "runner"],
    [{ reason: "stopped" }, "interrupted", "restart"],
  ];
  for (const [fields, state, code] of cases) {
    const ended = after(running(), { kind: "exited", exit: exit(fields) }, CHANGES.ended);
    assert.equal(ended.state, state);
    assert.equal(ended.error?.code ?? null, code);
    assert.equal(ended.endedAtMs, 3000);
  }
});

Deno.test("a run cut off by a power loss is interrupted, not retried, unless its policy says so", () => {
  const lost: Change = { kind: "exited", exit: null };
  assert.equal(after(running(), lost, CHANGES.ended).state, "interrupted");
  for (const onInterrupt of ["requeue", "resume"] as const) {
    const again = after({ ...running(), onInterrupt }, lost, CHANGES.ended);
    assert.equal(again.state, "queued");
    assert.equal(again.ending, null);
    assert.equal(after(again, CHANGES.start).attempt, 2);
  }
});

Deno.test("a run that is cut off again and again is given up", () => {
  const worn = { ...running(), onInterrupt: "resume" as const, attempt: ATTEMPTS_MAX };
  assert.equal(
    after(worn, { kind: "exited", exit: null }, CHANGES.ended).state,
    "interrupted",
  );
});

Deno.test("a start that never reached the script counts as no attempt", () => {
  const starting = after(experiment(), CHANGES.start);
  assert.equal(starting.attempt, 1);
  assert.equal(after(starting, CHANGES["give-up"]).attempt, 0);
});

Deno.test("a run whose script was never told to go is queued again whatever its policy", () => {
  const unstarted: Change = { kind: "exited", exit: exit({ reason: "unstarted", exitCode: null }) };
  const again = after(running(), unstarted, CHANGES.ended);
  assert.equal(again.state, "queued");
  assert.equal(again.attempt, 0);
  assert.equal(after(running(), CHANGES.cancel, unstarted, CHANGES.ended).state, "cancelled");
});

Deno.test("a stop and a cancellation both end as cancelled, with their own cause", () => {
  assert.equal(endingOf(null, 1).state, "interrupted");
  const stopped = after(running(), CHANGES.stop, CHANGES.exited, CHANGES.ended);
  assert.equal(stopped.state, "cancelled");
  assert.equal(stopped.error?.code, "stop");
  const waiting = after(experiment(), CHANGES.pause, CHANGES.cancel);
  assert.equal(waiting.state, "cancelled");
  assert.equal(isTerminal(waiting.state), true);
  assert.equal(waiting.endedAtMs, 5000);
});
