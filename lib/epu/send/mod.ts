/** Passing on what is known to a SmartEM API elsewhere. */
export { httpRemote, type Remote, RemoteError } from "./remote.ts";
export { Sender, type SenderOptions } from "./sender.ts";
