/**
 * Scripts drive a bioreactor with this.
 *
 * ```ts
 * import { Bioreactor, measureAllData, writeDataToCsv } from "bioreactor_client";
 *
 * await using bio = await Bioreactor.connect();
 * writeDataToCsv(await measureAllData(bio));
 * ```
 *
 * No dependency; needs the network on the instrument's address, reading and writing of `OUTPUT_DIR`, and
 * the environment's `BIOREACTOR_NODE_API_URL`, `EXPERIMENT_TOKEN`, `EXPERIMENT_ID`, `OUTPUT_DIR`,
 * `PARAMETERS`.
 */
export {
  Bioreactor,
  type PeltierState,
  type RingLightState,
  type StirrerState,
} from "./bioreactor.ts";
export { BioreactorClient, type Colour, type Reply } from "./client.ts";
export { type Column, COLUMNS, type ColumnType } from "./columns.ts";
export {
  balancedFlow,
  pidController,
  type PidOptions,
  type RingLightCycle,
  ringLightCycle,
  sleep,
} from "./control.ts";
export { type CsvForm, type CsvOptions, type FieldValue, type Row, writeDataToCsv } from "./csv.ts";
export {
  ApiAway,
  BioreactorError,
  CommandFailed,
  DeviceHeld,
  type ErrorFacts,
  ExperimentHolding,
  InstrumentStopped,
  JobFailed,
  NotAllowed,
  OutOfRange,
  SensorFault,
  StopIncomplete,
  UnknownComponent,
} from "./errors.ts";
export { parameters } from "./experiment.ts";
export { type Job, type JobCall, type JobCounts, type Jobs, type RunOptions } from "./jobs.ts";
export { measureAllData, measureAndWriteSensorData } from "./measuring.ts";
export { type RelayState } from "./native.ts";
export { type Reading } from "./readings.ts";
export { type ApiOptions } from "./transport.ts";
