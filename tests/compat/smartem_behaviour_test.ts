import assert from "node:assert/strict";
import { smartemOperations } from "../../routes/compat_smartem.ts";
import { type SmartemRig, smartemRig } from "./smartem_rig.ts";

/** One acquisition with a grid, a square of two holes and a micrograph, under names that end in `run`. */
async function tell({ must }: SmartemRig, run: string): Promise<void> {
  const acquisition = {
    uuid: `a${run}`,
    id: "77",
    name: "Night",
    start_time: "2026-01-21T10:00:00",
  };
  await must(201, "POST", "/acquisitions", acquisition);
  await must(201, "POST", `/acquisitions/a${run}/grids`, {
    uuid: `g${run}`,
    name: "Night",
    acquisition_uuid: `a${run}`,
  });
  await must(201, "POST", `/grids/g${run}/gridsquares`, {
    uuid: `s${run}`,
    gridsquare_id: "500",
    grid_uuid: `g${run}`,
    state: "None",
    size_width: 90,
  });
  await must(201, "POST", `/gridsquares/s${run}/foilholes`, [
    { uuid: `h${run}`, foilhole_id: "900", gridsquare_id: "500", gridsquare_uuid: `s${run}` },
    { uuid: `i${run}`, foilhole_id: "901", gridsquare_id: "500", gridsquare_uuid: `s${run}` },
  ]);
  await must(201, "POST", `/foilholes/h${run}/micrographs`, {
    uuid: `m${run}`,
    foilhole_id: "900",
    location_id: "17",
    manifest_file: "x/FoilHole_900_Data_17_6_20260121_104915.xml",
  });
}

