import assert from "node:assert/strict";
import fc from "fast-check";
import {
  IDLE,
  initialVessel,
  stepVessel,
  temperatureFactor,
  type VesselInputs,
  VesselParameters,
  type VesselState,
} from "./vessel.ts";

const STIRRED: VesselInputs = { ...IDLE, stirRpm: 800 };

/** Runs `hours` in steps of a second. */
function run(
  p: VesselParameters,
  hours: number,
  inputs: (state: VesselState, atS: number) => VesselInputs,
  from = initialVessel(p),
): VesselState {
  let state = from;
  for (let atS = 1; atS <= hours * 3600; atS++) {
    state = stepVessel(state, inputs(state, atS), p, 1, atS);
  }
  return state;
}

Deno.test("no liquid is made or lost: what is in the vessel is what came in less what went out", () => {
  const flow = fc.double({ min: 0, max: 3, noNaN: true });
  const p = VesselParameters.parse({ feedMl: 300 });
  fc.assert(
    fc.property(fc.array(fc.tuple(flow, flow), { minLength: 1, maxLength: 200 }), (steps) => {
      let state = initialVessel(p);
      let outMl = 0;
      steps.forEach(([inflowMlPerS, outflowMlPerS], i) => {
        const before = state;
        const inputs = { ...STIRRED, inflowMlPerS, outflowMlPerS };
        state = stepVessel(state, inputs, p, 1, i);
        outMl += Math.min(outflowMlPerS, Math.max(0, before.volumeMl - p.outflowTubeMl));
      });
      const total = state.volumeMl + state.feedMl + outMl + state.spilledMl + state.evaporatedMl;
      assert.ok(Math.abs(total - p.volumeMl - p.feedMl) < 1e-6, `${total}`);
      assert.ok(state.volumeMl <= p.brimMl && state.feedMl >= 0);
    }),
    { numRuns: 100 },
  );
});

Deno.test("a feed bottle runs dry and the outflow tube ends above the floor", () => {
  const p = VesselParameters.parse({ feedMl: 10, evaporationMlPerH: 0, volumeMl: 80 });
  const filled = run(p, 0.1, () => ({ ...STIRRED, inflowMlPerS: 1 }));
  assert.equal(filled.feedMl, 0);
  assert.ok(Math.abs(filled.volumeMl - 90) < 1e-9);
  const emptied = run(p, 0.1, () => ({ ...STIRRED, outflowMlPerS: 1 }));
  assert.ok(Math.abs(emptied.volumeMl - p.outflowTubeMl) < 1e-9);
});

Deno.test("a batch lags, grows and stops when its substrate is gone, at the yield it is given", () => {
  const p = VesselParameters.parse({
    evaporationMlPerH: 0,
    deathPerH: 0,
    lagH: 1,
    inoculumOd: 0.05,
    ambientC: 30,
    startC: 30,
    ambientSwingC: 0,
    phototrophy: 0,
  });
  const early = run(p, 0.2, () => STIRRED);
  const grown = run(p, 4, () => STIRRED);
  const late = run(p, 20, () => STIRRED);
  assert.ok(early.growthPerH < 0.4 * p.growthMaxPerH, `lag: ${early.growthPerH}`);
  assert.ok(grown.od > 10 * p.inoculumOd, `growth: ${grown.od}`);
  const highest = p.inoculumOd + p.yieldOdPerGPerL * p.substrateGPerL;
  assert.ok(Math.abs(late.od - highest) < 0.01 * highest, `saturation: ${late.od}`);
  assert.ok(late.growthPerH < 1e-3);
});

Deno.test("exponential growth has the rate that temperature allows", () => {
  const p = VesselParameters.parse({
    evaporationMlPerH: 0,
    deathPerH: 0,
    lagH: 0,
    inoculumOd: 0.01,
    substrateGPerL: 50,
    halfSaturationGPerL: 0.001,
    ambientC: 34,
    startC: 34,
    ambientSwingC: 0,
    phototrophy: 0,
  });
  const end = run(p, 1, () => STIRRED);
  const rate = Math.log(end.od / p.inoculumOd);
  // Oxygen is a few percent short of not mattering.
  assert.ok(rate > 0.95 * p.growthMaxPerH && rate <= p.growthMaxPerH, `${rate}`);
});

Deno.test("growth is nothing at the cardinal temperatures and full at the best one", () => {
  const cardinal = [10, 34, 44];
  assert.equal(temperatureFactor(cardinal, 10), 0);
  assert.equal(temperatureFactor(cardinal, 44), 0);
  assert.equal(temperatureFactor(cardinal, 60), 0);
  assert.ok(Math.abs(temperatureFactor(cardinal, 34) - 1) < 1e-12);
  assert.ok(temperatureFactor(cardinal, 24) < temperatureFactor(cardinal, 30));
});

Deno.test("an alga needs light, a yeast does not", () => {
  const growth = (phototrophy: number, light: number) =>
    run(VesselParameters.parse({ phototrophy }), 0.5, () => ({ ...STIRRED, light })).growthPerH;
  assert.ok(growth(1, 0) < 0.01);
  assert.ok(growth(1, 0.5) > 0.5);
  assert.ok(Math.abs(growth(0, 0) - growth(0, 0.5)) < 0.1);
});

