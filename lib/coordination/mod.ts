export { Coordination, type CoordinationOptions, type Reply } from "./service.ts";
