import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type ProblemKind, PROBLEMS } from "./problem.ts";
import { parsePage, problemPage } from "./problem_pages.ts";

const SECTIONS = ["Cause", "What it means for the sample", "What to do"];

Deno.test("every problem has its page: cause, meaning for the sample, what to do", async () => {
  for (const kind of Object.keys(PROBLEMS) as ProblemKind[]) {
    const page = await problemPage(kind);
    assert(page !== null, kind);
    assert.equal(page.title, PROBLEMS[kind].title, kind);
    assert.deepEqual(page.sections.map((s) => s.heading), SECTIONS, kind);
    for (const { heading, blocks } of page.sections) {
      assert(blocks.length > 0, `${kind}: "${heading}" is empty`);
    }
    assert.equal(page.sections[2]!.blocks[0]!.kind, "list", kind);
  }
});

Deno.test("no page is left of a problem that is gone", () => {
  const pages = readdirSync(join(import.meta.dirname!, "..", "docs", "problems")).sort();
  assert.deepEqual(pages, Object.keys(PROBLEMS).map((kind) => `${kind}.md`).sort());
});

Deno.test("a kind that does not exist has no page, whatever it looks like", async () => {
  for (const kind of ["", "nothing", "../README", "..%2f", "constructor", "__proto__"]) {
    assert.equal(await problemPage(kind), null, kind);
  }
});

Deno.test("code, links and lists are read", () => {
  assert.deepEqual(
    parsePage("# T\n\n## H\n\nUse `a b`\nor [docs](/docs).\n\n- one\n  more\n- two\n"),
    {
      title: "T",
      sections: [{
        heading: "H",
        blocks: [
          {
            kind: "paragraph",
            inlines: [
              { text: "Use " },
              { text: "a b", code: true },
              { text: " or " },
              { text: "docs", href: "/docs" },
              { text: "." },
            ],
          },
          { kind: "list", items: [[{ text: "one more" }], [{ text: "two" }]] },
        ],
      }],
    },
  );
});