Deno.test("the SmartEM API: what the original gets wrong is right", async (t) => {
  await using rig = await smartemRig();
  const { ask, must } = rig;

  await t.step("every operation of the original is there, each once", () => {
    const all = smartemOperations(rig.instrument.instrument.smartem);
    assert.equal(all.length, 87);
    assert.equal(new Set(all.map(([method, path]) => `${method} ${path}`)).size, 87);
  });

  await t.step("an agent that starts again under new names duplicates nothing", async () => {
    await tell(rig, "1");
    await tell(rig, "2");
    for (const list of ["/acquisitions", "/grids", "/gridsquares", "/micrographs"]) {
      assert.equal((await must(200, "GET", list)).length, 1, list);
    }
    assert.equal((await must(200, "GET", "/foilholes")).length, 2);
    for (const run of ["1", "2"]) {
      assert.equal((await must(200, "GET", `/micrographs/m${run}`)).uuid, `m${run}`);
      assert.equal((await must(200, "GET", `/grids/g${run}`)).uuid, `g${run}`);
      assert.equal((await must(200, "GET", `/grids/g${run}/gridsquares`)).length, 1);
    }
  });

  await t.step("what is left out stays, an explicit null clears", async () => {
    await must(200, "PUT", "/gridsquares/s1", { rotation: 0.5 });
    assert.equal((await must(200, "GET", "/gridsquares/s1")).state, "None");
    await must(200, "PUT", "/gridsquares/s1", { state: null });
    const square = await must(200, "GET", "/gridsquares/s1");
    assert.deepEqual([square.state, square.rotation], [null, 0.5]);
    await must(200, "PUT", "/micrographs/m1", { total_motion: 9, average_motion: 0.2 });
    const cleared = await must(200, "PUT", "/micrographs/m1", {
      total_motion: null,
      average_motion: null,
    });
    assert.deepEqual([cleared.total_motion, cleared.status], [null, "none"]);
  });

  await t.step("a person's pause outlasts what an agent tells", async () => {
    await must(200, "PUT", "/acquisitions/a1", { status: "paused" });
    await must(200, "PUT", "/acquisitions/a1", { name: "Night", status: "started" });
    assert.equal((await must(200, "GET", "/acquisitions/a1")).status, "paused");
    await must(200, "PUT", "/acquisitions/a1", { status: "started" });
    assert.equal((await must(200, "GET", "/acquisitions/a1")).status, "started");
  });

  await t.step("what does not fit is told as FastAPI tells it", async () => {
    const missing = await must(422, "POST", "/acquisitions", { name: "x" });
    assert.deepEqual(
      missing.detail.map(({ type, loc }: { type: string; loc: unknown }) => [type, loc]),
      [["missing", ["body", "uuid"]]],
    );
    const nested = await must(422, "POST", "/gridsquares/s1/foilholes", [
      { uuid: "h9", foilhole_id: "twelve", gridsquare_id: "500", gridsquare_uuid: "s1" },
    ]);
    assert.deepEqual(nested.detail[0].loc, ["body", 0, "foilhole_id"]);
    const time = await must(422, "PUT", "/acquisitions/a1", { start_time: "yesterday" });
    assert.equal(time.detail[0].type, "datetime_parsing");
    await must(422, "POST", "/gridsquares/s1/foilholes");
    await must(422, "POST", "/micrographs/m1/motion_correction/completed", { total_motion: -1 });
    await must(422, "POST", "/gridsquares/s1/registered?count=many");
    assert.deepEqual(await must(200, "POST", "/gridsquares/s1/foilholes", []).catch(() => []), []);
  });

  await t.step("unknown ones: 404 in the original's words, empty lists below them", async () => {
    for (
      const [path, detail] of [
        ["/acquisitions/no", "Acquisition not found"],
        ["/grids/no", "Grid not found"],
        ["/grids/g1/atlas", "Atlas not found for this grid"],
        ["/atlas-tiles/no", "Atlas tile not found"],
        ["/gridsquares/no", "Grid Square not found"],
        ["/foilholes/no", "Foil Hole not found"],
        ["/micrographs/no", "Micrograph not found"],
        ["/nothing", "Not Found"],
        ["/gridsquares/s1/gridsquare_image", "Grid square image unknown"],
      ]
    ) assert.deepEqual(await must(404, "GET", path!), { detail });
    assert.deepEqual(await must(200, "GET", "/gridsquares/no/foilholes"), []);
    assert.deepEqual(await must(200, "GET", "/acquisitions/no/grids"), []);
    await must(404, "POST", "/grids/no/registered");
    await must(404, "POST", "/micrographs/no/ctf_estimation/completed", { ctf_max_res: 3 });
  });

  await t.step("a batch of squares is taken whole or not at all", async () => {
    const square = (id: number) => ({
      uuid: `b${id}`,
      gridsquare_id: String(id),
      grid_uuid: "g1",
    });
    const batch = "/grids/g1/gridsquares/batch";
    const refused = async (status: number, gridsquares: unknown[]) =>
      (await must(status, "POST", batch, { gridsquares })).detail;
    assert.equal(await refused(422, []), "gridsquares must not be empty");
    assert.equal(await refused(422, [square(1), square(1)]), "duplicate uuid in batch");
    assert.match(
      await refused(422, Array.from({ length: 1001 }, (_, i) => square(i))),
      /maximum of 1000/,
    );
    assert.equal(
      await refused(409, [square(601), { ...square(602), uuid: "s1" }]),
      "gridsquare batch conflicts with existing data",
    );
    await must(404, "GET", "/gridsquares/b601");
    await must(404, "POST", "/grids/no/gridsquares/batch", { gridsquares: [square(601)] });
    const made = await must(201, "POST", batch, { gridsquares: [square(601), square(602)] });
    assert.equal(made.gridsquares.length, 2);
  });

  await t.step("a name that is another entity's is refused", async () => {
    const hole = { foilhole_id: "903", gridsquare_id: "500", gridsquare_uuid: "s1" };
    await must(409, "POST", "/gridsquares/s1/foilholes", [{ ...hole, uuid: "m1" }]);
    await must(409, "POST", "/acquisitions", { uuid: "s1", name: "x" });
    assert.equal((await must(200, "GET", "/foilholes")).length, 2);
  });

  await t.step(
    "models and predictions; nothing said yet is an empty list with its reason",
    async () => {
      const model = { name: "ice", description: "ice thickness" };
      assert.deepEqual(await must(201, "POST", "/prediction_models", model), {
        ...model,
        can_train: false,
        can_infer: true,
        can_update: false,
      });
      assert.equal(
        (await must(409, "POST", "/prediction_models", model)).detail,
        "Prediction model ice already exists",
      );
      assert.equal(
        (await must(200, "PUT", "/prediction_models/ice", { can_train: true })).can_train,
        true,
      );
      for (
        const path of [
          "/grid/g1/model_weights",
          "/prediction_model/ice/grid/g1/prediction",
          "/prediction_model/ice/gridsquare/s1/prediction",
          "/prediction_model/ice/grid/g1/latent_representation",
          "/prediction_model/ice/gridsquare/s1/latent_representation",
          "/gridsquare/s1/overall_prediction",
          "/grid/g1/prediction_model/ice/latent_rep/ice/suggested_squares",
          "/gridsquares/s1/prediction_model/ice/latent_rep/ice/suggested_holes",
          "/gridsquares/s1/foilhole_quality_predictions",
          "/quality_metric/ctfmaxresolution/gridsquares/s1/foilhole_quality_predictions",
        ]
      ) {
        const found = await ask("GET", path);
        assert.equal(found.status, 200, path);
        assert.equal(Object.keys(found.body).length, 0, path);
        assert.notEqual(found.headers.get("x-empty-reason"), null, path);
      }
      const said = await must(201, "POST", "/quality_predictions", {
        value: 0.75,
        prediction_model_name: "ice",
        gridsquare_uuid: "s1",
      });
      assert.deepEqual([said.value, said.gridsquare_uuid, said.foilhole_uuid], [0.75, "s1", null]);
      assert(Number.isSafeInteger(said.id));
      await must(201, "POST", "/quality_predictions", {
        value: 0.25,
        prediction_model_name: "ice",
        foilhole_uuid: "h1",
      });
      await must(404, "POST", "/quality_predictions", {
        value: 1,
        prediction_model_name: "no",
        foilhole_uuid: "h1",
      });
      await must(422, "POST", "/quality_predictions", {
        value: 7,
        prediction_model_name: "ice",
        foilhole_uuid: "h1",
      });
      assert.equal(
        (await must(200, "GET", "/prediction_model/ice/grid/g1/prediction"))[0].value,
        0.75,
      );
      const holes = await must(200, "GET", "/gridsquares/s1/foilhole_quality_predictions");
      assert.equal(holes.ice["900"][0].value, 0.25);
      assert.deepEqual(await must(200, "GET", "/quality_metrics"), {
        total_predictions: 2,
        average_quality: 0.5,
        min_quality: 0.25,
        max_quality: 0.75,
        models_count: 1,
      });
      await must(204, "DELETE", "/prediction_models/ice");
      await must(404, "GET", "/prediction_models/ice");
    },
  );

  await t.step("a deletion deletes, or says why it does not", async () => {
    assert.match((await must(409, "DELETE", "/grids/g1")).detail, /grid squares belong to it/);
    assert.match((await must(409, "DELETE", "/gridsquares/s1")).detail, /holes or micrographs/);
    assert.match((await must(409, "DELETE", "/foilholes/h1")).detail, /holes or micrographs/);
    await must(204, "DELETE", "/micrographs/m1");
    await must(404, "GET", "/micrographs/m1");
    await must(204, "DELETE", "/foilholes/h1");
    await must(204, "DELETE", "/foilholes/i1");
    await must(204, "DELETE", "/gridsquares/s1");
    await must(404, "GET", "/gridsquares/s1");
    await must(204, "DELETE", "/acquisitions/a1");
    await must(404, "DELETE", "/acquisitions/a1");
    assert.deepEqual(await must(200, "GET", "/grids"), []);
    assert.deepEqual(await must(200, "GET", "/gridsquares"), []);
  });
  assert.deepEqual(rig.instrument.complaints, []);
});
