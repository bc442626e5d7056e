/**
 * Takes the lock on the stirrer again and again and drives it as fast as it can, over HTTP, until it is told
 * to end by a line on its stdin: `lock_driver.ts URL NAME`. Every duty it asks for is one nobody else asks
 * for: the fence of its lock and a count. Prints `granted <fence>`, `accepted <duty>` and `refused <duty>
 * <code>`. It does not look at its lease, as a program that was stopped in between does not.
 */
const [url, name] = Deno.args as [string, string];
const LEASE_MS = 400;
const COMMANDS = 20;

const encoder = new TextEncoder();
const say = (line: string) => Deno.stdout.writeSync(encoder.encode(`${line}\n`));

let ending = false;
Deno.stdin.read(new Uint8Array(8)).then(() => ending = true);

async function post(path: string, body: unknown, key?: string) {
  const reply = await fetch(`${url}/api/v1${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-lock-client": name,
      ...(key === undefined ? {} : { "x-lock-key": key }),
    },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

while (!ending) {
  const taken = await post("/locks", {
    devices: ["stirrer"],
    type: "MANUAL_OPERATOR",
    lease_ms: LEASE_MS,
    wait_ms: 2000,
  });
  if (taken.status !== 201) continue;
  const { id, key, fences } = taken.body;
  say(`granted ${fences.stirrer}`);
  for (let count = 1; count <= COMMANDS && !ending; count++) {
    // 0 to 100 is what the stirrer takes.
    const duty = (fences.stirrer * 100 + count) / 1e6;
    const set = await post("/devices/stirrer/commands", { op: "set", args: { duty } }, key);
    say(set.status === 200 ? `accepted ${duty}` : `refused ${duty} ${set.body.code}`);
  }
  await post(`/locks/${id}/release`, {}, key);
}
Deno.exit(0);
