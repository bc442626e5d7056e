import assert from "node:assert/strict";
import { join } from "node:path";
import { createApi, problemHandler } from "../http.ts";
import { silentLog } from "../log.ts";
import { epuImagesApi } from "./api_images.ts";
import { epuRig, hole, micrograph, square } from "./results/rig_test.ts";
import { Epu } from "./service.ts";

const JPEG = new Uint8Array([0xff, 0xd8, 0xff, 0xe0]);

Deno.test("pictures are EPU's own previews, told apart by their state, and only of watched folders", async () => {
  const dir = await Deno.makeTempDir();
  const rig = await epuRig();
  const { clock, kv } = rig;
  const epu = await Epu.open({
    kv,
    clock,
    log: silentLog,
    folders: [{ name: "main", dir, atlasRoots: [], drives: [] }],
  });
  try {
    await Deno.mkdir(join(dir, "Data"));
    for (const name of ["square.jpg", "Data/exposure.jpg"]) {
      await Deno.writeFile(join(dir, name), JPEG);
    }
    await rig.acquisition({ root: "main" });
    await rig.squares(square(1, { imagePath: "square.xml" }));
    await rig.holes(hole(1, 10));
    await rig.micrographs(micrograph(1, 10, 1, { xmlPath: "Data/exposure.xml" }));
    const app = createApi();
    app.onError(problemHandler(silentLog));
    app.route("/", epuImagesApi(epu));
    const get = (path: string, headers = {}) => app.request(`/epu${path}`, { headers });

    for (const path of ["/acquisitions/a1/squares/1/image", "/micrographs/micrograph-1/image"]) {
      const reply = await get(path);
      assert.equal(reply.status, 200, path);
      assert.equal(reply.headers.get("content-type"), "image/jpeg");
      assert.deepEqual(new Uint8Array(await reply.arrayBuffer()), JPEG);
      const etag = reply.headers.get("etag")!;
      assert.equal((await get(path, { "if-none-match": etag })).status, 304);
    }
    for (
      const path of [
        "/acquisitions/a1/holes/10/image",
        "/acquisitions/a1/squares/2/image",
        "/acquisitions/a1/atlas/image",
        "/micrographs/none/image",
      ]
    ) assert.equal((await get(path)).status, 404, path);
    await rig.acquisition({ root: "elsewhere" });
    const reply = await get("/micrographs/micrograph-1/image");
    assert.equal(reply.status, 404);
    assert.match((await reply.json()).detail, /not watched/);
  } finally {
    await epu.close();
    await kv.close();
    await Deno.remove(dir, { recursive: true });
  }
});
