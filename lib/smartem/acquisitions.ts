import type { Acquisition, Epu } from "../epu/mod.ts";
import { Finder, WHAT } from "./finder.ts";
import { acquisitionFields, given, gridFields, newAcquisition, newGrid } from "./fields.ts";
import type { Grids } from "./grids.ts";
import { notFound, ofDelete, SmartemRefusal } from "./refusal.ts";
import { acquisitionReply, gridReply, type Reply } from "./replies.ts";

/** Fields that say how an acquisition stands; a body of nothing else is somebody's act. */
const STATE_FIELDS = ["status", "end_time", "paused_time"];

/** Acquisitions and grids, two words for what Holdfast keeps as one. */
export class Acquisitions {
  constructor(
    private readonly epu: Epu,
    private readonly find: Finder,
    private readonly grids: Grids,
  ) {}

  async list(): Promise<Reply[]> {
    return (await this.find.acquisitions()).map((one) => acquisitionReply(one));
  }

  /** Completed is the grid with nothing left to do, by the same rule as on the pages. */
  async gridCounts(): Promise<Reply[]> {
    return await Promise.all((await this.find.acquisitions()).map(async (one) => {
      const total = await this.grids.of(one) === null ? 0 : 1;
      return {
        acquisition_uuid: one.id,
        grids_total: total,
        grids_completed: one.state === "completed" ? total : 0,
      };
    }));
  }

  async create(body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof newAcquisition, "uuid">(body, newAcquisition);
    const known = await this.epu.entity(ask.uuid);
    if (known !== null && known.kind !== "acquisition") {
      throw new SmartemRefusal(409, `"${ask.uuid}" names a ${known.kind} already`);
    }
    const row = await this.epu.upsertAcquisition({
      id: ask.uuid,
      // What is told anew takes nothing away that is known.
      fields: { name: "Unknown", ...spoken(fieldsOf(ask)), ...stateOf(ask.status) },
    }, actor);
    return acquisitionReply(row, ask.uuid);
  }

  async get(uuid: string): Promise<Reply> {
    return acquisitionReply(await this.find.acquisition(uuid), uuid);
  }

  async update(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const before = await this.find.acquisition(uuid);
    const ask = given(body, acquisitionFields);
    const fields = fieldsOf(ask);
    const { status } = ask;
    let row = before;
    if (Object.keys(fields).length > 0) {
      const name = fields.name ?? before.name;
      row = await this.epu.upsertAcquisition({ id: uuid, fields: { ...fields, name } }, actor);
    }
    // An agent says "started" with whatever else it tells: that ends nobody's pause.
    const isAct = Object.keys(body as object).every((name) => STATE_FIELDS.includes(name));
    if (status != null && status !== row.state && (isAct || status !== "started")) {
      const done = await this.epu.setState(row.id, status, actor, "told over the SmartEM API");
      if (!done.ok) throw notFound(WHAT.acquisition);
      row = done.value;
    }
    return acquisitionReply(row, uuid);
  }

  async remove(uuid: string, actor: string): Promise<void> {
    const { id, name } = await this.find.acquisition(uuid);
    const done = await this.epu.deleteAcquisition(id, { confirm: name, actor });
    if (!done.ok) throw ofDelete(done.refusal, WHAT.acquisition);
    await this.grids.forget(id);
  }

  async listGrids(): Promise<Reply[]> {
    const found: Reply[] = [];
    for (const one of await this.find.acquisitions()) {
      const grid = await this.grids.of(one);
      if (grid !== null) found.push(gridReply(grid, grid.uuid));
    }
    return found;
  }

  /** Nothing for an unknown acquisition, as there. */
  async gridsOf(uuid: string): Promise<Reply[]> {
    const ref = await this.find.maybe(uuid, "acquisition");
    const acquisition = ref === null ? null : await this.epu.acquisition(ref.acquisitionId);
    const grid = acquisition === null ? null : await this.grids.of(acquisition);
    return grid === null ? [] : [gridReply(grid, grid.uuid, uuid)];
  }

  async createGrid(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof newGrid, "uuid" | "name" | "acquisition_uuid">(body, newGrid);
    const acquisition = await this.find.acquisition(uuid);
    const grid = await this.grids.put(acquisition, ask.uuid, spoken(gridChange(ask)), actor);
    if (grid === null) {
      throw new SmartemRefusal(409, `"${ask.uuid}" names the grid of another acquisition`);
    }
    return gridReply(grid, ask.uuid, uuid);
  }

  async getGrid(uuid: string): Promise<Reply> {
    const { grid } = await this.gridNamed(uuid);
    return gridReply(grid, uuid);
  }

  async updateGrid(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const { acquisition } = await this.gridNamed(uuid);
    const ask = given(body, gridFields);
    const grid = await this.grids.put(acquisition, uuid, gridChange(ask), actor);
    return gridReply(grid!, uuid);
  }

  async removeGrid(uuid: string): Promise<void> {
    const { acquisition } = await this.gridNamed(uuid);
    const counts = await this.epu.counts(acquisition.id);
    const hasAtlas = await this.epu.atlas(acquisition.id) !== null;
    if (acquisition.root !== null || hasAtlas || (counts?.squares ?? 0) > 0) {
      throw new SmartemRefusal(
        409,
        `Grid cannot be deleted: ${counts?.squares ?? 0} grid squares belong to it; ` +
          "delete its acquisition",
      );
    }
    await this.grids.forget(acquisition.id);
  }

  /** @throws {SmartemRefusal} 404 */
  async gridNamed(uuid: string): Promise<NonNullable<Awaited<ReturnType<Grids["find"]>>>> {
    const found = await this.grids.find(uuid);
    if (found === null) throw notFound(WHAT.grid);
    return found;
  }
}

type Ask = Partial<ReturnType<typeof given<typeof acquisitionFields>>>;

function fieldsOf(ask: Ask): Partial<Acquisition> {
  return renamed(ask, {
    id: "epuId",
    name: "name",
    start_time: "startedAtMs",
    end_time: "endedAtMs",
    paused_time: "pausedAtMs",
    storage_path: "storagePath",
    atlas_path: "atlasPath",
    clustering_mode: "clusteringMode",
    clustering_radius: "clusteringRadiusM",
    instrument_model: "instrumentModel",
    instrument_id: "instrumentId",
    computer_name: "computerName",
  });
}

function stateOf(status: Ask["status"]): Partial<Acquisition> {
  return status == null || status === "started" ? {} : { state: status };
}

function gridChange(ask: Partial<ReturnType<typeof given<typeof gridFields>>>) {
  const { name, status, data_dir, atlas_dir, scan_start_time, scan_end_time } = ask;
  return {
    ...name == null ? {} : { name },
    ...status == null ? {} : { status },
    ...data_dir === undefined ? {} : { dataDir: data_dir },
    ...atlas_dir === undefined ? {} : { atlasDir: atlas_dir },
    ...scan_start_time === undefined ? {} : { scanStartedAtMs: scan_start_time },
    ...scan_end_time === undefined ? {} : { scanEndedAtMs: scan_end_time },
  };
}

/** Without what is `null`: an entity that is told anew takes nothing away. */
export function spoken<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as T;
}

/** What `ask` holds, under our names. */
export function renamed<T>(ask: object, names: Readonly<Record<string, keyof T>>): Partial<T> {
  const found: Partial<T> = {};
  for (const [theirs, ours] of Object.entries(names)) {
    if (Object.hasOwn(ask, theirs)) {
      found[ours] = (ask as Record<string, unknown>)[theirs] as T[typeof ours];
    }
  }
  return found;
}
