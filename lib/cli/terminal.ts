import type { CliHost } from "./command.ts";

/** The host for a process at a terminal; `main.ts` adds what only it can give. */
export function terminalHost(
  own: Pick<CliHost, "version" | "env" | "serve" | "agent">,
): CliHost {
  return {
    ...own,
    cwd: Deno.cwd(),
    out: (line) => writeLine(Deno.stdout, line),
    err: (line) => writeLine(Deno.stderr, line),
    readSecret,
  };
}

function writeLine(to: { writeSync(bytes: Uint8Array): number }, line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  try {
    for (let sent = 0; sent < bytes.length;) sent += to.writeSync(bytes.subarray(sent));
  } catch (error) {
    // "holdfast experiments list | head": the reader has enough.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

const ENTER = 10;
const RETURN = 13;
const END = 4;
const INTERRUPT = 3;
const BACKSPACES = [8, 127];

/** A line from a person, unseen and asked twice; from a pipe, its first line. */
async function readSecret(question: string): Promise<string> {
  if (!Deno.stdin.isTerminal()) return (await readLine(() => {})).trimEnd();
  const first = await askUnseen(`${question}: `);
  if (first === await askUnseen("Once more: ")) return first;
  writeLine(Deno.stderr, "The two differ; once again");
  return await readSecret(question);
}

async function askUnseen(question: string): Promise<string> {
  Deno.stderr.writeSync(new TextEncoder().encode(question));
  Deno.stdin.setRaw(true);
  try {
    return await readLine(() => {
      Deno.stdin.setRaw(false);
      Deno.exit(130);
    });
  } finally {
    Deno.stdin.setRaw(false);
    writeLine(Deno.stderr, "");
  }
}

/** Byte by byte, so that nothing behind the line's end is taken. */
async function readLine(onInterrupt: () => void): Promise<string> {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  for (;;) {
    const count = await Deno.stdin.read(one);
    const byte = one[0]!;
    if (count === null || byte === ENTER || byte === RETURN || byte === END) break;
    if (byte === INTERRUPT) onInterrupt();
    else if (BACKSPACES.includes(byte)) dropCharacter(bytes);
    else bytes.push(byte);
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function dropCharacter(bytes: number[]): void {
  // A UTF-8 character ends at its first byte, which is no continuation (10xxxxxx).
  while (bytes.length > 0 && (bytes.pop()! & 0xc0) === 0x80);
}
