import type { Container } from "../lib/experiments/model.ts";

/** An engine that does not answer must not keep an end from being written. */
const ANSWER_MS = 10_000;

/**
 * Ends a container and all in it. Its processes are no descendants of ours, but of the engine's, so only the
 * engine can.
 */
export function killContainer(container: Container): Promise<string | null> {
  return ask(container, ["kill", "--signal", "KILL", container.name]);
}

/** Whether the kernel ended it for want of memory. To be asked before it is removed. */
export async function wasOomKilled(container: Container): Promise<boolean> {
  const args = ["inspect", "--format", "{{.State.OOMKilled}}", container.name];
  return (await ask(container, args))?.trim() === "true";
}

/** Takes away what is left of it, running or not; none at all is as good. */
export async function removeContainer(container: Container): Promise<void> {
  await ask(container, ["rm", "--force", container.name]);
}

/** What the engine says, or `null` when it fails or does not answer. */
async function ask({ program, env }: Container, args: string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args,
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(ANSWER_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch {
    return null;
  }
}
