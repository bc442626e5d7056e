import type { Epu } from "../epu/mod.ts";
import { firstPicture, mrcPart, type Part, type Picture, picturesOf } from "../epu/images/mod.ts";
import type { Acquisitions } from "./acquisitions.ts";
import type { Finder } from "./finder.ts";
import { SmartemRefusal } from "./refusal.ts";

/** Pictures of the atlas and of grid squares: the raw one as a PNG, EPU's preview where that is all there is. */
export class Images {
  constructor(
    private readonly epu: Epu,
    private readonly find: Finder,
    private readonly acquisitions: Acquisitions,
  ) {}

  async atlas(gridUuid: string, part: Part | null): Promise<Picture> {
    const { acquisition } = await this.acquisitions.gridNamed(gridUuid);
    const atlas = await this.epu.atlas(acquisition.id);
    const dir = atlas?.root == null ? null : this.epu.dirOf(atlas.root);
    if (dir === null) throw new SmartemRefusal(404, "Atlas image unknown");
    return await this.#picture(dir, [atlas!.imagePath], part, "Atlas image");
  }

  async square(uuid: string): Promise<Picture> {
    const square = await this.find.square(uuid);
    const root = (await this.epu.acquisition(square.acquisitionId))?.root ?? null;
    const dir = root === null ? null : this.epu.dirOf(root);
    if (dir === null || (square.imagePath ?? square.previewPath) === null) {
      throw new SmartemRefusal(404, "Grid square image unknown");
    }
    const paths = [square.imagePath, square.previewPath];
    return await this.#picture(dir, paths, null, "Grid square image");
  }

  async #picture(
    dir: string,
    paths: readonly (string | null)[],
    part: Part | null,
    what: string,
  ): Promise<Picture> {
    const all = paths.flatMap(picturesOf);
    for (const path of all.map((one) => one.replace(/\.(jpe?g|png)$/i, ".mrc"))) {
      const found = await mrcPart(dir, path, part);
      if (found.ok) return found.value;
      if (found.refusal.kind === "outside" && part !== null) {
        throw new SmartemRefusal(422, `${what}: ${found.refusal.text}`);
      }
    }
    const preview = await firstPicture(dir, all);
    if (!preview.ok) throw new SmartemRefusal(404, `${what}: ${preview.refusal.text}`);
    if (part === null) return preview.value;
    throw new SmartemRefusal(404, `${what}: only a preview of it is here, which cannot be cut`);
  }
}
