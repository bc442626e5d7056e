import {
  BodyFaults,
  bool,
  choice,
  fallback,
  type Field,
  type FieldFault,
  float,
  integer,
  optional,
  readBody,
  text,
} from "../fastapi.ts";
import {
  ACQUISITION_STATUS,
  GRID_STATUS,
  HOLE_STATUS,
  MICROGRAPH_STATUS,
  SQUARE_STATUS,
} from "./model.ts";

/** Bodies of the SmartEM API. Fields that a caller leaves out are absent, not `null`: `null` clears. */
type Fields = Record<string, Field<unknown>>;
type Optional<F extends Fields> = {
  [K in keyof F]?: F[K] extends Field<infer T> ? T : never;
};
/** Required fields are those without a default. */
type Given<F extends Fields, R extends keyof F> =
  & Optional<F>
  & { [K in R]: F[K] extends Field<infer T> ? T : never };

/** @throws {BodyFaults} naming everything that is wrong. */
export function given<F extends Fields, R extends keyof F = never>(
  body: unknown,
  fields: F,
): Given<F, R> {
  const values = readBody(body, fields) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => Object.hasOwn(body as object, name)),
  ) as Given<F, R>;
}

/** A list of such bodies; `at` is where in the request it stands. */
export function givenList<F extends Fields, R extends keyof F = never>(
  list: unknown,
  fields: F,
  at: readonly (string | number)[] = ["body"],
): Given<F, R>[] {
  if (!Array.isArray(list)) {
    const isMissing = list === undefined || list === null;
    throw new BodyFaults([{
      type: isMissing ? "missing" : "list_type",
      loc: [...at],
      msg: isMissing ? "Field required" : "Input should be a valid list",
      input: list ?? null,
    }]);
  }
  const faults: FieldFault[] = [];
  const values = list.flatMap((item, i) => {
    try {
      return [given<F, R>(item, fields)];
    } catch (error) {
      if (!(error instanceof BodyFaults)) throw error;
      for (const one of error.detail) {
        faults.push({ ...one, loc: [...at, i, ...one.loc.slice(1)] });
      }
      return [];
    }
  });
  if (faults.length > 0) throw new BodyFaults(faults.slice(0, FAULTS_MAX));
  return values;
}

/** A list with a thousand mistakes is answered with the first ones. */
const FAULTS_MAX = 50;

/** Fields that the body may not have beside those named. @throws {BodyFaults} */
export function nothingElse(body: unknown, fields: Fields): void {
  if (typeof body !== "object" || body === null) return;
  const extra = Object.keys(body).filter((name) => !Object.hasOwn(fields, name));
  if (extra.length === 0) return;
  throw new BodyFaults(extra.map((name) => ({
    type: "extra_forbidden",
    loc: ["body", name],
    msg: "Extra inputs are not permitted",
    input: (body as Record<string, unknown>)[name],
  })));
}

/** One thing that is wrong with a body whose fields fit. */
export function wrong(name: string | null, why: string, input: unknown): BodyFaults {
  return new BodyFaults([{
    type: "value_error",
    loc: name === null ? ["body"] : ["body", name],
    msg: `Value error, ${why}`,
    input: input ?? null,
  }]);
}

/** Epoch ms from ISO 8601; a time without a zone is UTC. */
export function datetime(): Field<number> {
  return {
    check(found) {
      const problem = {
        type: "datetime_parsing",
        msg: "Input should be a valid datetime, invalid character in year",
        ctx: { error: "invalid character in year" },
      };
      // As there: a number is seconds, or milliseconds when it is too large for those.
      if (typeof found === "number" && Number.isFinite(found)) {
        return { value: Math.round(Math.abs(found) > 2e10 ? found : found * 1000) };
      }
      if (typeof found !== "string") return problem;
      const parts =
        /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s*(Z|[+-]\d\d:?\d\d)?)?$/i
          .exec(found.trim());
      if (parts === null) return problem;
      const [, day, time = "00:00", zone = "Z"] = parts;
      const ms = Date.parse(`${day}T${time.replace(/(\.\d{3})\d+$/, "$1")}${withColon(zone)}`);
      return Number.isNaN(ms) ? problem : { value: ms };
    },
  };
}

