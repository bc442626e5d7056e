import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const KEEPER = fileURLToPath(new URL("./port_keeper.ts", import.meta.url));
/** Files the keeper may have open; more connections than that take its listener away. */
const FILES = 100;
/** Two attempts to open the port again lie well within. */
const ENOUGH_MS = 15_000;

Deno.test("a port that was lost to a flood of connections is opened again", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const keeper = new Deno.Command("/bin/sh", {
    args: ["-c", `ulimit -n ${FILES}; exec "$@"`, "sh", Deno.execPath(), "run", "-A", KEEPER],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(keeper.stderr).text();
  const lines = keeper.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number((await lines.read()).value);
  const url = `http://127.0.0.1:${port}/`;
  // A connection that is kept would be answered without the port.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const ask = () => fetch(url, { client }).then((reply) => reply.text(), () => "");
  assert.equal(await ask(), "here");

  const flood: Deno.Conn[] = [];
  try {
    while (flood.length < 2 * FILES) {
      flood.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    }
  } catch (error) {
    const { ConnectionRefused, ConnectionReset } = Deno.errors;
    assert(error instanceof ConnectionRefused || error instanceof ConnectionReset, String(error));
  }
  for (const one of flood) one.close();

  const lateMs = performance.now() + ENOUGH_MS;
  let answer = "";
  while (answer === "" && performance.now() < lateMs) answer = await ask();
  await keeper.stdin.close();
  const status = await keeper.status;
  await lines.cancel();
  assert.equal(answer, "here", await said);
  assert.equal(status.code, 0);
  assert.match(await said, /the port is open again/);
});
