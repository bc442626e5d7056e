import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { ManualClock } from "../../lib/clock.ts";
import { MODES, openRecording, Recorder, replay } from "../../lib/epu/tools/mod.ts";

const RUNS = Deno.env.get("HOLDFAST_LONG") === "1" ? 1000 : 25;

type Act =
  | { kind: "write" | "append"; path: string; text: string }
  | { kind: "delete"; path: string }
  | { kind: "move"; path: string; to: string }
  | { kind: "look" | "scan" };

// Few names, so that files, folders and what replaces them meet often.
const path = fc.constantFrom("a", "b", "a/x.dm", "a/y.xml", "b/x.dm", "b/c/z.jpg", "d.xml");
const text = fc.constantFrom(
  "",
  "one",
  "one and two",
  "<a>\r\n</a>",
  "\u0000\u00ff",
  "x".repeat(3000),
);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom("write" as const, "append" as const), path, text }),
  fc.record({ kind: fc.constant("delete" as const), path }),
  fc.record({ kind: fc.constant("move" as const), path, to: path }),
  fc.record({ kind: fc.constantFrom("look" as const, "scan" as const) }),
);

/** Does it if the folder allows it; a file in the way of a folder gives way. */
function perform(dir: string, act: Act): void {
  if (!("path" in act)) return;
  const file = join(dir, act.path);
  if (act.kind === "delete") {
    if (existsSync(file)) rmSync(file, { recursive: true });
    return;
  }
  if (act.kind === "move") {
    const isInside = `${act.to}/`.startsWith(`${act.path}/`) ||
      `${act.path}/`.startsWith(`${act.to}/`);
    if (!existsSync(file) || isInside) return;
    if (existsSync(join(dir, act.to))) rmSync(join(dir, act.to), { recursive: true });
    makeFolder(dir, dirname(join(dir, act.to)));
    if (existsSync(file)) renameSync(file, join(dir, act.to));
    return;
  }
  if (existsSync(file) && statSync(file).isDirectory()) rmSync(file, { recursive: true });
  makeFolder(dir, dirname(file));
  if (act.kind === "write") writeFileSync(file, act.text);
  else appendFileSync(file, act.text);
}

function makeFolder(dir: string, folder: string): void {
  if (folder.length > dir.length) makeFolder(dir, dirname(folder));
  if (existsSync(folder) && !statSync(folder).isDirectory()) rmSync(folder);
  mkdirSync(folder, { recursive: true });
}

/** Folders too: an empty one is part of the state. */
function state(dir: string): Record<string, string | null> {
  const paths = readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(paths.map((one) => [
    one.replaceAll("\\", "/"),
    statSync(join(dir, one)).isFile() ? readFileSync(join(dir, one), "latin1") : null,
  ]));
}

Deno.test("whatever happens in a folder, its replay ends the same, with and without faults", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 30 }),
      fc.array(act, { maxLength: 4 }),
      fc.option(fc.nat(), { nil: undefined }),
      async (acts, before, faultSeed) => {
        const dir = mkdtempSync(join(tmpdir(), "holdfast-replay-property-"));
        try {
          const watched = join(dir, "watched");
          mkdirSync(watched);
          for (const one of before) perform(watched, one);
          {
            using recorder = new Recorder({
              dir: watched,
              out: join(dir, "recording"),
              skipBinary: false,
              clock: new ManualClock(),
            });
            recorder.scan();
            const touched = new Set<string>();
            for (const one of acts) {
              perform(watched, one);
              if ("path" in one) touched.add(join(watched, one.path));
              // A watcher tells late, of some paths only, and of what has gone since.
              if (one.kind === "look") recorder.look(touched);
              if (one.kind === "scan") recorder.scan();
            }
            recorder.scan();
            recorder.end();
          }
          using recording = await openRecording(join(dir, "recording"));
          const target = join(dir, "target");
          const report = await replay({
            recording,
            target,
            pace: MODES.dev,
            clock: new ManualClock(),
            ...(faultSeed === undefined ? {} : { faultSeed }),
          });
          assert.deepEqual(report.wrong, []);
          assert.deepEqual(report.damaged, []);
          assert.deepEqual(state(target), state(watched));
        } finally {
          rmSync(dir, { recursive: true });
        }
      },
    ),
    { numRuns: RUNS },
  );
});