function withColon(zone: string): string {
  return /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
}

/** An id that a caller invents; it goes into keys and addresses. */
function uuid(): Field<string> {
  return {
    check(found) {
      if (typeof found !== "string") {
        return { type: "string_type", msg: "Input should be a valid string" };
      }
      return found.length >= 1 && found.length <= 100 && !/[\p{Cc}/]/u.test(found)
        ? { value: found }
        : {
          type: "value_error",
          msg: "Value error, an id has 1 to 100 characters, no slash among them",
        };
    },
  };
}

/** EPU's own id: a whole number as text. */
function epuId(): Field<number> {
  return {
    check(found) {
      if (typeof found !== "string") {
        return { type: "string_type", msg: "Input should be a valid string" };
      }
      return /^\d{1,15}$/.test(found) ? { value: Number(found) } : {
        type: "value_error",
        msg: "Value error, EPU's ids are whole numbers",
      };
    },
  };
}

/** Text that stands for a number, as EPU writes lengths. */
function numberText(): Field<number> {
  const number = float();
  return {
    check(found) {
      if (typeof found !== "string") {
        return { type: "string_type", msg: "Input should be a valid string" };
      }
      return number.check(found);
    },
  };
}

const maybe = {
  text: () => optional(text()),
  float: () => optional(float()),
  int: () => optional(integer()),
  bool: () => optional(bool()),
  time: () => optional(datetime()),
};
const count = () => optional(integer({ ge: 0, le: 1_000_000 }));
const measure = () => optional(float({ ge: 0, le: 1_000_000 }));

export const acquisitionFields = {
  id: optional(epuId()),
  name: maybe.text(),
  status: optional(choice(...ACQUISITION_STATUS)),
  start_time: maybe.time(),
  end_time: maybe.time(),
  paused_time: maybe.time(),
  storage_path: maybe.text(),
  atlas_path: maybe.text(),
  clustering_mode: maybe.text(),
  clustering_radius: optional(numberText()),
  instrument_model: maybe.text(),
  instrument_id: maybe.text(),
  computer_name: maybe.text(),
};
export const newAcquisition = { ...acquisitionFields, uuid: uuid() };

export const gridFields = {
  name: maybe.text(),
  status: optional(choice(...GRID_STATUS)),
  data_dir: maybe.text(),
  atlas_dir: maybe.text(),
  scan_start_time: maybe.time(),
  scan_end_time: maybe.time(),
};
export const newGrid = { ...gridFields, uuid: uuid(), name: text(), acquisition_uuid: text() };

export const atlasFields = {
  atlas_id: optional(epuId()),
  grid_uuid: maybe.text(),
  acquisition_date: maybe.time(),
  storage_folder: maybe.text(),
  description: maybe.text(),
  name: maybe.text(),
};
export const newAtlas = { ...atlasFields, uuid: uuid(), grid_uuid: text(), name: text() };

export const tileFields = {
  tile_id: optional(epuId()),
  position_x: maybe.int(),
  position_y: maybe.int(),
  size_x: maybe.int(),
  size_y: maybe.int(),
  file_format: maybe.text(),
  base_filename: maybe.text(),
};
export const newTile = { ...tileFields, uuid: uuid(), tile_id: epuId(), atlas_uuid: text() };

export const linkFields = {
  center_x: integer(),
  center_y: integer(),
  size_width: integer(),
  size_height: integer(),
  gridsquare_uuid: maybe.text(),
};

