import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LineSplitter } from "../lib/devices/wire.ts";
import { testAgent, WAYS } from "../tests/agents/commands.ts";
import type { PermissionSet } from "./permissions.ts";

// deno-lint-ignore no-explicit-any
type Message = any;

/** A real agent process, spoken to over its pipes. */
class Spoken implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly said: Message[] = [];
  #heard = Promise.withResolvers<void>();
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reading: Promise<void>;

  constructor(way: typeof WAYS[number], permissions: PermissionSet) {
    const { command: [program, ...args], env } = testAgent(way, permissions);
    this.child = new Deno.Command(program, {
      args,
      env: { ...env },
      clearEnv: true,
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.child.stdin.getWriter();
    this.#reading = this.#read();
  }
  async #read(): Promise<void> {
    const splitter = new LineSplitter();
    for await (const chunk of this.child.stdout) {
      for (const line of splitter.push(chunk)) {
        if (line.kind === "line") this.said.push(JSON.parse(line.text));
      }
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    }
    this.#heard.resolve();
  }
  async until(match: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.said.find(match);
      if (found !== undefined) return found;
      await this.#heard.promise;
    }
  }
  async ask(id: number, method: string, params: unknown = {}): Promise<Message> {
    const line = JSON.stringify({ jsonrpc: "2.0", v: 1, id, method, params }) + "\n";
    await this.#writer.write(new TextEncoder().encode(line));
    return await this.until((message) => message.id === id);
  }
  start(config: Record<string, unknown> = {}): Promise<Message> {
    return this.ask(1, "start", { config, fences: {}, parentPid: Deno.pid });
  }
  closeInput(): Promise<void> {
    return this.#writer.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#writer.abort().catch(() => {});
    await this.child.status;
    await this.#reading;
  }
}

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "holdfast-agent-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

for (const way of WAYS) {
  Deno.test(`${way}: an agent without permissions can read, write, run, reach and load nothing`, async () => {
    using dir = folder();
    const secret = join(dir.path, "secret");
    writeFileSync(secret, "secret");
    await using agent = new Spoken(way, {});
    await agent.start();
    const { result } = await agent.ask(2, "probe", { path: secret });
    assert.deepEqual(result, {
      read: "NotCapable",
      write: "NotCapable",
      env: "NotCapable",
      run: "NotCapable",
      net: "NotCapable",
      ffi: "NotCapable",
      request: "denied",
      worker: "NotCapable",
    });
  });

  Deno.test(`${way}: an agent reads what its set names and nothing beside it`, async () => {
    using dir = folder();
    const own = join(dir.path, "own");
    const other = join(dir.path, "other");
    writeFileSync(own, "own");
    writeFileSync(other, "other");
    await using agent = new Spoken(way, { read: [own] });
    await agent.start();
    assert.equal((await agent.ask(2, "probe", { path: own })).result.read, "allowed");
    assert.equal((await agent.ask(3, "probe", { path: other })).result.read, "NotCapable");
    assert.equal((await agent.ask(4, "probe", { path: own })).result.worker, "NotCapable");
  });

  for (const how of ["its stdin closes", "SIGTERM comes"] as const) {
    Deno.test(`${way}: when ${how} an agent brings its devices to safe and ends within half a second`, async () => {
      using dir = folder();
      const stateFile = join(dir.path, "outputs.json");
      await using agent = new Spoken(way, { write: [stateFile] });
      await agent.start({ stateFile });
      const params = { deviceId: "stirrer", op: "set", args: { duty: 30 }, fence: 0 };
      await agent.ask(2, "command", { ...params, deadlineMs: 5000 });
      assert.equal(JSON.parse(readFileSync(stateFile, "utf8")).stirrer, 30);
      const startMs = performance.now();
      if (how === "SIGTERM comes") agent.child.kill("SIGTERM");
      else await agent.closeInput();
      const { code } = await agent.child.status;
      const tookMs = performance.now() - startMs;
      assert.equal(JSON.parse(readFileSync(stateFile, "utf8")).stirrer, 0);
      assert.equal(code, 0);
      // Half a second is the agent's own limit; the rest is this machine's.
      assert.ok(tookMs < 1500, `${tookMs} ms`);
    });
  }

  Deno.test(`${way}: an agent whose safe state hangs ends all the same, and not as if it had succeeded`, async () => {
    await using agent = new Spoken(way, {});
    await agent.start({ safeMs: 60_000 });
    const startMs = performance.now();
    await agent.closeInput();
    const { code } = await agent.child.status;
    assert.equal(code, 1);
    assert.ok(performance.now() - startMs < 1500);
  });

  Deno.test(`${way}: Ctrl-C in the terminal does not end an agent before its runtime does`, async () => {
    await using agent = new Spoken(way, {});
    await agent.start();
    agent.child.kill("SIGINT");
    agent.child.kill("SIGHUP");
    assert.deepEqual((await agent.ask(2, "ping")).result, {});
  });
}
