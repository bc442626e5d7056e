import type { KvBackend } from "../lib/kv.ts";

/**
 * What the next commit does: `before` fails and writes nothing, `after` writes and then fails; with
 * `blind` the reads that follow fail as well, so that nobody can look what happened.
 */
export type Fault = "none" | "before" | "after" | "blind before" | "blind after";

/** A real store whose commits fail as told, count, and can be held back. */
export class FaultyStore implements KvBackend {
  readonly faults: Fault[] = [];
  commits = 0;
  /** Commits wait for it. */
  gate: Promise<void> = Promise.resolve();
  #blindReads = 0;

  constructor(private readonly kv: Deno.Kv) {}

  static async open(path = ":memory:"): Promise<FaultyStore> {
    return new FaultyStore(await Deno.openKv(path));
  }

  get: Deno.Kv["get"] = (...args) => this.#unlessBlind(() => this.kv.get(...args));
  getMany: Deno.Kv["getMany"] = (...args) => this.#unlessBlind(() => this.kv.getMany(...args));

  list: Deno.Kv["list"] = <T>(...args: Parameters<Deno.Kv["list"]>) => {
    const entries = this.kv.list<T>(...args);
    const next = entries.next.bind(entries);
    entries.next = () => this.#unlessBlind(next);
    return entries;
  };

  atomic(): Deno.AtomicOperation {
    const atomic = this.kv.atomic();
    const commit = atomic.commit.bind(atomic);
    atomic.commit = async () => {
      this.commits++;
      await this.gate;
      const fault = this.faults.shift() ?? "none";
      if (fault === "none") return await commit();
      if (fault.endsWith("after")) await commit();
      if (fault.startsWith("blind")) this.#blindReads = 1;
      throw new TypeError("disk I/O error");
    };
    return atomic;
  }

  close(): void {
    this.kv.close();
  }

  #unlessBlind<T>(read: () => Promise<T>): Promise<T> {
    if (this.#blindReads > 0) {
      this.#blindReads--;
      return Promise.reject(new TypeError("disk I/O error"));
    }
    return read();
  }
}
