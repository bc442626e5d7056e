import type { CompiledRecord } from "./shape.ts";

/** A list while its items come. */
export class OpenList {
  /** With a `null` for each null entry, until the list is closed. */
  readonly items: unknown[] = [];
  /** The array itself was seen; its size may stand there without it. */
  isThere = false;
  /** `_size`, and `z:Size` of the array. */
  size: number | null = null;
  declared: number | null = null;

  /** How many items it should have; `null` where nothing says. */
  get promised(): number | null {
    return this.size ?? this.declared;
  }

  /** Without null entries, and without the spare places behind the list's end. */
  values(): unknown[] {
    const own = this.size === null ? this.items : this.items.slice(0, this.size);
    return own.filter((item) => item !== null);
  }
}

/** A record while its elements come: a value, a list or nothing in each of its shape's slots. */
export class OpenRecord {
  readonly values: unknown[] = [];

  constructor(readonly shape: CompiledRecord) {}

  listAt(slot: number): OpenList {
    return (this.values[slot] ??= new OpenList()) as OpenList;
  }

  /** Fields by name, `null` for what was not said. `onShort` hears of lists with fewer items than they say. */
  finished(onShort: (promised: number, found: number) => void): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let slot = 0; slot < this.shape.names.length; slot++) {
      const value = this.values[slot];
      if (value instanceof OpenList) {
        const { promised, items } = value;
        if (promised !== null && items.length < promised) onShort(promised, items.length);
        object[this.shape.names[slot]!] = value.isThere ? value.values() : null;
      } else object[this.shape.names[slot]!] = value ?? null;
    }
    return object;
  }
}
