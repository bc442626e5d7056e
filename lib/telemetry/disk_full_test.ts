import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import type { TelemetryFault } from "./faults.ts";
import { Telemetry } from "./store.ts";
import { reading, START } from "./testing.ts";

/**
 * A file system of eight megabytes, really full. It is mounted in a mount namespace of its own, which needs
 * `unshare` and leave to make user namespaces; the child below then runs in it.
 */
const MOUNT = 'mount -t tmpfs -o size=8m holdfast "$1" && shift && exec "$@"';

async function canMount(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("unshare", {
      args: ["-rm", "sh", "-c", "mount -t tmpfs -o size=8m holdfast /mnt"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false; // no unshare on this machine
  }
}

Deno.test({
  name: "on a full disk telemetry waits, gives up the oldest, and goes on when there is space " +
    "(needs unshare and tmpfs)",
  ignore: Deno.build.os !== "linux" || !await canMount(),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const { success, stdout, stderr } = await new Deno.Command("unshare", {
        args: [
          "-rm",
          "sh",
          "-c",
          MOUNT,
          "sh",
          folder,
          Deno.execPath(),
          "run",
          "-A",
          import.meta.filename!,
          folder,
        ],
      }).output();
      const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.ok(success, said);
      assert.match(said, /survived/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What the child does on its small disk; it ends with an error if anything is not as it should be. */
async function onSmallDisk(folder: string): Promise<void> {
  const clock = new ManualClock();
  const faults: TelemetryFault[] = [];
  const active = () => {
    const ids = new Set<string>();
    for (const fault of faults) fault.active ? ids.add(fault.id) : ids.delete(fault.id);
    return [...ids];
  };
  const path = `${folder}/telemetry.sqlite`;
  const telemetry = Telemetry.open(path, clock, silentLog, {
    bufferMax: 2000,
    onFault: (fault) => faults.push(fault),
  });
  const channels = Array.from({ length: 10 }, (_, i) => `c_${i}`);
  let recorded = 0;
  const run = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      telemetry.record(channels.map((channel) => reading(clock.nowMs(), recorded++, { channel })));
      await clock.advance(1000);
    }
  };
  const count = () =>
    telemetry.series({
      channels: channels.map((channel) => ({ deviceId: "temp", channel })),
      fromMs: START - 1,
      toMs: clock.nowMs() + 1,
      buckets: 1,
    }).reduce((sum, { buckets }) => sum + buckets[0]!.count, 0);

  await run(100);
  assert.deepEqual(active(), []);

  const ballast = `${folder}/ballast`;
  fillUp(ballast);
  await run(100);
  assert.deepEqual(active(), ["telemetry:full"]);
  assert.equal(count(), 2000, "charts show what waits in memory");
  await run(300);
  assert.deepEqual(active().sort(), ["telemetry:full", "telemetry:gap"]);
  const { lost, buffered } = telemetry.status();
  assert.ok(lost > 1000 && buffered <= 2000);
  assert.equal(count(), recorded - lost);

  Deno.removeSync(ballast);
  await run(70);
  assert.deepEqual(active(), []);
  assert.equal(count(), recorded - lost);
  const [hole, ...others] = telemetry.holes();
  assert.equal(hole!.samples, lost);
  assert.deepEqual(others, []);
  telemetry.close();

  const again = Telemetry.open(path, clock, silentLog, {});
  assert.equal(again.holes()[0]!.samples, lost);
  again.close();
  console.log("survived");
}

function fillUp(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) file.writeSync(new Uint8Array(size));
    } catch (error) {
      assert.match(String(error), /No space/);
    }
  }
}

if (import.meta.main && Deno.args[0] !== undefined) await onSmallDisk(Deno.args[0]);
