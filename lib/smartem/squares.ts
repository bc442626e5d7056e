import type { Epu, FoilHole, GridSquare, Upsert } from "../epu/mod.ts";
import type { Kv } from "../kv.ts";
import { accept } from "../result.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { renamed, spoken } from "./acquisitions.ts";
import { given, givenList, holeFields, newHole, newSquare, squareFields, wrong } from "./fields.ts";
import { Finder, WHAT } from "./finder.ts";
import type { Grids } from "./grids.ts";
import { BATCH_MAX, type SquareWord } from "./model.ts";
import { notFound, ofDelete, ofUpsert, SmartemRefusal } from "./refusal.ts";
import { holeReply, type Reply, squareReply } from "./replies.ts";

type SquareAsk = ReturnType<
  typeof given<typeof newSquare, "uuid" | "gridsquare_id" | "grid_uuid">
>;
type HoleAsk = ReturnType<
  typeof given<typeof newHole, "uuid" | "foilhole_id" | "gridsquare_id" | "gridsquare_uuid">
>;

/** Where EPU's square metadata places a hole; its image says nothing of that. */
const PLACE = ["x_location", "y_location", "x_stage_position", "y_stage_position", "diameter"];
const NM = 1e-9;

/** Grid squares and foil holes. */
export class Squares {
  constructor(
    private readonly epu: Epu,
    private readonly kv: Kv,
    private readonly find: Finder,
    private readonly grids: Grids,
    private readonly acquisitions: Acquisitions,
  ) {}

  async *list(): AsyncGenerator<Reply> {
    for (const { id } of await this.find.acquisitions()) yield* this.#ofAcquisition(id);
  }

  async *ofGrid(gridUuid: string): AsyncGenerator<Reply> {
    const found = await this.grids.find(gridUuid);
    if (found !== null) yield* this.#ofAcquisition(found.acquisition.id, gridUuid);
  }

  async get(uuid: string): Promise<Reply> {
    return await this.#reply(await this.find.square(uuid), uuid);
  }

