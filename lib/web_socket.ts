import { Problem } from "./problem.ts";

/**
 * Turns the request's connection into a WebSocket. Its response must be given on as it is, and the request
 * not be looked at again: a listener whose upgraded connection comes back as anything else is lost.
 * @throws {Problem} `invalid-request` for what is no handshake
 */
export function upgraded(request: Request): { socket: WebSocket; response: Response } {
  try {
    return Deno.upgradeWebSocket(request);
  } catch (cause) {
    throw new Problem("invalid-request", "This is no WebSocket handshake", {}, { cause });
  }
}
