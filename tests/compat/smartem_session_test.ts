import assert from "node:assert/strict";
import { EventReader, smartemRig } from "./smartem_rig.ts";

/**
 * A night as an original agent tells it: the order and the fields of its calls, values of a made-up grid.
 * Fields that are not known are left out, as it does.
 */
const ACQUISITION = {
  uuid: "aQ9vB1yTQ2mS0x3H5kLz7w",
  name: "Supervisor_20260121_101500_test",
  status: "started",
  start_time: "2026-01-21T10:15:00.123456",
  storage_path: "/cygdrive/z/DoseFractions/cm40593-1",
  atlas_path: "atlas/Supervisor_20260121/Sample7/Atlas/Atlas.dm",
  clustering_mode: "ClusteringWithImageBeamShift",
  clustering_radius: "1.2E-05",
};
const GRID = {
  uuid: "gR1dAAAAAAAAAAAAAAAAAA",
  name: ACQUISITION.name,
  acquisition_uuid: ACQUISITION.uuid,
  status: "none",
  data_dir: "/dls/m01/cm40593-1/raw/metadata/Supervisor_test",
  atlas_dir: "/dls/m01/cm40593-1/atlas/Sample7/Atlas/Atlas.dm",
};
const TILES = [0, 1].map((i) => ({
  uuid: `tiLe${i}`,
  tile_id: String(4590157 + i),
  atlas_uuid: "aTl4s",
  position_x: 100 + i * 900,
  position_y: 50,
  size_x: 1024,
  size_y: 1024,
  file_format: "Mrc",
  base_filename: `Tile_${4590157 + i}_0_4590151`,
}));
const ATLAS = {
  uuid: "aTl4s",
  atlas_id: "3436163",
  grid_uuid: GRID.uuid,
  acquisition_date: "2026-01-21T09:17:53.987880",
  storage_folder: "Z:\\atlas\\Supervisor_20260121\\Sample7\\Atlas",
  name: "Atlas",
  tiles: TILES,
};
const SQUARES = [4590776, 4590791, 4590802].map((id, i) => ({
  uuid: `sQ${id}`,
  gridsquare_id: String(id),
  grid_uuid: GRID.uuid,
  center_x: 1200 + i,
  center_y: 900 + i,
  size_width: 140,
  size_height: 134,
  status: "none",
  lowmag: true,
}));
const HOLES = [5665438, 5665439].map((id, i) => ({
  uuid: `h0Le${id}`,
  foilhole_id: String(id),
  gridsquare_id: "4590776",
  gridsquare_uuid: "sQ4590776",
  x_location: 1396 + i,
  y_location: 972,
  x_stage_position: -4.25655e-5,
  y_stage_position: -5.594576e-4,
  diameter: 51,
  is_near_grid_bar: i === 1,
}));
const MANIFEST =
  "Images-Disc1/GridSquare_4590776/Data/FoilHole_5665438_Data_4601896_4601898_20260121_102527.xml";
const MICROGRAPH = {
  uuid: "m1cr0",
  foilhole_id: "5665438",
  foilhole_uuid: "h0Le5665438",
  location_id: "4601896",
  manifest_file: MANIFEST,
  acquisition_datetime: "2026-01-21T10:25:27.115828+00:00",
  defocus: 4.8416e-7,
  detector_name: "BioQuantum K3",
  energy_filter: true,
  phase_plate: false,
  image_size_x: 2880,
  image_size_y: 2046,
  binning_x: 2,
  binning_y: 2,
  status: "none",
};

