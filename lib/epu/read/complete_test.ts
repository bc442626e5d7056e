import assert from "node:assert/strict";
import { epuMicrographs, epuSample } from "../../../tests/epu_samples.ts";
import { HEAD_BYTES, isComplete, TAIL_BYTES } from "./complete.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const head = (all: Uint8Array) => all.subarray(0, HEAD_BYTES);
const tail = (all: Uint8Array) => all.subarray(-TAIL_BYTES);

Deno.test("every real file is complete, and none is without its last tag", () => {
  const files = [
    epuSample("3.7/EpuSession.dm"),
    epuSample("3.7/Atlas.dm"),
    epuSample("3.7/GridSquare_4590776.dm"),
    epuSample("3.7/GridSquare_4590776.pretty.dm"),
    epuSample("tomography/Session.dm"),
    ...epuMicrographs().slice(0, 20).map((sample) => sample.bytes),
  ];
  for (const all of files) {
    assert.ok(isComplete(tail(all), head(all)));
    const end = new TextDecoder().decode(all).trimEnd().length;
    for (const cut of [1, 2, 5, 12, 300]) {
      const short = all.subarray(0, end - cut);
      assert.equal(isComplete(tail(short), head(short)), false);
    }
  }
});

Deno.test("without its beginning a file must end with a root of EPU's", () => {
  assert.ok(isComplete(bytes("x</MicroscopeImage>\r\n")));
  assert.ok(isComplete(bytes("x</so:MicroscopeImage >")));
  assert.equal(isComplete(bytes("x</uniqueID>")), false);
});

Deno.test("with its beginning only the root that was opened counts", () => {
  const begin = bytes('<?xml version="1.0"?><!-- <a> --><p:a xmlns:p="x">');
  assert.ok(isComplete(bytes("</b></p:a><!-- end -->\n"), begin));
  assert.equal(isComplete(bytes("</b>"), begin), false);
  assert.equal(isComplete(bytes("</MicroscopeImage>"), begin), false);
});

Deno.test("UTF-16, zeros behind the end and nothing at all are told apart", () => {
  const wide = new Uint8Array([..."</EpuSessionXml>"].flatMap((c) => [c.charCodeAt(0), 0]));
  assert.ok(isComplete(wide));
  assert.ok(isComplete(bytes("</EpuSessionXml>\0\0\0\0")));
  assert.equal(isComplete(new Uint8Array(0)), false);
  assert.equal(isComplete(new Uint8Array(512)), false);
});
