import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ManualClock } from "../../lib/clock.ts";
import { readEpuFile } from "../../lib/epu/read/mod.ts";
import { formatFile, formatXml, generateFiles } from "../../lib/epu/tools/mod.ts";
import { epuSample } from "../epu_samples.ts";
import { digestOfTree } from "../../lib/epu/tools/format_xml.ts";

const utf8 = new TextEncoder();
const format = (text: string) => new TextDecoder().decode(formatXml(utf8.encode(text)));

Deno.test("elements come on lines of their own, text stays as it is to the byte", () => {
  assert.equal(
    format(
      "<?xml version=\"1.0\"?><a x='1 > 0'><b> two\r\n words </b><!-- c --><d><e/></d><f></f></a>",
    ),
    [
      '<?xml version="1.0"?>',
      "<a x='1 > 0'>",
      "  <b> two\r\n words </b>",
      "  <!-- c -->",
      "  <d>",
      "    <e/>",
      "  </d>",
      "  <f></f>",
      "</a>",
      "",
    ].join("\n"),
  );
});

Deno.test("where text and elements are mixed, where space is kept, and in blank texts nothing moves", () => {
  for (
    const text of [
      "<a>some <b>bold <i/></b> text</a>\n",
      '<a xml:space="preserve"> <b/> </a>\n',
      "<a>   </a>\n",
      "<a>&#10;<b/></a>\n",
      "<a><![CDATA[ ]]><b/></a>\n",
    ]
  ) assert.equal(format(text), text);
});

Deno.test("laid out twice it is the same, and reads as it did before", () => {
  for (const { path, bytes } of generateFiles({ micrographs: 4, squares: 2, holesPerSquare: 12 })) {
    const once = formatXml(bytes);
    assert.deepEqual(formatXml(once), once);
    assert.deepEqual(readEpuFile(path, once), readEpuFile(path, bytes), path);
  }
});

Deno.test("a true square of 570 holes and a true atlas read the same laid out", () => {
  for (
    const [name, path] of [
      ["3.7/GridSquare_4590776.dm", "Metadata/GridSquare_4590776.dm"],
      ["3.7/Atlas.dm", "Sample4/Atlas/Atlas.dm"],
    ] as const
  ) {
    const bytes = epuSample(name);
    const laidOut = formatXml(bytes);
    assert(laidOut.length > bytes.length * 1.3);
    assert.deepEqual(readEpuFile(path, laidOut), readEpuFile(path, bytes));
  }
});

Deno.test("what is not well-formed, not UTF-8, too deep, or has a DOCTYPE is refused with the place", () => {
  const cases: [string | Uint8Array, RegExp][] = [
    ["<a><b></a>", /closes "b"/],
    ["<a>\n<b", /line 2, column 1 does not end/],
    ["<a/><b>", /not closed/],
    ["<a>&unknown;</a>", /entity/],
    ["<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", /DOCTYPE/],
    ["<a/>text", /outside/],
    [Uint8Array.of(0xff, 0xfe, 0x3c, 0), /UTF-8/],
    ["<a>".repeat(300) + "</a>".repeat(300), /deeper than 256/],
    ["", /./],
  ];
  for (const [text, message] of cases) {
    const bytes = typeof text === "string" ? utf8.encode(text) : text;
    assert.throws(() => formatXml(bytes), { name: "XmlUnreadable", message });
  }
});

Deno.test("whatever the tree, its digest is the same before and after, and another for another tree", () => {
  const text = fc.constantFrom("", " ", "x", " x ", "&amp;", "\n", "é");
  const { node } = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("<a/>", "<b c='1'/>", "<!-- d -->", "<e></e>"),
      fc.tuple(text, fc.array(fc.tuple(tie("node"), text), { maxLength: 4 })).map(([first, rest]) =>
        `<n>${first}${rest.flat().join("")}</n>`
      ),
    ),
  }));
  fc.assert(
    fc.property(node, (inner) => {
      const bytes = utf8.encode(`<root>${inner}</root>`);
      const once = formatXml(bytes);
      assert.equal(digestOfTree(once), digestOfTree(bytes));
      assert.deepEqual(formatXml(once), once);
    }),
    { numRuns: 300 },
  );
  const digests = ["<a><b/></a>", "<a> x<b/></a>", "<a><b/>x</a>", "<a> <b c=''/></a>", "<a>b</a>"]
    .map((one) => digestOfTree(utf8.encode(one)));
  assert.equal(new Set(digests).size, digests.length);
});

Deno.test("a file is replaced whole, with its mode and a copy of what it was; a dry run leaves it", () => {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-format-"));
  try {
    const file = join(dir, "a.dm");
    writeFileSync(file, "<a><b/></a>");
    chmodSync(file, 0o666);
    const options = { clock: new ManualClock(), keepBackup: true };
    assert.deepEqual(formatFile(file, { ...options, dryRun: true }), {
      isChanged: true,
      backup: null,
    });
    assert.equal(readFileSync(file, "utf8"), "<a><b/></a>");
    const { backup } = formatFile(file, { ...options, dryRun: false });
    assert.equal(readFileSync(file, "utf8"), "<a>\n  <b/>\n</a>\n");
    assert.equal(readFileSync(backup!, "utf8"), "<a><b/></a>");
    if (Deno.build.os !== "windows") assert.equal(statSync(file).mode & 0o777, 0o666);
    assert.equal(formatFile(file, { ...options, dryRun: false }).isChanged, false);
    writeFileSync(file, "<a><b>");
    assert.throws(() => formatFile(file, { ...options, dryRun: false }), { name: "XmlUnreadable" });
    assert.equal(readFileSync(file, "utf8"), "<a><b>");
    assert.equal(readdirSync(dir).length, 2);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