Deno.test("an original agent's night: told in its order, answered in its shape", async (t) => {
  await using rig = await smartemRig();
  const { must } = rig;

  await t.step("it asks how the backend is", async () => {
    const status = await must(200, "GET", "/status");
    assert.deepEqual([status.status, status.service], ["ok", "SmartEM Decisions API"]);
    assert.deepEqual(Object.keys(status.features), [
      "database_operations",
      "message_queue_publishing",
      "direct_db_writes",
    ]);
    const health = await must(200, "GET", "/health");
    assert.equal(health.services.database.status, "ok");
    assert.equal((await must(200, "GET", "/version")).service, "smartem-decisions");
  });

  await t.step("acquisition, then grid", async () => {
    assert.deepEqual(await must(201, "POST", "/acquisitions", ACQUISITION), {
      uuid: ACQUISITION.uuid,
      name: ACQUISITION.name,
      status: "started",
      start_time: "2026-01-21T10:15:00.123",
      end_time: null,
      paused_time: null,
      storage_path: ACQUISITION.storage_path,
      atlas_path: ACQUISITION.atlas_path,
      clustering_mode: ACQUISITION.clustering_mode,
      clustering_radius: "0.000012",
      instrument_model: null,
      instrument_id: null,
      computer_name: null,
    });
    assert.deepEqual(
      await must(201, "POST", `/acquisitions/${ACQUISITION.uuid}/grids`, GRID),
      { ...GRID, scan_start_time: null, scan_end_time: null },
    );
    assert.deepEqual(await must(200, "GET", "/acquisitions/grid-counts"), [
      { acquisition_uuid: ACQUISITION.uuid, grids_total: 1, grids_completed: 0 },
    ]);
  });

  await t.step("atlas with tiles, squares as a batch, where they lie on the tiles", async () => {
    const atlas = await must(201, "POST", `/grids/${GRID.uuid}/atlas`, ATLAS);
    assert.deepEqual({ ...atlas, tiles: null }, {
      uuid: "aTl4s",
      grid_uuid: GRID.uuid,
      atlas_id: "3436163",
      acquisition_date: "2026-01-21T09:17:53.987",
      storage_folder: ATLAS.storage_folder,
      description: null,
      name: "Atlas",
      tiles: null,
    });
    assert.deepEqual(atlas.tiles, TILES);
    const batch = await must(201, "POST", `/grids/${GRID.uuid}/gridsquares/batch`, {
      gridsquares: SQUARES,
    });
    assert.deepEqual(
      batch.gridsquares.map((one: { uuid: string }) => one.uuid),
      SQUARES.map(({ uuid }) => uuid),
    );
    const link = { center_x: 12, center_y: 30, size_width: 140, size_height: 134 };
    assert.deepEqual(
      await must(201, "POST", "/atlas-tiles/tiLe0/gridsquares", [
        { ...link, gridsquare_uuid: "sQ4590776" },
      ]),
      [{ atlastile_uuid: "tiLe0", gridsquare_uuid: "sQ4590776", ...link }],
    );
    assert.equal(await must(200, "POST", `/grids/${GRID.uuid}/registered`), true);
  });

  await t.step("a square's own file, its holes, and that these are all", async () => {
    const { lowmag: _lowmag, ...square } = SQUARES[0]!;
    const full = {
      ...square,
      lowmag: false,
      data_dir: "/dls/x/Images-Disc1/GridSquare_4590776",
      atlas_node_id: 4590776,
      state: "None",
      rotation: -0.400609,
      image_path: "/cygdrive/z/GridSquare_4590776/GridSquare_20260121_101901.xml",
      selected: true,
      unusable: false,
      stage_position_x: -4.2e-5,
      stage_position_y: -5.6e-4,
      stage_position_z: 1.1e-5,
    };
    const told = await must(200, "PUT", "/gridsquares/sQ4590776", full);
    assert.deepEqual(
      [told.state, told.selected, told.atlas_node_id, told.data_dir, told.center_x],
      ["None", true, 4590776, full.data_dir, 1200],
    );
    const holes = await must(201, "POST", "/gridsquares/sQ4590776/foilholes", HOLES);
    assert.deepEqual(
      holes.map((one: Record<string, unknown>) => [one.uuid, one.x_location, one.status]),
      [["h0Le5665438", 1396, "none"], ["h0Le5665439", 1397, "none"]],
    );
    assert.equal(await must(200, "POST", "/gridsquares/sQ4590776/registered?count=2"), true);
    assert.equal(
      (await must(200, "GET", "/gridsquares/sQ4590776")).status,
      "all foil holes registered",
    );
    const onSquare = await must(
      200,
      "GET",
      "/gridsquares/sQ4590776/foilholes?on_square_only=true",
    );
    assert.deepEqual(onSquare.map((one: { uuid: string }) => one.uuid), ["h0Le5665438"]);
  });

  await t.step("a hole's image adds its centre and takes neither place nor bar away", async () => {
    await must(200, "PUT", "/foilholes/h0Le5665439", {
      uuid: "h0Le5665439",
      foilhole_id: "5665439",
      gridsquare_id: "4590776",
      gridsquare_uuid: "sQ4590776",
      center_x: 2000.5,
      center_y: 1990.25,
      quality: 0.79257,
      rotation: -3.08619,
      size_width: 800.1,
      size_height: 799.9,
      is_near_grid_bar: false,
    });
    const hole = await must(200, "GET", "/foilholes/h0Le5665439");
    assert.deepEqual(
      [hole.quality, hole.x_location, hole.is_near_grid_bar],
      [0.79257, 1397, true],
    );
  });

  await t.step("a micrograph, and what processing says of it", async () => {
    const made = await must(201, "POST", "/foilholes/h0Le5665438/micrographs", MICROGRAPH);
    assert.deepEqual(
      [made.uuid, made.foilhole_uuid, made.acquisition_datetime, made.status, made.high_res_path],
      ["m1cr0", "h0Le5665438", "2026-01-21T10:25:27.115", "none", ""],
    );
    assert.deepEqual(
      await must(202, "POST", "/micrographs/m1cr0/motion_correction/completed", {
        total_motion: 12.5,
        average_motion: 0.3,
      }),
      { published: true },
    );
    await must(202, "POST", "/micrographs/m1cr0/ctf_estimation/completed", { ctf_max_res: 3.4 });
    await must(202, "POST", "/micrographs/m1cr0/ctf_estimation/registered", { quality: true });
    await must(200, "PUT", "/micrographs/m1cr0", {
      number_of_particles_picked: 300,
      number_of_particles_selected: 180,
      number_of_particles_rejected: 120,
    });
    const now = await must(200, "GET", "/micrographs/m1cr0");
    assert.deepEqual(
      [
        now.status,
        now.total_motion,
        now.average_motion,
        now.ctf_max_resolution_estimate,
        now.number_of_particles_picked,
        now.number_of_particles_selected,
      ],
      ["particle selection completed", 12.5, 0.3, 3.4, 300, 180],
    );
    assert.equal(
      (await must(200, "GET", "/foilholes/h0Le5665438")).status,
      "micrographs detected",
    );
  });

  await t.step("it listens, is told something, and answers", async () => {
    const session = await must(200, "POST", "/debug/sessions/create", {
      session_id: "night-1",
      agent_id: "epu-1",
      acquisition_uuid: ACQUISITION.uuid,
      name: "night",
    });
    assert.deepEqual([session.session_id, session.status], ["night-1", "created"]);
    const stream = await EventReader.open(
      `${rig.url}/agent/epu-1/session/night-1/instructions/stream`,
    );
    const connection = (await stream.next("connection"))!.data;
    assert.deepEqual([connection.type, connection.status], ["connection", "connected"]);
    const made = await must(200, "POST", "/debug/session/night-1/create-instruction", {
      instruction_type: "microscope.control.reorder_gridsquares",
      payload: { gridsquare_ids: ["4590791", "4590776"], priority: "high", reason: "ice" },
      priority: "high",
    });
    const told = (await stream.next("instruction"))!;
    assert.equal(told.id, made.instruction_id);
    assert.deepEqual(Object.keys(told.data).sort(), [
      "agent_id",
      "created_at",
      "expires_at",
      "instruction_id",
      "instruction_type",
      "metadata",
      "payload",
      "priority",
      "sequence_number",
      "session_id",
      "type",
    ]);
    assert.deepEqual(told.data.payload, {
      gridsquare_ids: ["4590791", "4590776"],
      priority: "high",
      reason: "ice",
    });
    const ack = `/agent/epu-1/session/night-1/instructions/${made.instruction_id}/ack`;
    for (const status of ["received", "processed", "processed", "received"]) {
      const answer = await must(200, "POST", ack, {
        status,
        result: null,
        error_message: null,
        processing_time_ms: 3,
        processed_at: "2026-01-21T10:30:00",
      });
      assert.deepEqual([answer.status, answer.instruction_id], ["success", made.instruction_id]);
    }
    const beat = await must(200, "POST", "/agent/epu-1/session/night-1/heartbeat");
    assert.equal(beat.connection_id, connection.connection_id);
    assert.deepEqual(
      await must(200, "POST", "/agent/epu-1/session/night-1/logs", {
        logs: [{
          timestamp: "2026-01-21T10:30:00.5",
          level: "INFO",
          logger_name: "smartem_agent",
          message: "x".repeat(45_000),
        }],
      }),
      { stored: 1 },
    );
    const list = await must(200, "GET", "/debug/session/night-1/instructions");
    assert.deepEqual(
      [list.total_instructions, list.instructions[0].status, list.acknowledgement_statistics],
      [1, "acknowledged", { processed: 1 }],
    );
    await stream.close();
  });

  await t.step("the end: the grid is completed, and counted as such", async () => {
    await must(200, "PUT", `/acquisitions/${ACQUISITION.uuid}`, { status: "completed" });
    assert.equal((await must(200, "GET", "/acquisitions/grid-counts"))[0].grids_completed, 1);
  });
  assert.deepEqual(rig.instrument.complaints, []);
});
