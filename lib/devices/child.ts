import { bwrapCommand, type Sandbox } from "./bwrap.ts";
import { killTree } from "./kill_tree.ts";

/** One agent to run: how its process is started and what it is told. */
export interface AgentSpec {
  /** As it names itself in `hello`. */
  readonly name: string;
  /** Program and arguments; permissions are among them. */
  readonly command: readonly [string, ...string[]];
  /** All of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its own configuration, checked by it. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Runs it inside bubblewrap. */
  readonly sandbox?: Sandbox;
}

/** What the supervisor needs of a process. */
export interface Child {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly status: Promise<{ readonly code: number; readonly signal: string | null }>;
  /** Ends it at once, with everything it started. */
  kill(): void;
}

/** @throws {Error} when the program cannot be started. */
export type Spawn = (spec: AgentSpec) => Child;

/** A child process with the environment of its spec and nothing else, inside `bwrap` when the spec says so. */
export const spawnChild: Spawn = (spec) => {
  const [program, ...args] = spec.sandbox === undefined
    ? spec.command
    : bwrapCommand(spec.command, spec.sandbox);
  const child = new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { ...spec.env },
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    status: child.status,
    kill: () => killTree(child),
  };
};