Deno.test("a chemostat settles where Monod says, and washes out above the growth rate", () => {
  const p = VesselParameters.parse({
    evaporationMlPerH: 0,
    deathPerH: 0,
    lagH: 0,
    ambientC: 34,
    startC: 34,
    ambientSwingC: 0,
    phototrophy: 0,
    feedMl: 1e9,
    halfSaturationGPerL: 0.5,
  });
  const dilute = (perH: number, hours: number) => {
    const flow = (perH * p.volumeMl) / 3600;
    return run(p, hours, () => ({ ...STIRRED, inflowMlPerS: flow, outflowMlPerS: flow }));
  };
  const perH = 0.6;
  const steady = dilute(perH, 40);
  // Monod's chemostat: S* = Ks D / (mu - D); oxygen and the feed's cold take a little from mu.
  const left = (p.halfSaturationGPerL * perH) / (p.growthMaxPerH - perH);
  const expected = p.yieldOdPerGPerL * (p.feedSubstrateGPerL - left);
  assert.ok(Math.abs(steady.od / expected - 1) < 0.03, `${steady.od} against ${expected}`);
  assert.ok(Math.abs(steady.growthPerH / perH - 1) < 0.01, `${steady.growthPerH}`);
  assert.ok(dilute(2.5, 20).od < 0.01, "washed out");
});

Deno.test("the peltier heats, cools less well than it heats, and neither for ever", () => {
  const p = VesselParameters.parse({ ambientSwingC: 0, startC: 22.5 });
  const minute = (peltier: number) => run(p, 1 / 60, () => ({ ...STIRRED, peltier }));
  const heated = minute(0.4).cultureC - 22.5;
  const cooled = 22.5 - minute(-0.4).cultureC;
  assert.ok(heated > 0.2, `the commissioning check asks for 0.2 K in a minute: ${heated}`);
  assert.ok(cooled > 0.1 && cooled < heated, `${cooled}`);
  const hot = run(p, 6, () => ({ ...STIRRED, peltier: 0.7 }));
  const hotter = run(p, 1, () => ({ ...STIRRED, peltier: 0.7 }), hot);
  assert.ok(Math.abs(hotter.cultureC - hot.cultureC) < 0.2, "it settles");
  assert.ok(hot.cultureC > 45 && hot.cultureC < 95, `${hot.cultureC}`);
  const cold = run(p, 6, () => ({ ...STIRRED, peltier: -1 }));
  assert.ok(cold.cultureC < 18 && cold.cultureC > -5, `${cold.cultureC}`);
});

Deno.test("left alone it drifts to the room, and the probe follows the culture late", () => {
  const p = VesselParameters.parse({ ambientSwingC: 0, startC: 30, inoculumOd: 0 });
  const soon = run(p, 0.1, () => IDLE);
  const late = run(p, 12, () => IDLE);
  assert.ok(soon.cultureC < 30 && soon.probeC > soon.cultureC);
  assert.ok(Math.abs(late.cultureC - p.ambientC) < 0.5, `${late.cultureC}`);
});

Deno.test("growth gives off CO2 and takes O2, and gas valves do what they are connected to", () => {
  const p = VesselParameters.parse({});
  const end = run(p, 2, () => STIRRED);
  assert.ok(end.co2Ppm > p.startCo2Ppm && end.o2Percent < p.ambientO2Percent);
  const second = (inputs: Partial<VesselInputs>) =>
    run(p, 1 / 60, () => ({ ...STIRRED, ...inputs }), end);
  assert.ok(second({ co2MlPerS: 2 }).co2Ppm > end.co2Ppm + 5000);
  assert.ok(second({ airMlPerS: 2 }).co2Ppm < end.co2Ppm);
  assert.ok(second({ nitrogenMlPerS: 2 }).o2Percent < end.o2Percent - 1);
});

Deno.test("every state stays finite and possible whatever the actuators do", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const inputs = fc.record({
    inflowMlPerS: fc.double({ min: 0, max: 20, noNaN: true }),
    outflowMlPerS: fc.double({ min: 0, max: 20, noNaN: true }),
    peltier: fc.double({ min: -1, max: 1, noNaN: true }),
    stirRpm: fc.double({ min: 0, max: 2200, noNaN: true }),
    light: share,
    co2MlPerS: fc.double({ min: 0, max: 20, noNaN: true }),
    airMlPerS: fc.double({ min: 0, max: 20, noNaN: true }),
    nitrogenMlPerS: fc.double({ min: 0, max: 20, noNaN: true }),
  });
  const p = VesselParameters.parse({});
  fc.assert(
    fc.property(fc.array(fc.tuple(inputs, fc.integer({ min: 1, max: 400 })), { maxLength: 12 }), (
      phases,
    ) => {
      let state = initialVessel(p);
      let atS = 0;
      for (const [input, steps] of phases) {
        for (let i = 0; i < steps; i++) state = stepVessel(state, input, p, 0.25, atS += 0.25);
      }
      for (const [name, value] of Object.entries(state)) {
        assert.ok(Number.isFinite(value), `${name} is ${value}`);
      }
      const none = ["od", "beamOd", "substrateGPerL", "feedMl", "co2Ppm", "o2Percent"] as const;
      for (const name of none) assert.ok(state[name] >= 0, `${name} is ${state[name]}`);
      assert.ok(state.volumeMl > 0 && state.volumeMl <= p.brimMl);
      assert.ok(state.cultureC > -60 && state.cultureC < 150, `${state.cultureC}`);
    }),
    { numRuns: 100 },
  );
});

Deno.test("parameters that contradict each other are refused by name", () => {
  const refused = VesselParameters.safeParse({ volumeMl: 700 });
  assert.ok(!refused.success);
  assert.deepEqual(refused.error.issues.map(({ path }) => path), [["volumeMaxMl"]]);
});
