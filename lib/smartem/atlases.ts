import type { Atlas, Epu, GridSquare, Tile, Upsert } from "../epu/mod.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { renamed, spoken } from "./acquisitions.ts";
import {
  atlasFields,
  given,
  givenList,
  linkFields,
  newAtlas,
  newTile,
  tileFields,
  wrong,
} from "./fields.ts";
import { Finder, WHAT } from "./finder.ts";
import type { Grids } from "./grids.ts";
import { notFound, ofDelete, ofUpsert, SmartemRefusal } from "./refusal.ts";
import { atlasReply, type Reply, tileReply } from "./replies.ts";

type TileAsk = ReturnType<typeof given<typeof newTile, "uuid" | "tile_id" | "atlas_uuid">>;
type LinkAsk = ReturnType<
  typeof given<typeof linkFields, "center_x" | "center_y" | "size_width" | "size_height">
>;

/** Atlases, their tiles, and where squares lie on those. */
export class Atlases {
  constructor(
    private readonly epu: Epu,
    private readonly find: Finder,
    private readonly grids: Grids,
    private readonly acquisitions: Acquisitions,
  ) {}

  async list(): Promise<Reply[]> {
    const found: Reply[] = [];
    for (const { id } of await this.find.acquisitions()) {
      const atlas = await this.epu.atlas(id);
      if (atlas !== null) found.push(await this.#reply(atlas, atlas.id));
    }
    return found;
  }

  async get(uuid: string): Promise<Reply> {
    return await this.#reply(await this.#named(uuid), uuid);
  }

  async ofGrid(gridUuid: string): Promise<Reply> {
    const found = await this.grids.find(gridUuid);
    const atlas = found === null ? null : await this.epu.atlas(found.acquisition.id);
    if (atlas === null) throw new SmartemRefusal(404, "Atlas not found for this grid");
    return await this.#reply(atlas, atlas.id, gridUuid);
  }

  async create(gridUuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof newAtlas, "uuid" | "grid_uuid" | "name">(body, newAtlas);
    const { tiles: brought } = body as { tiles?: unknown };
    const tiles: TileAsk[] = brought == null
      ? []
      : givenList<typeof newTile, "uuid" | "tile_id" | "atlas_uuid">(brought, newTile, [
        "body",
        "tiles",
      ]);
    const { acquisition } = await this.acquisitions.gridNamed(gridUuid);
    await this.#free(ask.uuid, "atlas");
    for (const { uuid } of tiles) await this.#free(uuid, "tile");
    const fields: Partial<Atlas> = spoken(atlasChange(ask));
    await this.#write(acquisition.id, [
      {
        on: "atlas",
        id: ask.uuid,
        fields: tiles.length === 0 ? fields : { ...fields, tiles: tiles.length },
      },
      ...tiles.map((tile): Upsert => ({
        on: "tile",
        id: tile.uuid,
        tileId: tile.tile_id,
        fields: spoken(tileChange(tile)),
      })),
    ], actor);
    const atlas = await this.epu.atlas(acquisition.id);
    return await this.#reply(atlas!, ask.uuid, gridUuid);
  }

  async update(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const { acquisitionId } = await this.#named(uuid);
    const ask = given(body, atlasFields);
    await this.#write(acquisitionId, [{ on: "atlas", id: uuid, fields: atlasChange(ask) }], actor);
    return await this.get(uuid);
  }

  async remove(uuid: string, actor: string): Promise<void> {
    await this.#named(uuid);
    const done = await this.epu.deleteEntity(uuid, actor);
    if (!done.ok) throw ofDelete(done.refusal, WHAT.atlas);
  }

  async listTiles(): Promise<Reply[]> {
    const found: Reply[] = [];
    for (const { id } of await this.find.acquisitions()) {
      const atlas = await this.epu.atlas(id);
      if (atlas === null) continue;
      for (const tile of await this.epu.tiles(id)) found.push(tileReply(tile, atlas.id));
    }
    return found;
  }

  async tilesOf(uuid: string): Promise<Reply[]> {
    const ref = await this.find.maybe(uuid, "atlas");
    if (ref === null) return [];
    return (await this.epu.tiles(ref.acquisitionId)).map((tile) => tileReply(tile, uuid));
  }

  async getTile(uuid: string): Promise<Reply> {
    const tile = await this.#tile(uuid);
    return tileReply(tile, (await this.epu.atlas(tile.acquisitionId))?.id ?? "", uuid);
  }

  async createTile(atlasUuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask: TileAsk = given<typeof newTile, "uuid" | "tile_id" | "atlas_uuid">(body, newTile);
    const { acquisitionId } = await this.#named(atlasUuid);
    await this.#free(ask.uuid, "tile");
    const known = await this.epu.tiles(acquisitionId);
    const isNew = known.every(({ tileId }) => tileId !== ask.tile_id);
    await this.#write(acquisitionId, [
      {
        on: "tile",
        id: ask.uuid,
        tileId: ask.tile_id,
        fields: spoken(tileChange(ask)),
      },
      { on: "atlas", id: atlasUuid, fields: { tiles: known.length + (isNew ? 1 : 0) } },
    ], actor);
    return tileReply(await this.#tile(ask.uuid), atlasUuid, ask.uuid);
  }

  async updateTile(uuid: string, body: unknown, actor: string): Promise<Reply> {
    const tile = await this.#tile(uuid);
    const ask = given(body, tileFields);
    if (ask.tile_id != null && ask.tile_id !== tile.tileId) {
      throw wrong("tile_id", "a tile keeps its number", ask.tile_id);
    }
    await this.#write(tile.acquisitionId, [
      { on: "tile", id: uuid, tileId: tile.tileId, fields: tileChange(ask) },
    ], actor);
    return await this.getTile(uuid);
  }

  async removeTile(uuid: string, actor: string): Promise<void> {
    await this.#tile(uuid);
    const done = await this.epu.deleteEntity(uuid, actor);
    if (!done.ok) throw ofDelete(done.refusal, WHAT.tile);
  }

  async link(tileUuid: string, squareUuid: string, body: unknown, actor: string): Promise<Reply> {
    const ask: LinkAsk = given(body, linkFields);
    return (await this.#link(tileUuid, [{ ask, squareUuid }], actor))[0]!;
  }

  async links(tileUuid: string, body: unknown, actor: string): Promise<Reply[]> {
    const asks: LinkAsk[] = givenList(body, linkFields);
    const named = asks.map((ask, i) => {
      if (ask.gridsquare_uuid == null) {
        throw wrong("gridsquare_uuid", `entry ${i} names no grid square`, ask.gridsquare_uuid);
      }
      return { ask, squareUuid: ask.gridsquare_uuid };
    });
    return named.length === 0 ? [] : await this.#link(tileUuid, named, actor);
  }

  async #link(
    tileUuid: string,
    asks: readonly { ask: LinkAsk; squareUuid: string }[],
    actor: string,
  ): Promise<Reply[]> {
    const tile = await this.#tile(tileUuid);
    const squares: GridSquare[] = [];
    for (const { squareUuid } of asks) {
      const square = await this.find.square(squareUuid);
      if (square.acquisitionId !== tile.acquisitionId) {
        throw new SmartemRefusal(409, "The grid square lies on another grid than the tile");
      }
      squares.push(square);
    }
    await this.#write(
      tile.acquisitionId,
      asks.map(({ ask }, i) => ({
        on: "link",
        link: {
          tileId: tile.tileId,
          squareId: squares[i]!.squareId,
          xPx: ask.center_x,
          yPx: ask.center_y,
          widthPx: ask.size_width,
          heightPx: ask.size_height,
        },
      })),
      actor,
    );
    return asks.map(({ ask, squareUuid }) => ({
      atlastile_uuid: tileUuid,
      gridsquare_uuid: squareUuid,
      center_x: ask.center_x,
      center_y: ask.center_y,
      size_width: ask.size_width,
      size_height: ask.size_height,
    }));
  }

  async #named(uuid: string): Promise<Atlas> {
    const { acquisitionId } = await this.find.ref(uuid, "atlas");
    const found = await this.epu.atlas(acquisitionId);
    if (found === null) throw notFound(WHAT.atlas);
    return found;
  }

  async #tile(uuid: string): Promise<Tile> {
    const { acquisitionId, tileId } = await this.find.ref(uuid, "tile");
    const found = (await this.epu.tiles(acquisitionId)).find((one) => one.tileId === tileId);
    if (found === undefined) throw notFound(WHAT.tile);
    return found;
  }

  async #reply(atlas: Atlas, uuid: string, gridUuid?: string): Promise<Reply> {
    const tiles = await this.epu.tiles(atlas.acquisitionId);
    const grid = gridUuid ?? await this.grids.uuidOf(atlas.acquisitionId);
    return atlasReply(atlas, tiles, grid, uuid);
  }

  async #write(acquisitionId: string, asks: readonly Upsert[], actor: string): Promise<void> {
    const done = await this.epu.upsert(acquisitionId, asks, actor);
    if (!done.ok) throw ofUpsert(done.refusal);
  }

  async #free(uuid: string, kind: "atlas" | "tile"): Promise<void> {
    const known = await this.epu.entity(uuid);
    if (known !== null && known.kind !== kind) {
      throw new SmartemRefusal(409, `"${uuid}" names a ${known.kind} already`);
    }
  }
}

function atlasChange(ask: object): Partial<Atlas> {
  return renamed<Atlas>(ask, {
    atlas_id: "epuId",
    acquisition_date: "acquiredAtMs",
    storage_folder: "storageFolder",
    description: "description",
    name: "name",
  });
}

function tileChange(ask: object): Partial<Tile> {
  return renamed<Tile>(ask, {
    position_x: "xPx",
    position_y: "yPx",
    size_x: "widthPx",
    size_y: "heightPx",
    file_format: "fileFormat",
    base_filename: "baseFileName",
  });
}