  async create(gridUuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask: SquareAsk = given(body, newSquare);
    const { acquisition } = await this.acquisitions.gridNamed(gridUuid);
    return (await this.#create(acquisition.id, gridUuid, [ask], actor))[0]!;
  }

  /** All or none. */
  async createBatch(gridUuid: string, body: unknown, actor: string): Promise<Reply[]> {
    const list = (body as { gridsquares?: unknown } | null)?.gridsquares;
    if (Array.isArray(list) && list.length === 0) {
      throw new SmartemRefusal(422, "gridsquares must not be empty");
    }
    if (Array.isArray(list) && list.length > BATCH_MAX) {
      throw new SmartemRefusal(
        422,
        `batch size ${list.length} exceeds maximum of ${BATCH_MAX}`,
      );
    }
    const asks: SquareAsk[] = givenList(list, newSquare, ["body", "gridsquares"]);
    const isDouble = (values: readonly unknown[]) => new Set(values).size < values.length;
    if (isDouble(asks.map(({ uuid }) => uuid))) {
      throw new SmartemRefusal(422, "duplicate uuid in batch");
    }
    if (isDouble(asks.map(({ gridsquare_id }) => gridsquare_id))) {
      throw new SmartemRefusal(422, "duplicate gridsquare_id in batch");
    }
    const { acquisition } = await this.acquisitions.gridNamed(gridUuid);
    for (const { uuid } of asks) {
      if (await this.epu.entity(uuid) !== null) {
        throw new SmartemRefusal(409, "gridsquare batch conflicts with existing data");
      }
    }
    return await this.#create(acquisition.id, gridUuid, asks, actor);
  }

  async update(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const before = await this.find.square(uuid);
    const ask = given(body, squareFields);
    const { acquisitionId, squareId } = before;
    const fields = squareChange(ask);
    // Left out, it says nothing here: a note of one field makes no square known from the atlas only.
    if (ask.lowmag !== undefined) fields.lowMag = before.lowMag && ask.lowmag;
    await this.#write(acquisitionId, [{ on: "square", id: uuid, squareId, fields }], actor);
    await this.grids.setWords(acquisitionId, new Map([[squareId, wordOf(ask)]]));
    return await this.get(uuid);
  }

  async remove(uuid: string, actor: string): Promise<void> {
    await this.find.square(uuid);
    const done = await this.epu.deleteEntity(uuid, actor);
    if (!done.ok) throw ofDelete(done.refusal, WHAT.square);
  }

  /** All holes of the square were told of. */
  async registered(uuid: string, count: number | null, actor: string): Promise<boolean> {
    const { acquisitionId, squareId } = await this.find.square(uuid);
    const status = "all foil holes registered" as const;
    await this.grids.setWords(acquisitionId, new Map([[squareId, { status }]]));
    await this.kv.transact<null, never>([], () =>
      accept({
        value: null,
        events: [{
          type: "epu.square_registered",
          subject: acquisitionId,
          actor,
          text: `square ${squareId}: all foil holes told of`,
          data: { acquisitionId, squareId, squareUuid: uuid, count },
        }],
      }));
    return true;
  }

  /** All squares of the grid were told of. */
  async gridRegistered(gridUuid: string, actor: string): Promise<boolean> {
    const { acquisition: { id } } = await this.acquisitions.gridNamed(gridUuid);
    await this.kv.transact<null, never>([], () =>
      accept({
        value: null,
        events: [{
          type: "epu.grid_registered",
          subject: id,
          actor,
          text: "all grid squares told of",
          data: { acquisitionId: id, gridUuid },
        }],
      }));
    return true;
  }

  async *listHoles(): AsyncGenerator<Reply> {
    for (const { id } of await this.find.acquisitions()) {
      for await (const hole of this.find.holes(id)) yield holeReply(hole);
    }
  }

  async *holesOf(squareUuid: string, onSquareOnly: boolean): AsyncGenerator<Reply> {
    const ref = await this.find.maybe(squareUuid, "square");
    if (ref === null) return;
    for await (const hole of this.find.holes(ref.acquisitionId, ref.squareId!)) {
      if (!onSquareOnly || hole.nearGridBar !== true) yield holeReply(hole);
    }
  }

  async getHole(uuid: string): Promise<Reply> {
    return holeReply(await this.find.hole(uuid), uuid);
  }

  async createHoles(squareUuid: string, body: unknown, actor: string): Promise<Reply[]> {
    const asks: HoleAsk[] = givenList(body, newHole);
    const { acquisitionId, squareId } = await this.find.square(squareUuid);
    for (const { uuid, gridsquare_id, foilhole_id } of asks) {
      if (gridsquare_id !== squareId) {
        throw wrong(
          "gridsquare_id",
          `foil hole ${foilhole_id} belongs to square ${gridsquare_id}, not ${squareId}`,
          gridsquare_id,
        );
      }
      await this.#free(uuid, "hole", foilhole_id);
    }
    if (asks.length === 0) return [];
    await this.#write(
      acquisitionId,
      asks.map((ask) => ({
        on: "hole",
        id: ask.uuid,
        squareId,
        holeId: ask.foilhole_id,
        fields: spoken(holeChange(ask)),
      })),
      actor,
    );
    const replies: Reply[] = [];
    for (const { uuid, foilhole_id } of asks) {
      const hole = await this.epu.hole(acquisitionId, squareId, foilhole_id);
      if (hole === null) throw notFound(WHAT.hole);
      replies.push(holeReply(hole, uuid));
    }
    return replies;
  }

  async updateHole(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const { acquisitionId, squareId, holeId } = await this.find.hole(uuid);
    const ask = given(body, holeFields);
    const fields = holeChange(ask);
    await this.#write(acquisitionId, [{ on: "hole", id: uuid, squareId, holeId, fields }], actor);
    return await this.getHole(uuid);
  }

  async removeHole(uuid: string, actor: string): Promise<void> {
    await this.find.hole(uuid);
    const done = await this.epu.deleteEntity(uuid, actor);
    if (!done.ok) throw ofDelete(done.refusal, WHAT.hole);
  }

