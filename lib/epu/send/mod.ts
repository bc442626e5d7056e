/** Passing on what is known to a SmartEM API elsewhere. */
export {
  acquisitionBody,
  atlasBody,
  type Body,
  gridIdOf,
  holeBody,
  micrographBody,
  squareBody,
  tileBody,
  timeOf,
} from "./bodies.ts";
export { httpRemote, type Remote, RemoteError } from "./remote.ts";
export { Sender, type SenderOptions } from "./sender.ts";
