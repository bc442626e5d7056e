import assert from "node:assert/strict";
import { ManualClock } from "../../clock.ts";
import { silentLog } from "../../log.ts";
import { InstructionChannel } from "./instructions.ts";

interface Asked {
  readonly path: string;
  readonly token: string | null;
  readonly body: Record<string, unknown>;
}

/** A backend that holds streams open, says what the test says, and keeps what it is told. */
function backend() {
  const streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  const asked: Asked[] = [];
  const bytes = new TextEncoder();
  let wake = () => {};
  let refuses = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname;
    const token = request.headers.get("authorization");
    if (request.method === "GET") {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void streams.push(controller),
      });
      wake();
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    }
    if (refuses > 0) {
      refuses--;
      await request.body?.cancel();
      return new Response("", { status: 503 });
    }
    asked.push({ path, token, body: await request.json() });
    wake();
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    streams,
    asked,
    refuse: (times: number) => refuses = times,
    say: (text: string) => streams.at(-1)!.enqueue(bytes.encode(text)),
    instruct: (id: string, type: string, more: object = {}) => {
      const data = { type: "instruction", instruction_id: id, instruction_type: type, ...more };
      streams.at(-1)!.enqueue(bytes.encode(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`));
    },
    acks: () => asked.filter(({ path }) => path.endsWith("/ack")),
    /** Resolves once it passes; looked at whenever something was asked. */
    async until(passes: () => boolean): Promise<void> {
      while (!passes()) await new Promise<void>((resolve) => wake = resolve);
    },
    close: () => server.shutdown(),
  };
}

async function rig(
  work: (it: { remote: ReturnType<typeof backend>; clock: ManualClock }) => Promise<void>,
  silenceMs = 35_000,
): Promise<void> {
  const remote = backend();
  const clock = new ManualClock();
  const ended = new AbortController();
  const running = new InstructionChannel({
    url: remote.url,
    token: "secret",
    agentId: "agent 1",
    sessionId: "s/1",
    heartbeatMs: 60_000,
    silenceMs,
    clock,
    log: silentLog,
    status: () => Promise.resolve({ micrographs: 7 }),
  }).run(ended.signal);
  try {
    await remote.until(() => remote.streams.length === 1);
    await work({ remote, clock });
  } finally {
    ended.abort();
    await running;
    await remote.close();
  }
}

const BASE = "/agent/agent%201/session/s%2F1";

Deno.test("what asks for knowledge is answered, what moves a microscope and what has expired is declined", async () => {
  await rig(async ({ remote, clock }) => {
    remote.instruct("1", "agent.status.request");
    remote.instruct("2", "microscope.control.move_stage", { payload: { x: 1 } });
    const past = new Date(clock.nowMs() - 1).toISOString();
    remote.instruct("3", "agent.info.x", { expires_at: past });
    remote.instruct("4", "agent.info.x", { expires_at: past.replace("Z", "+00:00") });
    remote.instruct("5", "agent.info.x", { expires_at: past.replace("Z", "") });
    const later = new Date(clock.nowMs() + 60_000).toISOString();
    remote.instruct("6", "agent.info.x", { expires_at: later.replace("Z", "") });
    await remote.until(() => remote.acks().length === 6);
    const acks = remote.acks();
    assert.deepEqual(
      acks.map(({ path }) => path),
      [1, 2, 3, 4, 5, 6].map((id) => {
        return `${BASE}/instructions/${id}/ack`;
      }),
    );
    assert.deepEqual(acks.map(({ body }) => body.status), [
      "processed",
      "declined",
      "declined",
      "declined",
      "declined",
      "processed",
    ]);
    assert.deepEqual(JSON.parse(String(acks[0]!.body.result)), { micrographs: 7 });
    assert.match(String(acks[1]!.body.error_message), /moves no microscope/);
    assert(acks.every(({ token }) => token === "Bearer secret"));
  });
});

Deno.test("a message in pieces, noise between messages and a line that is no JSON are all lived with", async () => {
  await rig(async ({ remote }) => {
    const data = JSON.stringify({
      type: "instruction",
      instruction_id: "é",
      instruction_type: "agent.status.request",
    });
    remote.say(": ping\r\n\r\ndata: no json\n\nevent: x\n\n");
    const [head, tail] = [data.slice(0, 20), data.slice(20)];
    remote.say(`data: ${head}`);
    remote.say(`${tail}\r\n`);
    remote.say("\r\n");
    await remote.until(() => remote.acks().length === 1);
    assert.equal(remote.acks()[0]!.path, `${BASE}/instructions/%C3%A9/ack`);
  });
});

Deno.test("it tells that it lives, and opens the stream again when it ends or falls silent", async () => {
  await rig(async ({ remote, clock }) => {
    const reopened = async (streams: number) => {
      const there = remote.until(() => remote.streams.length === streams);
      let isThere = false;
      there.then(() => isThere = true);
      while (!isThere) {
        await clock.advance(1000);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    const beats = () => remote.asked.filter(({ path }) => path === `${BASE}/heartbeat`);
    remote.say(`data: {"type":"connection","connection_id":"c1"}\n\n`);
    await remote.until(() => beats().length === 1);
    assert.equal(beats()[0]!.body.connection_id, "c1");
    // Nothing is said for 35 s.
    await reopened(2);
    remote.streams.at(-1)!.close();
    await reopened(3);
    remote.instruct("9", "agent.status.request");
    await remote.until(() => remote.acks().length === 1);
  });
});

Deno.test("an answer that the backend could not take is given again", async () => {
  await rig(async ({ remote, clock }) => {
    remote.refuse(2);
    remote.instruct("1", "agent.status.request");
    let isTaken = false;
    remote.until(() => remote.acks().length === 1).then(() => isTaken = true);
    while (!isTaken) {
      await clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.equal(remote.acks()[0]!.body.status, "processed");
  }, 1e12);
});