  async #create(
    acquisitionId: string,
    gridUuid: string,
    asks: readonly SquareAsk[],
    actor: string,
  ): Promise<Reply[]> {
    for (const { uuid, gridsquare_id } of asks) await this.#free(uuid, "square", gridsquare_id);
    const known = new Map<number, GridSquare | null>();
    for (const { gridsquare_id } of asks) {
      known.set(gridsquare_id, await this.epu.square(acquisitionId, gridsquare_id));
    }
    await this.#write(
      acquisitionId,
      asks.map((ask) => {
        const before = known.get(ask.gridsquare_id) ?? null;
        const lowMag = (ask.lowmag ?? false) && before?.lowMag !== false;
        return {
          on: "square",
          id: ask.uuid,
          squareId: ask.gridsquare_id,
          fields: { ...spoken(squareChange(ask)), lowMag },
        };
      }),
      actor,
    );
    const words = new Map(asks.map((ask) => {
      const { status, ...word } = spoken(wordOf(ask));
      // Told of anew, a square does not go back to the beginning.
      return [
        ask.gridsquare_id,
        status === undefined || status === "none" ? word : { ...word, status },
      ];
    }));
    await this.grids.setWords(acquisitionId, words);
    const replies: Reply[] = [];
    for (const { uuid, gridsquare_id } of asks) {
      const square = await this.epu.square(acquisitionId, gridsquare_id);
      if (square === null) throw notFound(WHAT.square);
      replies.push(await this.#reply(square, uuid, gridUuid));
    }
    return replies;
  }

  async *#ofAcquisition(id: string, gridUuid?: string): AsyncGenerator<Reply> {
    const grid = gridUuid ?? await this.grids.uuidOf(id);
    const words = await this.grids.words(id);
    for await (const square of this.find.squares(id)) {
      yield squareReply(square, words.get(square.squareId) ?? null, grid);
    }
  }

  async #reply(square: GridSquare, uuid: string, gridUuid?: string): Promise<Reply> {
    const word = await this.grids.word(square.acquisitionId, square.squareId);
    const grid = gridUuid ?? await this.grids.uuidOf(square.acquisitionId);
    return squareReply(square, word, grid, uuid);
  }

  async #write(acquisitionId: string, asks: readonly Upsert[], actor: string): Promise<void> {
    const done = await this.epu.upsert(acquisitionId, asks, actor);
    if (!done.ok) throw ofUpsert(done.refusal);
  }

  /** The same entity may be told of again under the same name; another one may not take it. */
  async #free(uuid: string, kind: "square" | "hole", epuId: number): Promise<void> {
    const known = await this.epu.entity(uuid);
    if (known === null) return;
    const own = kind === "square" ? known.squareId : known.holeId;
    if (known.kind !== kind || own !== epuId) {
      throw new SmartemRefusal(409, `"${uuid}" names a ${known.kind} already`);
    }
  }
}

function wordOf(ask: object): Partial<Omit<SquareWord, "v">> {
  const { status, ...word } = renamed<SquareWord>(ask, {
    status: "status",
    data_dir: "dataDir",
    atlas_node_id: "atlasNodeId",
  });
  return status == null ? word : { ...word, status };
}

function squareChange(ask: object): Partial<GridSquare> {
  const fields = renamed<GridSquare>(ask, {
    state: "state",
    rotation: "rotationRad",
    image_path: "epuImagePath",
    selected: "selected",
    unusable: "unusable",
    stage_position_x: "stageXM",
    stage_position_y: "stageYM",
    stage_position_z: "stageZM",
    center_x: "atlasXPx",
    center_y: "atlasYPx",
    physical_x: "physicalXM",
    physical_y: "physicalYM",
    size_width: "atlasWidthPx",
    size_height: "atlasHeightPx",
    acquisition_datetime: "imagedAtMs",
    defocus: "defocusM",
    magnification: "magnification",
    pixel_size: "pixelSizeM",
    detector_name: "detectorName",
    applied_defocus: "appliedDefocusM",
  });
  if (fields.physicalXM != null) fields.physicalXM *= NM;
  if (fields.physicalYM != null) fields.physicalYM *= NM;
  return fields;
}

function holeChange(ask: object): Partial<FoilHole> {
  const fields = renamed<FoilHole>(ask, {
    center_x: "centerXPx",
    center_y: "centerYPx",
    quality: "quality",
    rotation: "rotationRad",
    size_width: "sizeWidthPx",
    size_height: "sizeHeightPx",
    x_location: "xPx",
    y_location: "yPx",
    x_stage_position: "stageXM",
    y_stage_position: "stageYM",
    diameter: "diameterPx",
    is_near_grid_bar: "nearGridBar",
  });
  // Agents say "false" with a hole's image too, which knows nothing of grid bars.
  const said = Object.keys(ask).filter((name) => name in holeFields);
  const isPlaced = PLACE.some((name) => said.includes(name)) || said.length === 1;
  if (fields.nearGridBar === false && !isPlaced) delete fields.nearGridBar;
  return fields;
}
