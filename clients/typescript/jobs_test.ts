import assert from "node:assert/strict";
import type { Bioreactor } from "./bioreactor.ts";
import { JobFailed } from "./errors.ts";
import { type Job, type JobClock, Jobs, type RunOptions } from "./jobs.ts";

/** Time that passes only while a job works or waits. */
class Clock implements JobClock {
  nowMs = 1000;
  monotonicMs(): number {
    return this.nowMs;
  }
  wait(ms: number): Promise<void> {
    this.nowMs += ms;
    return Promise.resolve();
  }
}

const bio = {} as Bioreactor;

async function run(clock: Clock, jobs: Job[], options: RunOptions = {}) {
  const interrupts: JobFailed[] = [];
  const real = console.error;
  const lines: string[] = [];
  console.error = (text: string) => void lines.push(text);
  const all = new Jobs(bio, (failure) => interrupts.push(failure), clock);
  try {
    await all.run(jobs, options).wait();
  } finally {
    console.error = real;
  }
  return { counts: all.counts(), lines, interrupts };
}

Deno.test("a job keeps its rate without drift and ends after its duration", async () => {
  const clock = new Clock();
  const calls: number[] = [];
  const tick = (_: Bioreactor, elapsed: number) => {
    calls.push(elapsed);
    clock.nowMs += 300;
  };
  const { counts } = await run(clock, [[tick, 1, 5]]);
  assert.deepEqual(calls, [0, 1, 2, 3, 4]);
  assert.equal(clock.nowMs, 6000);
  assert.deepEqual(counts, { tick: { calls: 5, errors: 0, skipped: 0, running: false } });
});

Deno.test("a call that takes too long skips turns, which are counted and never made up", async () => {
  const clock = new Clock();
  const calls: number[] = [];
  const slow = (_: Bioreactor, elapsed: number) => {
    calls.push(elapsed);
    clock.nowMs += elapsed === 1 ? 2500 : 100;
  };
  const { counts, lines } = await run(clock, [[slow, 1, 8]]);
  assert.deepEqual(calls, [0, 1, 4, 5, 6, 7]);
  assert.equal(counts.slow?.skipped, 2);
  assert.equal(lines.filter((line) => line.includes("turns are skipped")).length, 1);
});

Deno.test("a job that keeps failing is given up after many failures over some time", async () => {
  const fails = () => {
    throw new RangeError("gone");
  };
  const quick = await run(new Clock(), [[fails, 1, true]], { onFailure: "continue" });
  assert.equal(quick.counts.fails?.errors, 121);
  const slow = await run(new Clock(), [[fails, 60, true]], { onFailure: "continue" });
  assert.equal(slow.counts.fails?.errors, 20);
  await assert.rejects(run(new Clock(), [[fails, 60, true]]), JobFailed);
});

Deno.test("a success in between starts the count anew", async () => {
  let calls = 0;
  const rare = () => {
    if (++calls % 19 !== 0) throw new RangeError("gone");
  };
  const { counts } = await run(new Clock(), [[rare, 60, 6000]]);
  assert.equal(counts.rare?.calls, 100);
});

Deno.test("when nobody waits for the jobs the script is interrupted, once everything is told", async () => {
  const interrupted = Promise.withResolvers<JobFailed>();
  const real = console.error;
  console.error = () => {};
  try {
    const jobs = new Jobs(bio, interrupted.resolve, new Clock());
    jobs.run([[() => Promise.reject(new RangeError("gone")), 1, true]], {
      errorsMax: 2,
      errorsForS: 0,
    });
    assert.match((await interrupted.promise).message, /failed 2 times in a row/);
  } finally {
    console.error = real;
  }
});

Deno.test("stop ends every job after its present call, also in the middle of a long wait", async () => {
  const jobs = new Jobs(bio, () => {});
  let calls = 0;
  jobs.run([[() => void calls++, 3600, true]]);
  jobs.stop();
  assert.equal(await jobs.wait(5), true);
  assert.equal(calls, 1);
});

Deno.test("what is no job is refused before anything starts", async () => {
  const jobs = new Jobs(bio, () => {});
  // deno-lint-ignore no-explicit-any
  const wrong: any[] = [["x", 1, 1], [() => {}, 0, 1], [() => {}, -1, 1], [() => {}, 1, "8h"]];
  for (const job of wrong) assert.throws(() => jobs.run([job]));
  jobs.run([[() => {}, 1, true]]);
  assert.throws(() => jobs.run([[() => {}, 1, true]]), /running already/);
  jobs.stop();
  await jobs.wait();
});
