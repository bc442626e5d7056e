import { type Clock, delay } from "../../clock.ts";
import { Seeded } from "./seeded.ts";
import type { SmartemCaller } from "./smartem_caller.ts";

/** How well the made-up processing finds the micrographs. */
export const SCENARIOS = ["good", "poor", "mixed"] as const;
export type Scenario = (typeof SCENARIOS)[number];

export const RESULT_KINDS = ["motion", "ctf", "picking", "selection"] as const;
export type ResultKind = (typeof RESULT_KINDS)[number];

/** A micrograph as the SmartEM interface knows it. */
export interface NamedMicrograph {
  readonly uuid: string;
  /** EPU's id of it, the same whatever backend it is sent to. */
  readonly micrographId: string;
}

export interface ProcessingAsk {
  readonly scenario: Scenario;
  readonly seed: number;
  /** Bodies that no interface may accept. */
  readonly invalid: boolean;
}

export interface Posted {
  readonly micrograph: NamedMicrograph;
  readonly kind: ResultKind;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: number;
  /** Accepted, or, when it was invalid, refused as it should be. */
  readonly isOk: boolean;
}

/** What processing would find in one micrograph; the same for the same seed and EPU id. */
export function resultsOf(micrographId: string, { scenario, seed }: ProcessingAsk) {
  const random = new Seeded(seed, "processing", micrographId);
  const isPoor = scenario === "poor" || (scenario === "mixed" && random.chance(0.3));
  const totalMotionA = isPoor ? random.between(60, 130) : Math.max(3, 22 + 7 * random.normal());
  const ctfMaxResolutionA = isPoor
    ? random.between(6, 14)
    : Math.max(2.2, 3.6 + 0.5 * random.normal());
  const picked = Math.round(
    Math.max(0, isPoor ? random.between(0, 90) : 310 + 60 * random.normal()),
  );
  const selected = Math.round(
    picked * (isPoor ? random.between(0, 0.2) : random.between(0.4, 0.7)),
  );
  return { totalMotionA, averageMotionA: totalMotionA / 50, ctfMaxResolutionA, picked, selected };
}

/** Posts one result of one micrograph. */
export async function postResult(
  api: SmartemCaller,
  micrograph: NamedMicrograph,
  kind: ResultKind,
  ask: ProcessingAsk,
): Promise<Posted> {
  const { method, path, body: sound } = requestOf(micrograph, kind, ask);
  const body = ask.invalid
    ? Object.fromEntries(Object.keys(sound).map((key) => [key, "not a number"]))
    : sound;
  const { status } = await api.send(method, path, body);
  const isOk = ask.invalid ? status === 400 || status === 422 : status >= 200 && status < 300;
  return { micrograph, kind, body, status, isOk };
}

function requestOf({ uuid, micrographId }: NamedMicrograph, kind: ResultKind, ask: ProcessingAsk) {
  const found = resultsOf(micrographId, ask);
  const path = `/micrographs/${encodeURIComponent(uuid)}`;
  switch (kind) {
    case "motion":
      return {
        method: "POST",
        path: `${path}/motion_correction/completed`,
        body: { total_motion: found.totalMotionA, average_motion: found.averageMotionA },
      };
    case "ctf":
      return {
        method: "POST",
        path: `${path}/ctf_estimation/completed`,
        body: { ctf_max_res: found.ctfMaxResolutionA },
      };
    // The interface has no path of its own for particles.
    case "picking":
      return { method: "PUT", path, body: { number_of_particles_picked: found.picked } };
    case "selection":
      return {
        method: "PUT",
        path,
        body: {
          number_of_particles_selected: found.selected,
          number_of_particles_rejected: found.picked - found.selected,
        },
      };
  }
}

/** Every micrograph of an acquisition, square by square, in the interface's order. */
export async function* micrographsOf(
  api: SmartemCaller,
  acquisitionUuid: string,
): AsyncGenerator<NamedMicrograph> {
  const below = (kind: string, uuid: unknown, child: string) =>
    api.list(`/${kind}/${encodeURIComponent(String(uuid))}/${child}`);
  for (const grid of await below("acquisitions", acquisitionUuid, "grids")) {
    for (const square of await below("grids", grid.uuid, "gridsquares")) {
      for (const hole of await below("gridsquares", square.uuid, "foilholes")) {
        for (const { uuid, micrograph_id } of await below("foilholes", hole.uuid, "micrographs")) {
          yield { uuid: String(uuid), micrographId: String(micrograph_id) };
        }
      }
    }
  }
}

export interface WorkflowAsk extends ProcessingAsk {
  readonly acquisitionUuid: string;
  /** Between two results. */
  readonly delayMs: number;
  /** Micrographs at most. */
  readonly countMax: number;
  /** Ask for new micrographs so often; `null`: once. */
  readonly followMs: number | null;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** Processes an acquisition: each micrograph's results in the order of the work, as they appear. */
export async function* processAcquisition(
  api: SmartemCaller,
  ask: WorkflowAsk,
): AsyncGenerator<Posted> {
  const done = new Set<string>();
  const pause = async (ms: number) => {
    if (ms > 0) await delay(ask.clock, ms, ask.signal);
  };
  for (;;) {
    for await (const micrograph of micrographsOf(api, ask.acquisitionUuid)) {
      if (done.has(micrograph.uuid)) continue;
      if (done.size >= ask.countMax) return;
      done.add(micrograph.uuid);
      for (const kind of RESULT_KINDS) {
        yield await postResult(api, micrograph, kind, ask);
        await pause(ask.delayMs);
      }
    }
    if (ask.followMs === null) return;
    await pause(ask.followMs);
  }
}
