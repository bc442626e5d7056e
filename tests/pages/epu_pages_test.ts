import assert from "node:assert/strict";
import { ruleFor } from "../../lib/access.ts";
import { runSession } from "../epu_session.ts";
import { runInstrument } from "../running_instrument.ts";
import { mainOf, post, shows, textOf } from "./page_forms.ts";

Deno.test("without a folder and without a session, the page says how to begin, and no menu names it", async () => {
  await using running = await runInstrument();
  const { text } = await textOf(running, "/epu");
  shows(mainOf(text), /epu\.folders/);
  shows(mainOf(text), /hf epu simulate/);
  assert.doesNotMatch(text, /<nav[^>]*aria-label="Main".*href="\/epu".*<\/nav>/s);
});

Deno.test("pages of a cryo-EM session, as a browser without scripts has them", async (t) => {
  await using rig = await runSession({
    micrographs: 240,
    squares: 130,
    holesPerSquare: 40,
    areas: 4,
    previews: "pictures",
  });
  const { running, epu, id, instrument } = rig;
  const base = `/epu/${id}`;
  const { items: micrographs } = await epu.micrographs({ acquisitionId: id, limit: 500 });
  const { squareId, holeId } = micrographs[0]!;

  await t.step("the list of sessions and the menu lead to it", async () => {
    const { text } = await textOf(running, "/epu");
    assert.match(text, /<a href="\/epu" aria-current="page"/);
    shows(mainOf(text), new RegExp(`href="${base}"`));
    shows(mainOf(text), /240 \/ 240 \//);
  });

  await t.step(
    "atlas, square and list stand on one page, with words for every colour",
    async () => {
      const main = mainOf((await textOf(running, `${base}?square=${squareId}`)).text);
      assert.equal(main.match(/data-place=/g)?.length, 130 + 40);
      shows(main, new RegExp(`href="/api/v1/epu/acquisitions/${id}/atlas/image"`));
      shows(
        main,
        new RegExp(`<title>square ${squareId}: [a-z ]+, \\d+ seen, \\d+ listed, \\d+ expected`),
      );
      shows(main, /<b>240<\/b> seen/);
      shows(main, /Grid squares/);
      // Inline styles are refused by our own policy.
      assert.doesNotMatch(main, / style="/);
    },
  );

  await t.step("colours are chosen by the address", async () => {
    const main = mainOf(
      (await textOf(running, `${base}?squaresBy=category&holesBy=intensity&path=on`)).text,
    );
    shows(main, /class="place shade-kind\d/);
    shows(main, /class="place shade-step\d/);
    shows(main, /category \d/);
    shows(main, /<polyline/);
  });

  await t.step("the list is sorted, filtered and paged by the address alone", async () => {
    const rows = (text: string) =>
      [...mainOf(text).matchAll(/<th scope="row"><a href="[^"]*"[^>]*>(\d+)/g)].map(([, one]) =>
        Number(one)
      );
    const all = rows((await textOf(running, base)).text);
    assert.equal(all.length, 100);
    const rest = rows((await textOf(running, `${base}?from=100`)).text);
    assert.equal(rest.length, 30);
    assert.equal(new Set([...all, ...rest]).size, 130);
    const down = rows((await textOf(running, `${base}?sort=-square`)).text);
    assert.deepEqual(down, [...all, ...rest].sort((a, b) => b - a).slice(0, 100));
    const selected = rows((await textOf(running, `${base}?only=selected`)).text);
    const { items } = await epu.squares({
      acquisitionId: id,
      limit: 1000,
      filters: { selected: true },
    });
    assert.deepEqual(selected, items.map((square) => square.squareId));
    const holes = rows((await textOf(running, `${base}?square=${squareId}&list=holes`)).text);
    assert.equal(holes.length, 40);
  });

  await t.step(
    "micrographs come newest first, a page at a time, and lose none between two",
    async () => {
      const seen: string[] = [];
      let next: string | undefined = `${base}?list=micrographs`;
      while (next !== undefined) {
        const main: string = mainOf((await textOf(running, next)).text);
        seen.push(
          ...[...main.matchAll(/href="\/epu\/micrographs\/([^"]+)"/g)].map(([, one]) => one!),
        );
        const href: string | undefined = /<a class="btn" href="([^"]*after=[^"]*)"/.exec(main)?.[1];
        next = href?.replaceAll("&amp;", "&");
      }
      assert.deepEqual(seen, micrographs.map((one) => one.id).toReversed());
      const cursor = await textOf(running, `${base}?list=micrographs&after=nonsense`);
      shows(mainOf(cursor.text), new RegExp(seen[0]!));
    },
  );

  await t.step("a square takes a note and gives it up again", async () => {
    const page = `${base}/squares/${squareId}`;
    shows(mainOf((await textOf(running, page)).text), /Every image taken of it/);
    const { status, location } = await post(running, page, { note: " thin <b>ice</b> " });
    assert.deepEqual([status, location], [303, `${page}#note`]);
    assert.equal((await epu.square(id, squareId))?.note, "thin <b>ice</b>");
    shows(mainOf((await textOf(running, page)).text), /thin &lt;b>ice/);
    shows(mainOf((await textOf(running, `${base}?only=noted`)).text), /1 of 130 squares/);
    await post(running, page, { note: "" });
    assert.equal((await epu.square(id, squareId))?.note, null);
    assert.equal((await post(running, page, { note: "x".repeat(2001) })).status, 422);
  });

  await t.step("a hole shows its exposures, and the areas that still wait", async () => {
    const main = mainOf((await textOf(running, `${base}/holes/${holeId}`)).text);
    assert.equal(main.match(/<b>Area \d+<\/b>/g)?.length, 4);
    const { items } = await epu.holes({
      acquisitionId: id,
      limit: 1000,
      filters: { exposed: false },
    });
    const waiting = items.find(({ selected }) => selected === true)!;
    const none = mainOf((await textOf(running, `${base}/holes/${waiting.holeId}`)).text);
    assert.equal(none.match(/not exposed yet/g)?.length, 4);
  });

  await t.step("a micrograph shows what is known of it, and leads to the next", async () => {
    const [first, second] = micrographs;
    const taken = await instrument.steering.results.take(
      { id: first!.id },
      { ctf: { maxResolutionA: 3.21 }, motion: { totalA: 12.3, averageA: 0.4 } },
      { actor: "system" },
    );
    assert.ok(taken.ok);
    const { text } = await textOf(running, `/epu/micrographs/${first!.stem}`);
    const main = mainOf(text);
    shows(main, /3\.21 Å/);
    shows(main, /12\.3 Å/);
    shows(main, new RegExp(`href="/epu/micrographs/${second!.id}" rel="next"`));
    shows(main, /<button class="btn" type="button" disabled>Previous/);
    shows(main, new RegExp(`<img src="/api/v1/epu/micrographs/${first!.id}/image[?"]`));
    const coloured = mainOf(
      (await textOf(running, `${base}?squaresBy=quality&list=micrographs&only=4`)).text,
    );
    // A median is told from a sketch of the values.
    shows(coloured, /3\.\d\d to 3\.\d\d Å/);
    shows(coloured, new RegExp(`/epu/micrographs/${first!.id}"`));
  });

  await t.step("a pasted file name opens its micrograph", async () => {
    const { stem } = micrographs[0]!;
    const name = encodeURIComponent(`D:\\visit\\Data\\${stem}_Fractions.mrc`);
    const { location } = await textOf(running, `/epu/micrographs?name=${name}`);
    assert.equal(location, `/epu/micrographs/${stem}`);
    assert.equal((await textOf(running, "/epu/micrographs?name=")).location, "/epu");
  });

  await t.step("a session is closed and taken up again, once for two presses", async () => {
    for (let i = 0; i < 2; i++) {
      assert.equal(
        (await post(running, base, { action: "close", reason: "grid out" })).status,
        303,
      );
      assert.equal((await epu.acquisition(id))?.state, "completed");
    }
    const closings = (await instrument.events.read({ limit: 100, types: ["epu.acquisition"] }))
      .filter(({ text }) => text.startsWith("completed"));
    assert.deepEqual(closings.map(({ text }) => text), ["completed: grid out"]);
    await post(running, base, { action: "reopen" });
    assert.equal((await epu.acquisition(id))?.state, "started");
    assert.equal((await post(running, base, { action: "explode" })).status, 422);
  });

  await t.step("what is not there is said so", async () => {
    for (
      const path of [
        "/epu/none",
        `${base}/squares/1`,
        `${base}/squares/x`,
        `${base}/holes/1`,
        "/epu/micrographs/none",
      ]
    ) assert.equal((await textOf(running, path)).status, 404, path);
    shows(mainOf((await textOf(running, `${base}?square=1&list=holes`)).text), /Select a square/);
  });
});

Deno.test("an observer may look at sessions and change none", () => {
  assert.equal(ruleFor("GET", "/epu/a1/squares/2")?.rule.role, "observer");
  assert.equal(ruleFor("POST", "/epu/a1")?.rule.role, "operator");
  assert.equal(ruleFor("POST", "/epu/a1/squares/2")?.rule.role, "operator");
});
