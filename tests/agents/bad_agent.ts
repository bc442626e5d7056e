/**
 * An agent that breaks the contract in the way its argument names. It speaks the wire by hand, because the
 * harness would not let it.
 */
const [mode = "good", name = "bad_agent"] = Deno.args;
const encoder = new TextEncoder();

function write(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
function say(message: Record<string, unknown>): void {
  write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
}

const DEVICE = {
  deviceId: "stirrer",
  label: "Stirrer",
  component: "stirrer",
  kind: "actuator",
  bus: "pwm",
  simulated: true,
  description: "",
  channels: [],
  operations: [{ op: "set", label: "Set", args: {} }],
  safeState: { duty: 0 },
};
const SAFE = { setpoint: { duty: 0 }, readback: { duty: 0 }, safe: true };

function answer(id: number, method: string): void {
  switch (method) {
    case "start":
      return say({
        id,
        result: { devices: [DEVICE], outcomes: [{ deviceId: "stirrer", ok: true, ...SAFE }] },
      });
    case "safe":
      return say({ id, result: { outcomes: [{ deviceId: "stirrer", ok: true, ...SAFE }] } });
    case "command":
      return say({
        id,
        result: { setpoint: { duty: 1 }, readback: { duty: 1 }, safe: false, readings: [] },
      });
    default:
      return say({ id, result: {} });
  }
}

function misbehave(id: number, method: string): void {
  switch (mode) {
    case "twice":
      answer(id, method);
      return answer(id, method);
    case "late":
      // Answers a command only when the next ask arrives.
      held.push(() => answer(id, method));
      return;
    case "hang":
      for (;;) { /* stuck in a blocking call */ }
    case "deaf":
      return;
    case "garbage":
      write("not json\n[1,2]\n{}\n\u0000\n");
      say({ id: 999_999, result: {} });
      say({ method: "readings", params: { readings: "none" } });
      return answer(id, method);
    case "babble":
      for (;;) write("blah blah\n");
    case "half":
      write('{"jsonrpc":"2.0","id":');
      return Deno.exit(0);
    case "huge":
      write("x".repeat(10 * 1024 * 1024));
      write("\n");
      return answer(id, method);
    case "crash":
      return Deno.exit(3);
    case "wrong-answer":
      return say({ id, result: { setpoint: "nonsense" } });
    case "noisy":
      for (let i = 0; i < 5000; i++) console.error(`noise ${i}`);
      console.error(JSON.stringify({ level: "error", message: "structured", code: 7 }));
      return answer(id, method);
    default:
      return answer(id, method);
  }
}
const held: (() => void)[] = [];

if (mode === "exit") Deno.exit(3);
if (mode !== "silent") {
  say({
    method: "hello",
    params: { v: mode === "old" ? 0 : 1, agent: name, pid: Deno.pid, devices: [] },
  });
}
let text = "";
const decoder = new TextDecoder();
for await (const chunk of Deno.stdin.readable) {
  text += decoder.decode(chunk, { stream: true });
  const lines = text.split("\n");
  text = lines.pop()!;
  for (const line of lines) {
    const { id, method } = JSON.parse(line);
    if (id === undefined) continue;
    for (const act of held.splice(0)) act();
    if (method === "command") misbehave(id, method);
    else if (mode === "deaf-to-pings" && method === "ping") continue;
    else answer(id, method);
  }
}
