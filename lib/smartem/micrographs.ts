import type { Epu, Micrograph, Results, ResultsAsk, ResultStore } from "../epu/mod.ts";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import { renamed, spoken } from "./acquisitions.ts";
import {
  ctfFields,
  given,
  micrographFields,
  motionFields,
  newMicrograph,
  registeredFields,
  wrong,
} from "./fields.ts";
import { Finder, WHAT } from "./finder.ts";
import { notFound, ofDelete, ofUpsert, SmartemRefusal } from "./refusal.ts";
import { micrographReply, type Reply } from "./replies.ts";

const PAGE = 1000;
const PUBLISHED = { published: true } as const;

type Ask = ReturnType<typeof given<typeof micrographFields>>;

/** Micrographs, and what processing says of them. */
export class Micrographs {
  constructor(
    private readonly epu: Epu,
    private readonly kv: Kv,
    private readonly find: Finder,
    private readonly results: ResultStore,
  ) {}

  async *list(): AsyncGenerator<Reply> {
    for (const { id } of await this.find.acquisitions()) yield* this.#page(id);
  }

  async *ofHole(holeUuid: string): AsyncGenerator<Reply> {
    const ref = await this.find.maybe(holeUuid, "hole");
    if (ref === null) return;
    const place = { squareId: ref.squareId!, holeId: ref.holeId! };
    yield* this.#page(ref.acquisitionId, { ...place, holeUuid });
  }

  async get(uuid: string): Promise<Reply> {
    return await this.#reply(await this.#named(uuid), uuid);
  }

  async create(holeUuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof newMicrograph, "uuid" | "foilhole_id">(body, newMicrograph);
    const { acquisitionId, squareId, holeId } = await this.find.hole(holeUuid);
    if (ask.foilhole_id !== holeId) {
      throw wrong("foilhole_id", `the address names foil hole ${holeId}`, ask.foilhole_id);
    }
    const stem = stemOf(ask.manifest_file ?? null) ?? ask.uuid;
    const known = await this.epu.entity(ask.uuid);
    const before = known === null ? null : await this.epu.micrograph({ id: ask.uuid });
    if (known !== null && before?.stem !== stem) {
      throw new SmartemRefusal(409, `"${ask.uuid}" names a ${known.kind} already`);
    }
    const results = resultsOf(ask, before?.results ?? null);
    const [, area, k] = /_Data_(\d{1,15})_(\d{1,15})_/.exec(stem) ?? [];
    const fields: Partial<Micrograph> = spoken(micrographChange(ask));
    fields.xmlPath ??= `${stem}.xml`;
    const done = await this.epu.upsert(acquisitionId, [{
      on: "micrograph",
      id: ask.uuid,
      squareId,
      holeId,
      stem,
      areaId: ask.location_id ?? Number(area ?? 0),
      k: Number(k ?? 0),
      fields,
    }], actor);
    if (!done.ok) throw ofUpsert(done.refusal);
    if (results !== null) await this.#take(ask.uuid, results, actor);
    return micrographReply(await this.#named(ask.uuid), holeUuid, ask.uuid);
  }

  async update(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const before = await this.#named(uuid);
    const ask = given(body, micrographFields);
    const results = resultsOf(ask, before.results);
    const fields = micrographChange(ask);
    if (Object.keys(fields).length > 0) {
      const { acquisitionId, squareId, holeId, stem, areaId, k } = before;
      const done = await this.epu.upsert(acquisitionId, [
        { on: "micrograph", id: uuid, squareId, holeId, stem, areaId, k, fields },
      ], actor);
      if (!done.ok) throw ofUpsert(done.refusal);
    }
    if (results !== null) await this.#take(uuid, results, actor);
    return await this.get(uuid);
  }

  async remove(uuid: string, actor: string): Promise<void> {
    await this.#named(uuid);
    const done = await this.epu.deleteEntity(uuid, actor);
    if (!done.ok) throw ofDelete(done.refusal, WHAT.micrograph);
  }

  async motion(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof motionFields, "total_motion" | "average_motion">(body, motionFields);
    const motion = { totalA: ask.total_motion, averageA: ask.average_motion };
    await this.#take((await this.#named(uuid)).id, { motion }, actor);
    return PUBLISHED;
  }

  async ctf(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof ctfFields, "ctf_max_res">(body, ctfFields);
    const { id } = await this.#named(uuid);
    await this.#take(id, { ctf: { maxResolutionA: ask.ctf_max_res } }, actor);
    return PUBLISHED;
  }

  /** Somebody judged a result; those who follow the events hear of it. */
  async registered(
    uuid: string,
    step: "motion" | "ctf",
    body: unknown,
    actor: string,
  ): Promise<Reply> {
    const { quality, metric_name } = given<typeof registeredFields, "quality">(
      body,
      registeredFields,
    );
    const { id, acquisitionId, stem } = await this.#named(uuid);
    const usual = step === "motion" ? "motioncorrection" : "ctfmaxresolution";
    await this.kv.transact<null, never>([], () =>
      accept({
        value: null,
        events: [{
          type: "epu.result_registered",
          subject: acquisitionId,
          actor,
          text: `${step} of ${stem} judged ${quality ? "good" : "bad"}`,
          data: { acquisitionId, micrographId: id, step, quality, metric: metric_name ?? usual },
        }],
      }));
    return PUBLISHED;
  }

  async *#page(
    acquisitionId: string,
    place?: { squareId: number; holeId: number; holeUuid: string },
  ): AsyncGenerator<Reply> {
    const holes = new Map<number, string>();
    for (let after: string | null = null;;) {
      const page = await this.epu.micrographs({
        acquisitionId,
        limit: PAGE,
        after,
        ...place === undefined ? {} : { squareId: place.squareId, holeId: place.holeId },
      });
      for (const one of page.items) {
        let hole = place?.holeUuid ?? holes.get(one.holeId);
        if (hole === undefined) holes.set(one.holeId, hole = await this.#holeUuid(one));
        yield micrographReply(one, hole);
      }
      if (page.next === null) return;
      after = page.next;
    }
  }

  async #named(uuid: string): Promise<Micrograph> {
    await this.find.ref(uuid, "micrograph");
    const found = await this.epu.micrograph({ id: uuid });
    if (found === null) throw notFound(WHAT.micrograph);
    return found;
  }

