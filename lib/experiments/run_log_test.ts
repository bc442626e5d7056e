import assert from "node:assert/strict";
import { join } from "node:path";
import { ManualClock } from "../clock.ts";
import { Folders } from "./folders.ts";
import { RUN_FILES } from "./model.ts";
import { followLog, LOG_PIECE_BYTES_MAX, readLog, stampedTail } from "./run_log.ts";

interface Place extends AsyncDisposable {
  folders: Folders;
  id: string;
  write(text: string | Uint8Array, atMs?: number): void;
}

async function place(): Promise<Place> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-log-" });
  const folders = new Folders(dir);
  const id = "01J0000000000000000000000A";
  await Deno.mkdir(folders.runFolder(id), { recursive: true });
  let bytes = 0;
  return {
    folders,
    id,
    write(text, atMs) {
      const added = typeof text === "string" ? new TextEncoder().encode(text) : text;
      if (atMs !== undefined) {
        Deno.writeTextFileSync(folders.logTimesPath(id), `${bytes}\t${atMs}\n`, { append: true });
      }
      Deno.writeFileSync(folders.logPath(id), added, { append: true });
      bytes += added.length;
    },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("a tail is the last lines, however they end", async () => {
  await using p = await place();
  assert.equal(readLog(p.folders, p.id, { tail: 3 }).text, "");
  p.write("one\ntwo\nthree\n");
  const tail = (lines: number) => readLog(p.folders, p.id, { tail: lines }).text;
  assert.equal(tail(1), "three\n");
  assert.equal(tail(2), "two\nthree\n");
  assert.equal(tail(3), "one\ntwo\nthree\n");
  assert.equal(tail(99), "one\ntwo\nthree\n");
  p.write("unfinished");
  assert.equal(tail(1), "unfinished");
  assert.equal(tail(2), "three\nunfinished");
});

Deno.test("a tail of a long log reads only its end", async () => {
  await using p = await place();
  p.write("x".repeat(199) + "\n");
  for (let i = 0; i < 12; i++) p.write(("y".repeat(199) + "\n").repeat(1000));
  p.write("last\n");
  assert.equal(readLog(p.folders, p.id, { tail: 2 }).text, "y".repeat(199) + "\nlast\n");
  const most = readLog(p.folders, p.id, { tail: 100_000 });
  assert.ok(most.raw.length <= LOG_PIECE_BYTES_MAX);
  assert.equal(most.to, most.bytes);
});

Deno.test("pieces join into the log byte by byte, and no character is cut in two", async () => {
  await using p = await place();
  const text = "grün 🧫 ".repeat(200_000);
  p.write(text);
  let at = 0;
  let joined = "";
  for (;;) {
    const piece = readLog(p.folders, p.id, { from: at });
    if (piece.to === at) break;
    assert.equal(piece.from, at);
    assert.doesNotMatch(piece.text, /\ufffd/);
    joined += piece.text;
    at = piece.to;
  }
  assert.equal(joined, text);
});

Deno.test("bytes that are no text do not hold the reader up", async () => {
  await using p = await place();
  p.write(new Uint8Array([0xff, 0xfe, 0x41, 0x0a, 0xe2]));
  const piece = readLog(p.folders, p.id, { from: 0 });
  assert.deepEqual([...piece.raw], [0xff, 0xfe, 0x41, 0x0a]);
  assert.deepEqual([...readLog(p.folders, p.id, { from: 4 }).raw], [0xe2]);
});

Deno.test("lines carry the time they arrived", async () => {
  await using p = await place();
  p.write("a\nb\n", 1000);
  p.write("c\n", 2000);
  assert.deepEqual(stampedTail(p.folders, p.id, 2), [
    { atMs: 1000, text: "b" },
    { atMs: 2000, text: "c" },
  ]);
  p.write("é\nd", 3000);
  assert.deepEqual(stampedTail(p.folders, p.id, 3), [
    { atMs: 2000, text: "c" },
    { atMs: 3000, text: "é" },
    { atMs: 3000, text: "d" },
  ]);
});

Deno.test("a follower gets what is written while it reads, and ends with the run", async () => {
  await using p = await place();
  const clock = new ManualClock();
  let isOver = false;
  const gone = new AbortController();
  const pieces = followLog(p.folders, p.id, clock, {
    from: 0,
    ended: () => Promise.resolve(isOver),
    signal: gone.signal,
  });
  p.write("one\n");
  assert.equal((await pieces.next()).value!.text, "one\n");
  const second = pieces.next();
  p.write("two\n");
  await clock.advance(1000);
  assert.equal((await second).value!.text, "two\n");
  const third = pieces.next();
  // Written before the end, read after it: nothing is lost between the two.
  p.write("three\n");
  isOver = true;
  await clock.advance(1000);
  assert.equal((await third).value!.text, "three\n");
  assert.equal((await pieces.next()).done, true);
});

Deno.test("a follower that leaves ends at once, and a new attempt's log is read from its start", async () => {
  await using p = await place();
  const clock = new ManualClock();
  const gone = new AbortController();
  const pieces = followLog(p.folders, p.id, clock, {
    from: 0,
    ended: () => Promise.resolve(false),
    signal: gone.signal,
  });
  p.write("first attempt\n");
  await pieces.next();
  Deno.removeSync(join(p.folders.runFolder(p.id), RUN_FILES.log));
  const next = pieces.next();
  p.write("second\n");
  await clock.advance(1000);
  assert.equal((await next).value!.text, "second\n");
  const waiting = pieces.next();
  gone.abort();
  assert.equal((await waiting).done, true);
});
