/** The device name that stands for every device. */
export const EVERYTHING = "*";

/** The names around `name`, innermost first: `a.b.c` lies in `a.b`, in `a` and in `*`. */
export function around(name: string): string[] {
  const names: string[] = [];
  for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
    names.push(name.slice(0, dot));
  }
  if (name !== EVERYTHING) names.push(EVERYTHING);
  return names;
}

/** Whether whoever holds `outer` holds `inner` with it. */
export function covers(outer: string, inner: string): boolean {
  return outer === inner || outer === EVERYTHING || inner.startsWith(`${outer}.`);
}

/** Names that are in use, so that those inside another are found without looking at all. */
class NameTree {
  readonly #inside = new Map<string, Set<string>>();

  add(name: string): void {
    for (const outer of around(name)) {
      const inside = this.#inside.get(outer);
      if (inside === undefined) this.#inside.set(outer, new Set([name]));
      else inside.add(name);
    }
  }

  delete(name: string): void {
    for (const outer of around(name)) {
      const inside = this.#inside.get(outer);
      inside?.delete(name);
      if (inside?.size === 0) this.#inside.delete(outer);
    }
  }

  inside(name: string): Iterable<string> {
    return this.#inside.get(name) ?? [];
  }
}

/** What stands at which device: finds everything at it, around it and inside it. */
export class DeviceIndex<T> {
  readonly #at = new Map<string, Set<T>>();
  readonly #tree = new NameTree();

  add(names: readonly string[], item: T): void {
    for (const name of names) {
      const at = this.#at.get(name);
      if (at !== undefined) at.add(item);
      else {
        this.#at.set(name, new Set([item]));
        this.#tree.add(name);
      }
    }
  }

  delete(names: readonly string[], item: T): void {
    for (const name of names) {
      const at = this.#at.get(name);
      if (at === undefined) continue;
      at.delete(item);
      if (at.size > 0) continue;
      this.#at.delete(name);
      this.#tree.delete(name);
    }
  }

  /** Each with the name it stands at: at `name` itself, then around it, then inside it. */
  *meeting(name: string): Generator<readonly [at: string, item: T]> {
    yield* this.#itemsAt(name);
    for (const outer of around(name)) yield* this.#itemsAt(outer);
    for (const inner of this.#tree.inside(name)) yield* this.#itemsAt(inner);
  }

  *#itemsAt(name: string): Generator<readonly [string, T]> {
    for (const item of this.#at.get(name) ?? []) yield [name, item];
  }
}

/**
 * The fencing counters. A device's fence is the highest of its own counter and those around it, so that
 * the holder of `a` drives `a.b` with the fence of `a`, and every grant at any of them outdates the others.
 */
export class Fences {
  readonly #own = new Map<string, number>();
  readonly #tree = new NameTree();

  /** Own counters, as they are stored. */
  entries(): IterableIterator<[string, number]> {
    return this.#own.entries();
  }

  set(name: string, fence: number): void {
    if (!this.#own.has(name)) this.#tree.add(name);
    this.#own.set(name, fence);
  }

  /** The name's own counter. */
  own(name: string): number {
    return this.#own.get(name) ?? 0;
  }

  /** The fence a command to `name` carries; 0 before the first grant. */
  of(name: string): number {
    let fence = this.#own.get(name) ?? 0;
    for (const outer of around(name)) fence = Math.max(fence, this.#own.get(outer) ?? 0);
    return fence;
  }

  /** One higher than any fence that a command to `name`, or to what is inside it, carries. */
  next(name: string): number {
    let fence = this.of(name);
    for (const inner of this.#tree.inside(name)) {
      fence = Math.max(fence, this.#own.get(inner) ?? 0);
    }
    return fence + 1;
  }
}
