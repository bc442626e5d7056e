import { LOCK_SCOPES, LockAsk } from "../locks/mod.ts";
import { openRig } from "./test_rig.ts";

/**
 * A runtime in a process of its own, for tests that kill it. `deno run restart_host.ts '<json>'` with
 * `{ dir, kvPath, script?, killAt, onInterrupt?, hold?, maintain? }`: kills itself with SIGKILL before the `killAt`-th
 * thing that happens (an event committed, something asked of locks, devices or tokens), counted from its
 * start.
 * Says `steps <n>` when all is over without that.
 */
const ask = JSON.parse(Deno.args[0]!) as {
  dir: string;
  kvPath: string;
  script?: string;
  kind?: "python" | "typescript";
  killAt: number;
  onInterrupt?: "fail" | "requeue" | "resume";
  /** Holds the run and releases it; steps count from there. */
  hold?: boolean;
  /** Takes its devices for maintenance, gives them back and releases it; steps count from there. */
  maintain?: boolean;
};

let steps = 0;
let counting = !ask.hold && !ask.maintain;
const step = () => {
  if (counting && ++steps === ask.killAt) Deno.kill(Deno.pid, "SIGKILL");
};
const rig = await openRig({
  dir: ask.dir,
  kvPath: ask.kvPath,
  step,
  begin: false,
  // A host without a box can be told apart from one with it by what it leaves behind.
});
rig.kv.onEvents(() => step());
await rig.experiments.begin();
if (ask.script !== undefined) {
  const { id } = await rig.submit(ask.script, {
    kind: ask.kind ?? "python",
    onInterrupt: ask.onInterrupt ?? "fail",
  });
  console.log(`id ${id}`);
  if (ask.hold || ask.maintain) {
    await rig.reach(id, "running");
    await rig.says(id, "up");
    counting = true;
    if (ask.maintain) await maintain(rig);
    else await rig.experiments.hold(id, "user:anna", "");
    await rig.experiments.release(id, "user:anna");
  }
}
const open = rig.experiments.running() ?? (await rig.experiments.queue())[0];
if (open !== undefined) await rig.ended(open.id);
console.log(`steps ${steps}`);
await rig.close();
Deno.exit(0);

async function maintain({ locks }: typeof rig): Promise<void> {
  const actor = "user:bo";
  const asker = { actor, label: "Bo", client: null, asserted: false, may: LOCK_SCOPES };
  const wanted = LockAsk.parse({ deviceIds: ["stirrer"], type: "MAINTENANCE", leaseMs: null });
  const taken = await locks.request(wanted, asker);
  if (!taken.ok) throw new Error(JSON.stringify(taken.refusal));
  await locks.releaseAll(actor, "done");
}
