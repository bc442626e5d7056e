/**
 * The way from a run to the runtime's API and to nothing else: it listens on a unix socket in the run
 * folder (bound into the sandbox, which has no network) or on a loopback port, and forwards each
 * connection to the address that `api.json` names at that moment, so that a restarted runtime is found
 * again. While the runtime is away a connection gets a 503 that clients know to repeat.
 */
export interface Relay extends Disposable {
  /** Loopback port it listens on; `null` for a unix socket. */
  readonly port: number | null;
}

const CONNECTIONS_MAX = 128;

const AWAY_BODY = JSON.stringify({
  type: "/problems/store-unavailable",
  title: "The instrument's runtime is away",
  status: 503,
  detail: "The runtime does not answer; it may be restarting. Ask again",
  code: "api_away",
});
const AWAY = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n" +
  `Content-Length: ${AWAY_BODY.length}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n${AWAY_BODY}`;

/** Starts the relay. `target` is asked for the API's address at each connection. */
export function startRelay(
  where: { kind: "unix"; path: string } | { kind: "tcp" },
  target: () => { hostname: string; port: number } | null,
): Relay {
  const listener = where.kind === "unix"
    ? Deno.listen({ transport: "unix", path: where.path })
    : Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async () => {
    for (;;) {
      let client: Deno.Conn;
      try {
        client = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return;
        }
        // Out of file descriptors, most likely: those open now will end.
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      if (open.size >= 2 * CONNECTIONS_MAX) {
        client.close();
        continue;
      }
      open.add(client);
      forward(client, target, open).finally(() => open.delete(client));
    }
  };
  serve();
  return {
    port: listener.addr.transport === "tcp" ? (listener.addr as Deno.NetAddr).port : null,
    [Symbol.dispose]() {
      listener.close();
      for (const conn of open) closeQuietly(conn);
    },
  };
}

async function forward(
  client: Deno.Conn,
  target: () => { hostname: string; port: number } | null,
  open: Set<Deno.Conn>,
): Promise<void> {
  let api: Deno.Conn;
  try {
    const address = target();
    if (address === null) throw new Deno.errors.ConnectionRefused();
    api = await Deno.connect(address);
  } catch {
    await tellAway(client);
    return;
  }
  open.add(api);
  try {
    await Promise.all([copy(client, api), copy(api, client)]);
  } catch {
    // One side broke off: so does the other, and the client sees it.
  } finally {
    open.delete(api);
    closeQuietly(api);
    closeQuietly(client);
  }
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65536);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) break;
    for (let done = 0; done < count;) done += await to.write(buffer.subarray(done, count));
  }
  await to.closeWrite();
}

async function tellAway(client: Deno.Conn): Promise<void> {
  try {
    // Its request is read first: closing a socket with unread bytes would reset the answer away.
    await client.read(new Uint8Array(65536));
    await client.write(new TextEncoder().encode(AWAY));
    await client.closeWrite();
  } catch {
    // It did not wait for the answer.
  } finally {
    closeQuietly(client);
  }
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
