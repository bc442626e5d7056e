export * from "./model.ts";
export { isFinished, isTarget } from "./counts.ts";
export { Epu, type EpuOptions } from "./service.ts";
export {
  type AcquisitionsQuery,
  EpuStore,
  type FilesQuery,
  type FindingsQuery,
  type HolesQuery,
  type MicrographsQuery,
  type OrphansQuery,
  type Page,
  PAGE_MAX,
  type SquaresQuery,
} from "./store.ts";
