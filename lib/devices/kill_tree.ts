/**
 * SIGKILL to a process and to all it started. A wrapper such as `bwrap` would otherwise die alone and
 * leave the agent behind it alive.
 */
export function killTree(child: Deno.ChildProcess): void {
  const pids = descendants(child.pid);
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself meanwhile.
  }
  for (const pid of pids) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // Ended meanwhile, or with its parent.
    }
  }
}

/** Children of `pid` and theirs, as Linux lists them; none elsewhere, where nothing wraps an agent. */
function descendants(pid: number): number[] {
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined && found.length < 1000; next = queue.shift()) {
    let text: string;
    try {
      text = Deno.readTextFileSync(`/proc/${next}/task/${next}/children`);
    } catch {
      continue;
    }
    const children = text.trim().split(/\s+/).filter((one) => one !== "").map(Number);
    found.push(...children);
    queue.push(...children);
  }
  return found;
}
