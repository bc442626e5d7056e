import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";

/** Between two attempts to open a port that was lost. */
const RETRY_MS = 1000;

/** A port that stays open. */
export interface Listening {
  readonly port: number;
  /** Takes no more requests; resolves when those under way have been answered. */
  shutdown(): Promise<void>;
}

export interface ListenOptions {
  readonly hostname: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Serves on a port until `shutdown`. Deno closes a listener for good when it cannot accept, such as when
 * this process has no file descriptor left; an instrument nobody can stop would go on. So it is opened again.
 * @throws {Deno.errors.AddrInUse} and what else `Deno.serve` refuses with, the first time
 */
export function keepListening(
  { hostname, port: wanted, clock, log }: ListenOptions,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Listening {
  let ending = false;
  let cancel = () => {};
  const open = (port: number) => Deno.serve({ hostname, port, onListen: () => {} }, handler);
  let server = open(wanted);
  const { port } = server.addr;

  function watch(): void {
    server.finished.catch((error) => error).then((error) => {
      if (ending) return;
      log.error("the port was lost; it is opened again", { port, error });
      again();
    });
  }
  function again(): void {
    try {
      server = open(port);
      log.info("the port is open again", { port });
      watch();
    } catch (error) {
      log.error("the port cannot be opened yet", { port, error });
      cancel = clock.timer(RETRY_MS, again);
    }
  }
  watch();
  return {
    port,
    async shutdown() {
      ending = true;
      cancel();
      await server.shutdown();
    },
  };
}
