import type { Acquisition, EntityKind, EntityRef, Epu, FoilHole, GridSquare } from "../epu/mod.ts";
import { notFound } from "./refusal.ts";

/** Names of the original's entities in its own "... not found". */
export const WHAT = {
  acquisition: "Acquisition",
  grid: "Grid",
  atlas: "Atlas",
  tile: "Atlas tile",
  square: "Grid Square",
  hole: "Foil Hole",
  micrograph: "Micrograph",
} as const;

const PAGE = 1000;

/** Entities by any name a caller gave them. */
export class Finder {
  constructor(readonly epu: Epu) {}

  /** @throws {SmartemRefusal} 404 */
  async ref(uuid: string, kind: EntityKind): Promise<EntityRef> {
    const found = await this.maybe(uuid, kind);
    if (found === null) throw notFound(WHAT[kind]);
    return found;
  }

  async maybe(uuid: string, kind: EntityKind): Promise<EntityRef | null> {
    if (uuid === "" || uuid.length > 200) return null;
    const found = await this.epu.entity(uuid);
    return found?.kind === kind ? found : null;
  }

  /** @throws {SmartemRefusal} 404 */
  async acquisition(uuid: string): Promise<Acquisition> {
    const { acquisitionId } = await this.ref(uuid, "acquisition");
    const found = await this.epu.acquisition(acquisitionId);
    if (found === null) throw notFound(WHAT.acquisition);
    return found;
  }

  /** @throws {SmartemRefusal} 404 */
  async square(uuid: string): Promise<GridSquare> {
    const { acquisitionId, squareId } = await this.ref(uuid, "square");
    const found = await this.epu.square(acquisitionId, squareId!);
    if (found === null) throw notFound(WHAT.square);
    return found;
  }

  /** @throws {SmartemRefusal} 404 */
  async hole(uuid: string): Promise<FoilHole> {
    const { acquisitionId, squareId, holeId } = await this.ref(uuid, "hole");
    const found = await this.epu.hole(acquisitionId, squareId ?? null, holeId!);
    if (found === null) throw notFound(WHAT.hole);
    return found;
  }

  /** Oldest first, as the original lists them. */
  async acquisitions(): Promise<Acquisition[]> {
    const all: Acquisition[] = [];
    for (let after: string | null = null;;) {
      const page = await this.epu.acquisitions({ limit: PAGE, after });
      all.push(...page.items);
      if (page.next === null) return all.reverse();
      after = page.next;
    }
  }

  async *squares(acquisitionId: string): AsyncGenerator<GridSquare> {
    for (let after: string | null = null;;) {
      const page = await this.epu.squares({ acquisitionId, limit: PAGE, after });
      yield* page.items;
      if (page.next === null) return;
      after = page.next;
    }
  }

  /** Of one square, or of the whole grid. */
  async *holes(acquisitionId: string, squareId?: number): AsyncGenerator<FoilHole> {
    for (let after: string | null = null;;) {
      const page = await this.epu.holes({
        acquisitionId,
        limit: PAGE,
        after,
        ...squareId === undefined ? {} : { squareId },
      });
      yield* page.items;
      if (page.next === null) return;
      after = page.next;
    }
  }
}
