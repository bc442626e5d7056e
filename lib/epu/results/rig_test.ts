import { FaultyStore } from "../../../tests/faulty_store.ts";
import { ManualClock } from "../../clock.ts";
import { EventLog } from "../../events.ts";
import { Kv } from "../../kv.ts";
import { accept } from "../../result.ts";
import {
  acquisitionKey,
  entityKey,
  holeByIdKey,
  holeKey,
  micrographByHoleKey,
  micrographByStemKey,
  micrographByUniqueIdKey,
  micrographKey,
  squareKey,
} from "../keys.ts";
import { Acquisition, FoilHole, GridSquare, Micrograph, Results } from "../model.ts";
import { EpuStore } from "../store.ts";

/** For tests: a store with an acquisition as the reader would have left it, and ways to change it. */
export async function epuRig() {
  const clock = new ManualClock();
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const events = new EventLog(kv, clock, { countMax: 1e6, ageMaxMs: 1e15 });
  const put = async (entries: readonly (readonly [Deno.KvKey, unknown])[]) => {
    for (let from = 0; from < entries.length; from += 500) {
      const set = entries.slice(from, from + 500);
      await kv.transact([], () => accept({ value: null, set }));
    }
  };
  return {
    clock,
    store,
    kv,
    events,
    epu: new EpuStore(kv),
    put,
    acquisition: (over: Partial<Acquisition> = {}) => {
      const one = acquisition(over);
      return put([[acquisitionKey(one.id), one]]);
    },
    squares: (...all: readonly GridSquare[]) =>
      put(all.map((one) => [squareKey("a1", one.squareId), one])),
    holes: (...all: readonly FoilHole[]) =>
      put(all.flatMap((one) => [
        [holeKey("a1", one.squareId, one.holeId), one],
        [holeByIdKey("a1", one.holeId), one.squareId],
      ])),
    micrographs: (...all: readonly Micrograph[]) =>
      put(all.flatMap((one) => [
        [micrographKey("a1", one.id), one],
        [micrographByHoleKey("a1", one.squareId, one.holeId, one.id), null],
        [micrographByStemKey(one.stem, "a1"), one.id],
        [entityKey(one.id), { v: 1, kind: "micrograph", acquisitionId: "a1" }],
        ...(one.uniqueId === null
          ? []
          : [[micrographByUniqueIdKey(one.uniqueId, "a1", one.id), null] as const]),
      ])),
  };
}

const START_MS = Date.UTC(2026, 0, 25, 20, 0, 0);
const stored = {
  v: 1,
  acquisitionId: "a1",
  inferred: false,
  sources: {},
  createdAtMs: START_MS,
  changedAtMs: START_MS,
};
const exposures = { expected: null, listed: 0, seen: 0 };

export function acquisition(over: Partial<Acquisition> = {}): Acquisition {
  return Acquisition.parse({
    ...stored,
    id: "a1",
    name: "session",
    state: "started",
    startedAtMs: START_MS,
    folder: "",
    areas: [{ areaId: 1, defocusM: [-2e-6] }, { areaId: 2, defocusM: [-2e-6] }],
    squaresListed: 3,
    ...over,
  });
}

export function square(squareId: number, over: Partial<GridSquare> = {}): GridSquare {
  return GridSquare.parse({
    ...stored,
    id: `square-${squareId}`,
    squareId,
    lowMag: false,
    selected: true,
    order: squareId,
    stageXM: squareId * 1e-4,
    stageYM: 0,
    holes: 0,
    holesSelected: 0,
    holesFinished: 0,
    exposures,
    ...over,
  });
}

export function hole(squareId: number, holeId: number, over: Partial<FoilHole> = {}): FoilHole {
  return FoilHole.parse({
    ...stored,
    id: `hole-${holeId}`,
    squareId,
    holeId,
    state: "Defined",
    selected: true,
    order: holeId,
    exposures,
    ...over,
  });
}

export function micrograph(
  squareId: number,
  holeId: number,
  n: number,
  over: Partial<Micrograph> = {},
): Micrograph {
  return Micrograph.parse({
    ...stored,
    id: `micrograph-${n}`,
    squareId,
    holeId,
    uniqueId: `unique-${n}`,
    stem: `FoilHole_${holeId}_Data_${n}`,
    areaId: 1,
    k: 0,
    acquiredAtMs: START_MS + n * 10_000,
    listed: true,
    results: Results.parse({}),
    ...over,
  });
}
