/**
 * The design of the original hub, for comparison: everything in memory, and after each change the whole
 * queue written again into one JSON file, in place and without fsync; a worker that looks every two
 * seconds whether it can start something. Written from the description of its behaviour, none of its code.
 */
export interface HubEntry {
  experiment_id: string;
  user_session_id: string;
  script_content: string;
  status: "queued" | "running" | "completed" | "failed";
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  exit_code: number | null;
  error_message: string | null;
  priority: number;
}

/** How often its worker looks for work. */
const LOOK_MS = 2000;

export class JsonFileHub {
  #experiments: Record<string, HubEntry> = {};
  #order: string[] = [];

  constructor(private readonly path: string, private readonly python: string) {}

  /** Puts `count` entries there without writing for each. */
  fill(count: number, script: string): void {
    for (let i = 0; i < count; i++) this.#put(script);
    this.#save();
  }

  submit(script: string): string {
    const id = this.#put(script);
    this.#save();
    return id;
  }

  reorder(id: string, index: number): void {
    this.#order.splice(this.#order.indexOf(id), 1);
    this.#order.splice(index, 0, id);
    this.#save();
  }

  /** The answer of its `GET /api/queue/status`. */
  list(): string {
    const shown = this.#order.map((id) => this.#experiments[id]!)
      .filter(({ status }) => status === "queued" || status === "running");
    return JSON.stringify({
      total_queued: shown.length,
      queue: shown.map(({ experiment_id, user_session_id, status, created_at }) => ({
        experiment_id,
        user_session_id,
        status,
        created_at,
      })),
    });
  }

  /** Its worker: resolves with the id of the first started one when that has printed its first line. */
  async work(): Promise<string> {
    for (;;) {
      const id = this.#order.find((one) => this.#experiments[one]!.status === "queued");
      if (id === undefined) {
        await new Promise((done) => setTimeout(done, LOOK_MS));
        continue;
      }
      const entry = this.#experiments[id]!;
      entry.status = "running";
      entry.started_at = new Date().toISOString();
      this.#save();
      const child = new Deno.Command(this.python, {
        args: ["-u", "-c", entry.script_content],
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      await reader.cancel();
      await child.status;
      entry.status = "completed";
      this.#save();
      return id;
    }
  }

  #put(script: string): string {
    const id = crypto.randomUUID();
    this.#experiments[id] = {
      experiment_id: id,
      user_session_id: "7f3a",
      script_content: script,
      status: "queued",
      created_at: new Date().toISOString(),
      started_at: null,
      completed_at: null,
      exit_code: null,
      error_message: null,
      priority: 0,
    };
    this.#order.push(id);
    return id;
  }

  #save(): void {
    const all = { experiments: this.#experiments, queue_order: this.#order };
    Deno.writeTextFileSync(this.path, JSON.stringify(all, null, 2));
  }
}
