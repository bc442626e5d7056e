import assert from "node:assert/strict";
import { seedAcquisition, seedMicrograph, SQUARES } from "../epu_acquisition.ts";
import { runInstrument, type RunningInstrument } from "../running_instrument.ts";
import { mainOf, post, shows, textOf } from "./page_forms.ts";

const DECISIONS = "/epu/a1/decisions";

async function seeded(env: Record<string, string> = {}): Promise<RunningInstrument> {
  const instrument = await runInstrument(env);
  const { kv, clock } = instrument.instrument;
  await seedAcquisition(kv, clock.nowMs());
  return instrument;
}

async function dataOf(instrument: RunningInstrument, path: string) {
  const reply = await instrument.ask(path, { headers: { accept: "application/json" } });
  assert.equal(reply.headers.get("cache-control"), "no-store");
  return await reply.json();
}

Deno.test("decisions as a browser without scripts makes them", async (t) => {
  await using instrument = await seeded();
  const { steering: { decisions } } = instrument.instrument;
  const page = async (path = DECISIONS) => mainOf((await textOf(instrument, path)).text);
  const SETTINGS = { action: "settings", channel: "record", exploration: "5", squares: "" };

  await t.step(
    "nothing is proposed while nobody acts, and the page says how to begin",
    async () => {
      const text = await page();
      shows(text, /No authority acts here/);
      shows(text, /epu-order: EPU’s own order/);
      shows(text, /Nothing was decided yet/);
      assert.doesNotMatch(text, / style="/, "the policy refuses styles in attributes");
    },
  );

  await t.step("who acts, shadows and the plan are set by a form", async () => {
    const done = await post(instrument, DECISIONS, {
      ...SETTINGS,
      acting: "manual",
      shadows: ["bayes", "manual"],
      exploration: "7,5",
      holes: "14, 12\n11 13",
    });
    assert.deepEqual([done.status, done.location], [303, DECISIONS]);
    const settings = await decisions.settings("a1");
    assert.deepEqual(settings.plan.holes, [14, 12, 11, 13]);
    assert.equal(settings.explorationShare, 0.075);
    const acquisition = await instrument.instrument.epu.acquisition("a1");
    assert.deepEqual(acquisition?.shadowAuthorities, ["bayes"], "who acts is no shadow of itself");
  });

  await t.step("what cannot be set is refused with the reason, and changes nothing", async () => {
    const bad: [Record<string, string>, RegExp][] = [
      [
        { ...SETTINGS, acting: "oracle", holes: "" },
        /no authority &quot;oracle&quot;|no authority "oracle"/,
      ],
      [{ ...SETTINGS, acting: "manual", holes: "one two" }, /plan\.holes/],
      [{ ...SETTINGS, acting: "manual", holes: "", exploration: "90" }, /explorationShare/],
      [{ action: "policy", name: "", confidence: "70", holes: "1", squares: "1" }, /policy\.name/],
      [{ action: "guess" }, /no such action/],
      [{ action: "approve", proposal: "nothing" }, /no longer there/],
      [{ action: "decide", kind: "holeOrder", targets: "99" }, /names 99, which is not known/],
      [{ action: "decide", kind: "resume" }, /The acquisition is started/],
      [{ action: "retry", decision: "nothing" }, /Only an effect that failed/],
    ];
    for (const [fields, why] of bad) {
      const { status, text } = await post(instrument, DECISIONS, fields);
      assert.equal(status, 409, JSON.stringify(fields));
      shows(mainOf(text), why, JSON.stringify(fields));
    }
    assert.deepEqual((await decisions.settings("a1")).plan.holes, [14, 12, 11, 13]);
  });

  const waiting = async () => {
    await decisions.refresh("a1");
    const { waiting } = await dataOf(instrument, `${DECISIONS}?part=proposals`);
    return waiting[0] ?? assert.fail("nothing waits");
  };

  await t.step(
    "a proposal stands beside EPU's own order, with a form to edit it as text",
    async () => {
      const proposal = await waiting();
      assert.deepEqual(proposal.targetIds, [14, 12, 11, 13]);
      assert.deepEqual(proposal.epuPlaces, [4, 2, 1, 3]);
      const text = await page();
      shows(text, /3 of 4 at another place than in EPU(’|'|&#39;)s own order/);
      shows(text, /<textarea name="targets"[^>]*>14 12 11 13<\/textarea>/);
    },
  );

  await t.step("an edited order is approved with a note; a second press is told", async () => {
    const { id } = await waiting();
    const form = { action: "approve", proposal: id, targets: "11 14", note: "two are enough" };
    assert.equal((await post(instrument, DECISIONS, form)).status, 303);
    await decisions.idle();
    const text = await page();
    shows(text, /edited/);
    shows(text, /“two are enough”/);
    shows(text, /recorded/);
    const again = await post(instrument, DECISIONS, form);
    assert.equal(again.status, 409);
    shows(mainOf(again.text), /waits for nobody any more: it is approved/);
    assert.equal((await decisions.store.decisions("a1", { limit: 10 })).length, 1);
  });

  await t.step("a person decides without a proposal, pauses and goes on", async () => {
    const state = async () => (await instrument.instrument.epu.acquisition("a1"))?.state;
    await post(instrument, DECISIONS, {
      action: "decide",
      kind: "squareSkip",
      targets: "2",
      note: "ice",
    });
    await post(instrument, DECISIONS, { action: "decide", kind: "pause", note: "lunch" });
    assert.equal(await state(), "paused");
    shows(await page(), /Go on<\/button>/);
    await post(instrument, DECISIONS, { action: "decide", kind: "resume" });
    assert.equal(await state(), "started");
    const log = (await dataOf(instrument, `${DECISIONS}?part=log`)).decisions;
    assert.deepEqual(log.map(({ kind }: { kind: string }) => kind), [
      "resume",
      "pause",
      "squareSkip",
      "holeOrder",
    ]);
  });

  await t.step(
    "a policy is told of on every page of the acquisition until it is switched off",
    async () => {
      const PAGES = ["decisions", "findings", "trends", "files", "agents"];
      await post(instrument, DECISIONS, {
        action: "policy",
        name: "night",
        enabled: "on",
        kinds: ["holeOrder"],
        confidence: "70",
        holes: "60",
        squares: "2",
      });
      for (const name of PAGES) {
        const text = await page(`/epu/a1/${name}`);
        shows(text, /Automatic approval is on/, name);
        shows(text, new RegExp(`name="back" value="/epu/a1/${name}"`), name);
      }
      const off = await post(instrument, DECISIONS, {
        action: "automation-off",
        back: "/epu/a1/trends",
      });
      assert.deepEqual([off.status, off.location], [303, "/epu/a1/trends"]);
      for (const name of PAGES) {
        assert.doesNotMatch(await page(`/epu/a1/${name}`), /Automatic approval is on/, name);
      }
      assert.equal((await decisions.store.automation())?.off, true);
      const away = await post(instrument, DECISIONS, {
        action: "automation-on",
        back: "//elsewhere.example/epu/",
      });
      assert.equal(away.location, DECISIONS, "a form leads to no other site");
      shows(await page("/epu/a1/agents"), /Automatic approval is on/);
    },
  );

  await t.step("an acquisition that is not there is not found, on every page", async () => {
    for (const name of ["decisions", "findings", "trends", "files", "agents"]) {
      assert.equal((await textOf(instrument, `/epu/none/${name}`)).status, 404, name);
    }
    assert.equal((await post(instrument, "/epu/none/decisions", { action: "ask" })).status, 404);
  });
});

Deno.test("an authority is laid beside EPU's own order on what was exposed in the end", async () => {
  await using instrument = await seeded();
  const { kv, clock, steering: { decisions, results } } = instrument.instrument;
  shows(mainOf((await textOf(instrument, DECISIONS)).text), /Nothing to compare yet/);
  // EPU would begin with 11; the plan begins with 14, and the good ones are where the plan begins.
  const holes = [14, 13, 12, 11];
  const plan = { squares: [], holes };
  const set = await decisions.setSettings("a1", { acting: "manual", plan }, "user:anna");
  assert(set.ok);
  await decisions.refresh("a1");
  const fromMs = clock.nowMs() + 1000;
  for (const [i, holeId] of [...holes, ...holes, ...holes].entries()) {
    const n = 100 + i;
    await seedMicrograph(kv, { squareId: 1, holeId, n, atMs: fromMs + i * 1000 });
    const ctf = { maxResolutionA: holeId > 12 ? 3 + i / 100 : 9 + i / 100 };
    const done = await results.take({ id: `micrograph-${n}` }, { ctf }, { actor: "user:anna" });
    assert(done.ok);
  }
  const text = mainOf((await textOf(instrument, DECISIONS)).text);
  const row = /<tr[^>]*><th scope="row">manual.*?<\/tr>/s.exec(text)?.[0] ?? assert.fail(text);
  const words = row.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
  assert.match(words, /manual acting 12 in 4 holes/);
  assert.match(words, /−\d+\.\d ahead/, "it had the good ones earlier than EPU");
  shows(row, /aria-label="After \d+ exposures: manual \d+ good, EPU \d+"/);
});

Deno.test("findings, files, trends and agents tell what is known", async (t) => {
  await using instrument = await seeded();
  const { steering } = instrument.instrument;
  const page = async (path: string) => mainOf((await textOf(instrument, path)).text);

  await t.step("findings stand by kind with what follows, filtered by the address", async () => {
    const text = await page("/epu/a1/findings");
    shows(text, /Valid: <b>no<\/b>/);
    shows(text, /Complete: <b>no<\/b>/);
    shows(text, /what follows from truncated-xml/);
    shows(text, /2 files/);
    shows(text, /FoilHole_91\.xml/);
    shows(text, /ends too early; tried 3 times/);
    const warnings = await dataOf(instrument, "/epu/a1/findings?severity=warning&q=b_frac");
    assert.deepEqual(
      warnings.findings.map(({ path }: { path: string }) => path),
      ["Images-Disc1/b_Fractions.mrc"],
    );
    assert.equal(warnings.counts.findings, 3);
    shows(await page("/epu/a1/findings?q=nowhere"), /No finding is like that/);
  });

  await t.step("files are listed with their state, page by page", async () => {
    shows(await page("/epu/a1/files"), /EpuSession\.dm/);
    const truncated = await dataOf(instrument, "/epu/a1/files?state=truncated");
    assert.deepEqual(
      truncated.files.map(({ path }: { path: string }) => path),
      ["Metadata/GridSquare_1.dm"],
    );
    shows(await page("/epu/a1/files?state=gone"), /No file of this session is like that/);
    assert.equal((await textOf(instrument, "/epu/a1/files?after=nonsense")).status, 400);
  });

  await t.step("trends say what waits, then show values, their median, and squares", async () => {
    shows(await page("/epu/a1/trends"), /4 exposures wait for that/);
    for (const [i] of SQUARES[1].entries()) {
      const done = await steering.results.take({ id: `micrograph-${i + 1}` }, {
        motion: { totalA: 20 + i, averageA: 0.5 },
        ctf: { maxResolutionA: 3 + i / 10 },
      }, { actor: "user:anna" });
      assert(done.ok);
    }
    const text = await page("/epu/a1/trends");
    shows(text, /4 of 4 exposures processed/);
    shows(text, /<svg[^>]*>.*Total motion \(Å\).*CTF resolution \(Å\)/s);
    shows(text, /21\.\d <small>± 1\.3<\/small>/);
    const { series } = await dataOf(instrument, "/epu/a1/trends?median=20");
    assert.deepEqual(series.totalMotion.filter((_: number, i: number) => i % 3 > 0), [
      20,
      20,
      21,
      20.5,
      22,
      21,
      23,
      21.5,
    ]);
    shows(await page("/epu/a1/trends?view=table"), /Table of the chart/);
  });

  await t.step("an agent's session shows what it was told, its answer and its log", async () => {
    shows(await page("/epu/a1/agents"), /No agent works on this acquisition/);
    const { agents } = steering;
    const ask = { id: "s1", agentId: "titan-1", acquisitionId: "a1", name: "night" };
    assert((await agents.openSession(ask, "system")).ok);
    assert((await agents.connect({ agentId: "titan-1", sessionId: "s1" })).ok);
    const told = await agents.instructions.create({
      agentId: "titan-1",
      sessionId: "s1",
      type: "microscope.control.reorder_foilholes",
      priority: "high",
    }, "user:anna");
    assert(told.ok);
    await agents.instructions.deliver("s1", { again: true });
    const answer = { status: "declined" as const, error: "the column valves are closed" };
    assert(
      (await agents.instructions.acknowledge("s1", told.value.id, answer, "agent:titan-1")).ok,
    );
    const line = { atMs: 1, level: "ERROR", logger: "scope", message: "<valves> closed" };
    assert((await agents.keepLog("titan-1", "s1", [line])).ok);
    const text = await page("/epu/a1/agents");
    shows(text, /titan-1/);
    shows(text, /declined: the column valves are closed/);
    shows(text, /&lt;valves> closed|&lt;valves&gt; closed/);
    shows(text, /open<\/span>/);
  });
});

Deno.test("who may only look sees decisions and cannot make them", async () => {
  await using instrument = await seeded({ HOLDFAST_AUTH_ENABLED: "true" });
  const { auth, steering: { decisions } } = instrument.instrument;
  const issued = await auth.tokens.issue({ name: "eyes", role: "observer", scopes: [] }, "system");
  assert(issued.ok);
  const headers = { authorization: `Bearer ${issued.value.token}` };
  const reply = await textOf(instrument, DECISIONS, {
    headers: { accept: "text/html", ...headers },
  });
  assert.equal(reply.status, 200);
  const text = mainOf(reply.text);
  shows(text, /Who proposes/);
  assert.doesNotMatch(text, /<button[^>]*name="action"|Decide yourself|Save the policy/);
  const { status } = await post(instrument, DECISIONS, { action: "automation-off" }, headers);
  assert.equal(status, 403);
  assert.equal(await decisions.store.automation(), null);
});