  async #reply(row: Micrograph, uuid: string): Promise<Reply> {
    return micrographReply(row, await this.#holeUuid(row), uuid);
  }

  async #holeUuid({ acquisitionId, squareId, holeId }: Micrograph): Promise<string> {
    return (await this.epu.hole(acquisitionId, squareId, holeId))?.id ?? "";
  }

  async #take(id: string, results: ResultsAsk, actor: string): Promise<void> {
    const done = await this.results.take({ id }, results, { actor });
    if (!done.ok) throw notFound(WHAT.micrograph);
  }
}

/** The name of its files without ending, whatever machine the path is from. */
function stemOf(manifest: string | null): string | null {
  const name = manifest?.split(/[/\\]/).at(-1)?.replace(/\.xml$/i, "") ?? "";
  return name === "" || name.length > 300 ? null : name;
}

function micrographChange(ask: object): Partial<Micrograph> {
  const fields = renamed<Micrograph>(ask, {
    micrograph_id: "uniqueId",
    high_res_path: "moviePath",
    manifest_file: "xmlPath",
    acquisition_datetime: "acquiredAtMs",
    defocus: "defocusM",
    detector_name: "detectorName",
    energy_filter: "energyFilter",
    phase_plate: "phasePlate",
    image_size_x: "widthPx",
    image_size_y: "heightPx",
    binning_x: "binningX",
    binning_y: "binningY",
  });
  if (fields.moviePath === "") fields.moviePath = null;
  // A micrograph without a manifest was never taken.
  if (fields.xmlPath === null || fields.xmlPath === "") delete fields.xmlPath;
  return fields;
}

/** What of a body is a result of processing; `null`: nothing. @throws {BodyFaults} */
function resultsOf(ask: Ask, before: Results | null): ResultsAsk | null {
  const found: ResultsAsk = {};
  const said = (...names: (keyof Ask)[]) => names.some((name) => ask[name] !== undefined);
  if (said("total_motion", "average_motion")) {
    const totalA = either(ask.total_motion, before?.motion?.totalA);
    const averageA = either(ask.average_motion, before?.motion?.averageA);
    if (totalA === null && averageA === null) found.motion = null;
    else if (totalA === null || averageA === null) {
      throw wrong(null, "total_motion and average_motion go together", null);
    } else found.motion = { totalA, averageA };
  }
  if (said("ctf_max_resolution_estimate")) {
    const maxResolutionA = ask.ctf_max_resolution_estimate ?? null;
    found.ctf = maxResolutionA === null ? null : { maxResolutionA };
  }
  if (said("number_of_particles_picked", "pick_distribution")) {
    const picked = either(ask.number_of_particles_picked, before?.picking?.picked);
    const bins = ask.pick_distribution === undefined
      ? before?.picking?.distribution ?? null
      : binsOf("pick_distribution", ask.pick_distribution);
    if (picked === null && bins !== null) {
      throw wrong("number_of_particles_picked", "goes with pick_distribution", null);
    }
    found.picking = picked === null ? null : { picked, distribution: bins };
  }
  const selection = [
    "number_of_particles_selected",
    "number_of_particles_rejected",
    "selection_distribution",
  ] as const;
  if (said(...selection)) {
    const selected = either(ask.number_of_particles_selected, before?.selection?.selected);
    const rejected = either(ask.number_of_particles_rejected, before?.selection?.rejected);
    const bins = ask.selection_distribution === undefined
      ? before?.selection?.distribution ?? null
      : binsOf("selection_distribution", ask.selection_distribution);
    if (selected === null && (rejected !== null || bins !== null)) {
      throw wrong("number_of_particles_selected", "goes with what was rejected", null);
    }
    found.selection = selected === null
      ? null
      : { selected, rejected: rejected ?? 0, distribution: bins };
  }
  return Object.keys(found).length === 0 ? null : found;
}

/** What is said, `null` included; what was known where nothing is said. */
function either(said: number | null | undefined, known: number | undefined): number | null {
  return said === undefined ? known ?? null : said;
}

function binsOf(name: string, text: string | null): Record<string, number> | null {
  if (text === null || text === "") return null;
  try {
    const bins: unknown = JSON.parse(text);
    const isRecord = typeof bins === "object" && bins !== null && !Array.isArray(bins);
    const entries = isRecord ? Object.entries(bins) : [];
    const fits = isRecord && entries.length <= 256 &&
      entries.every(([key, value]) => key.length <= 100 && Number.isFinite(value));
    if (fits) return Object.fromEntries(entries);
  } catch {
    // Told below.
  }
  throw wrong(name, "is JSON text of an object of numbers", text);
}
