import type { WaitEnd } from "./draft.ts";
import type { LockRefusal } from "./model.ts";

/** Tickets turned away, remembered for who asks late. */
const REFUSED_MAX = 1000;

const ENDING: WaitEnd = {
  kind: "refused",
  refusal: { kind: "cancelled", text: "The runtime is ending" },
};

/** Who hangs on the line for an answer, and what became of tickets. */
export class Line {
  readonly #hanging = new Map<string, Set<(end: WaitEnd) => void>>();
  #closed = false;
  readonly #refused = new Map<string, LockRefusal>();

  /** Hears how the wait of `id` ends; the returned function hangs up, and tells whether nobody is left. */
  hang(id: string, hear: (end: WaitEnd) => void): () => boolean {
    if (this.#closed) hear(ENDING);
    const hanging = this.#hanging.get(id) ?? new Set();
    this.#hanging.set(id, hanging);
    hanging.add(hear);
    return () => {
      hanging.delete(hear);
      if (hanging.size > 0) return false;
      this.#hanging.delete(id);
      return true;
    };
  }

  ended(id: string, end: WaitEnd): void {
    if (end.kind === "refused") {
      this.#refused.set(id, end.refusal);
      if (this.#refused.size > REFUSED_MAX) {
        this.#refused.delete(this.#refused.keys().next().value!);
      }
    }
    const hanging = this.#hanging.get(id);
    this.#hanging.delete(id);
    for (const hear of hanging ?? []) hear(end);
  }

  refusalOf(id: string): LockRefusal | undefined {
    return this.#refused.get(id);
  }

  /** The runtime ends: so does every wait, and those that would begin. */
  close(): void {
    this.#closed = true;
    for (const id of [...this.#hanging.keys()]) this.ended(id, ENDING);
  }
}
