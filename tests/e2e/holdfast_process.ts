import { join } from "node:path";

/** A Holdfast as a person starts it: a process of its own, gone with `await using`. */
export class HoldfastProcess implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly child: Deno.ChildProcess,
    private readonly said: Promise<void>,
    private readonly dir: string,
  ) {}

  /** Starts `main.ts serve` on a free port with a data folder of its own, and waits for its address. */
  static async start(env: Record<string, string> = {}): Promise<HoldfastProcess> {
    const root = join(import.meta.dirname!, "../..");
    const dir = await Deno.makeTempDir({ prefix: "holdfast-e2e-" });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(root, "main.ts"), "serve"],
      cwd: root,
      env: {
        HOLDFAST_PORT: "0",
        HOLDFAST_DATA: dir,
        HOLDFAST_DATA_DISK_FLOOR_MB: "1",
        HOLDFAST_LOG_LEVEL: "error",
        NO_COLOR: "1",
        ...env,
      },
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const said = listen(child.stdout, resolve).then(() => {
      reject(new NotStarted("Holdfast ended before it said where it listens"));
    });
    try {
      return new HoldfastProcess(await promise, child, said, dir);
    } catch (error) {
      await child.status;
      await Deno.remove(dir, { recursive: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.status;
    await this.said;
    await Deno.remove(this.dir, { recursive: true });
  }
}

export class NotStarted extends Error {
  override readonly name = "NotStarted";
}

async function listen(
  stdout: ReadableStream<Uint8Array>,
  onUrl: (url: string) => void,
): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of stdout) {
    text += decoder.decode(piece, { stream: true });
    const [url] = /http:\/\/[\w.:[\]-]+:\d+/.exec(text) ?? [];
    if (url !== undefined) onUrl(url);
  }
}
