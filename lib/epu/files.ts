import type { Kv } from "../kv.ts";
import { acquisitionKey } from "./keys.ts";
import { Acquisition, type AcquisitionState, SessionFolder } from "./model.ts";

/** Which acquisition lies in which folder, in memory: every file asks. */
export class Folders {
  /** By `root/folder`. */
  readonly #byFolder = new Map<string, string>();
  readonly #states = new Map<string, AcquisitionState>();

  private constructor() {}

  static async open(kv: Kv): Promise<Folders> {
    const folders = new Folders();
    for await (const { key, value } of kv.list({ prefix: ["epu", "folder"] })) {
      const { acquisitionId } = SessionFolder.parse(value);
      folders.#byFolder.set(`${String(key.at(-2))}/${String(key.at(-1))}`, acquisitionId);
    }
    for await (const { value } of kv.list({ prefix: acquisitionKey() })) {
      const { id, state } = Acquisition.parse(value);
      folders.#states.set(id, state);
    }
    return folders;
  }

  acquisitionOf(root: string, folder: string): string | null {
    return this.#byFolder.get(`${root}/${folder}`) ?? null;
  }

  put(root: string, folder: string, acquisitionId: string): void {
    this.#byFolder.set(`${root}/${folder}`, acquisitionId);
    if (!this.#states.has(acquisitionId)) this.#states.set(acquisitionId, "started");
  }

  remove(root: string, folder: string): void {
    this.#byFolder.delete(`${root}/${folder}`);
  }

  /** Those whose session was seen in a folder. */
  acquisitions(): Set<string> {
    return new Set(this.#byFolder.values());
  }

  setState(acquisitionId: string, state: AcquisitionState): void {
    this.#states.set(acquisitionId, state);
  }

  inState(state: AcquisitionState): string[] {
    return [...this.#states].filter(([, one]) => one === state).map(([id]) => id);
  }

  isFinished(acquisitionId: string): boolean {
    return this.#states.get(acquisitionId) === "completed";
  }

  forget(acquisitionId: string): void {
    this.#states.delete(acquisitionId);
    for (const [folder, id] of this.#byFolder) {
      if (id === acquisitionId) this.#byFolder.delete(folder);
    }
  }
}