export const squareFields = {
  data_dir: maybe.text(),
  atlas_node_id: maybe.int(),
  state: maybe.text(),
  rotation: maybe.float(),
  image_path: maybe.text(),
  selected: maybe.bool(),
  unusable: maybe.bool(),
  stage_position_x: maybe.float(),
  stage_position_y: maybe.float(),
  stage_position_z: maybe.float(),
  center_x: maybe.int(),
  center_y: maybe.int(),
  physical_x: maybe.float(),
  physical_y: maybe.float(),
  size_width: maybe.int(),
  size_height: maybe.int(),
  acquisition_datetime: maybe.time(),
  defocus: maybe.float(),
  magnification: maybe.float(),
  pixel_size: maybe.float(),
  detector_name: maybe.text(),
  applied_defocus: maybe.float(),
  status: optional(choice(...SQUARE_STATUS)),
  lowmag: fallback(bool(), false),
};
export const newSquare = {
  ...squareFields,
  uuid: uuid(),
  gridsquare_id: epuId(),
  grid_uuid: text(),
};

export const holeFields = {
  center_x: maybe.float(),
  center_y: maybe.float(),
  quality: maybe.float(),
  rotation: maybe.float(),
  size_width: maybe.float(),
  size_height: maybe.float(),
  x_location: maybe.int(),
  y_location: maybe.int(),
  x_stage_position: maybe.float(),
  y_stage_position: maybe.float(),
  diameter: maybe.int(),
  is_near_grid_bar: fallback(bool(), false),
  status: optional(choice(...HOLE_STATUS)),
};
export const newHole = {
  ...holeFields,
  uuid: uuid(),
  foilhole_id: epuId(),
  gridsquare_id: epuId(),
  gridsquare_uuid: text(),
};

export const micrographFields = {
  micrograph_id: maybe.text(),
  location_id: optional(epuId()),
  high_res_path: maybe.text(),
  manifest_file: maybe.text(),
  acquisition_datetime: maybe.time(),
  defocus: maybe.float(),
  detector_name: maybe.text(),
  energy_filter: maybe.bool(),
  phase_plate: maybe.bool(),
  image_size_x: maybe.int(),
  image_size_y: maybe.int(),
  binning_x: maybe.int(),
  binning_y: maybe.int(),
  total_motion: measure(),
  average_motion: measure(),
  ctf_max_resolution_estimate: measure(),
  number_of_particles_selected: count(),
  number_of_particles_rejected: count(),
  selection_distribution: maybe.text(),
  number_of_particles_picked: count(),
  pick_distribution: maybe.text(),
  status: optional(choice(...MICROGRAPH_STATUS)),
};
export const newMicrograph = { ...micrographFields, uuid: uuid(), foilhole_id: epuId() };

export const motionFields = {
  total_motion: float({ ge: 0, le: 1_000_000 }),
  average_motion: float({ ge: 0, le: 1_000_000 }),
};
export const ctfFields = { ctf_max_res: float({ ge: 0, le: 1_000_000 }) };
export const registeredFields = { quality: bool(), metric_name: maybe.text() };

export const modelFields = {
  description: maybe.text(),
  can_train: maybe.bool(),
  can_infer: maybe.bool(),
  can_update: maybe.bool(),
};
export const newModel = { ...modelFields, name: text() };

export const predictionFields = {
  value: float({ ge: 0, le: 1 }),
  prediction_model_name: text(),
  foilhole_uuid: maybe.text(),
  gridsquare_uuid: maybe.text(),
  metric_name: maybe.text(),
};

export const ackFields = {
  status: choice("received", "processed", "failed", "declined"),
  result: maybe.text(),
  error_message: maybe.text(),
  processing_time_ms: optional(integer({ ge: 0 })),
  processed_at: maybe.time(),
};

export const logFields = {
  timestamp: datetime(),
  level: text(),
  logger_name: text(),
  message: text(),
};

const anything: Field<unknown> = { check: (value) => ({ value }), absent: null };
export const sessionFields = {
  session_id: optional(uuid()),
  agent_id: fallback(uuid(), "test-agent"),
  acquisition_uuid: maybe.text(),
  name: maybe.text(),
  description: maybe.text(),
  experimental_parameters: anything,
};

export const instructionFields = {
  instruction_type: fallback(text(), "test.instruction"),
  payload: anything,
  sequence_number: maybe.int(),
  priority: fallback(choice("low", "normal", "high", "urgent"), "normal"),
  expires_in_minutes: optional(float({ ge: 0, le: 43_200 })),
  metadata: anything,
};
