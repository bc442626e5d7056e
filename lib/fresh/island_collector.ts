import { Signal } from "@preact/signals";
import {
  type ComponentChildren,
  type ComponentType,
  Fragment,
  h,
  isValidElement,
  type VNode,
} from "preact";
import type { Island } from "./manifest.ts";
import { MARKS } from "./marks.ts";
import { NotSerializable, pack, type Packer, type Table } from "./props.ts";

/** What the boot script reads from the page. */
export interface PageData {
  readonly build: string;
  /** Addresses of the bundles of the page's islands. */
  readonly modules: readonly string[];
  /** Each island as [index into `modules`, name of its export]. */
  readonly islands: readonly (readonly [number, string])[];
  /** The props of the islands, in the same order, as one packed array. */
  readonly props: Table;
}

interface Slot {
  readonly id: number;
  readonly content: ComponentChildren;
  shown: boolean;
}

interface Found {
  readonly island: Island;
  readonly props: Record<string, unknown>;
}

/**
 * Finds the islands of one document while it is rendered. An island is a component of an island's module
 * that the server created; one created by another island belongs to that island's own code.
 */
export class IslandCollector {
  readonly #islands: ReadonlyMap<ComponentType, Island>;
  readonly #found: Found[] = [];
  readonly #slots: Slot[] = [];
  /** Components being rendered, innermost last, and whether they run inside an island. */
  readonly #stack: { vnode: VNode; inside: boolean }[] = [];
  readonly #insiders = new WeakSet<VNode>();

  constructor(islands: ReadonlyMap<ComponentType, Island>) {
    this.#islands = islands;
  }

  get count(): number {
    return this.#found.length;
  }

  /** A vnode was made: by whom decides whose it is. */
  created(vnode: VNode): void {
    if (this.#stack.at(-1)?.inside) this.#insiders.add(vnode);
  }

  /** A component is about to run; it may be asked several times before it leaves. */
  enter(vnode: VNode): void {
    if (this.#stack.at(-1)?.vnode === vnode) return;
    this.#stack.push({ vnode, inside: this.#insiders.has(vnode) });
  }

  leave(vnode: VNode): void {
    if (this.#stack.at(-1)?.vnode === vnode) this.#stack.pop();
  }

  /** Puts marks around `vnode` when it is an island. */
  wrap(vnode: VNode): void {
    const island = this.#islands.get(vnode.type as ComponentType);
    if (island === undefined || this.#insiders.has(vnode)) return;
    const props = this.#withSlots(vnode.props as Record<string, unknown>);
    const index = this.#found.push({ island, props }) - 1;
    const inner = h(vnode.type as ComponentType<Record<string, unknown>>, props);
    this.#insiders.add(inner);
    vnode.type = Fragment as VNode["type"];
    vnode.props = {
      children: [comment(`${MARKS.island}${index}`), inner, comment(MARKS.islandEnd)],
    };
  }

  #withSlots(props: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(props).map(([name, value]) => {
        const isSlot = name === "children" ? !isPlainText(value) : isElement(value);
        return [name, isSlot ? this.#slot(value as ComponentChildren) : value];
      }),
    );
  }

  #slot(content: ComponentChildren): VNode {
    const slot: Slot = { id: this.#slots.length, content, shown: false };
    this.#slots.push(slot);
    return h(SlotView, { slot }) as VNode;
  }

  /** The next slot that no island showed; it counts as shown from now on. */
  nextHidden(): { id: number; content: ComponentChildren } | null {
    const slot = this.#slots.find(({ shown }) => !shown);
    if (slot === undefined) return null;
    slot.shown = true;
    return slot;
  }

  urls(): string[] {
    return this.#found.flatMap(({ island }) => [island.url, ...island.preload]);
  }

  /** Throws `NotSerializable`, naming the island and the prop, for what cannot cross. */
  data(build: string): PageData {
    const modules = [...new Set(this.#found.map(({ island }) => island.url))];
    const props = this.#found.map(({ props }) => props);
    return {
      build,
      modules,
      islands: this.#found.map(({ island }) => [modules.indexOf(island.url), island.exportName]),
      props: this.#pack(props),
    };
  }

  #pack(props: Record<string, unknown>[]): Table {
    try {
      return pack(props, PACKERS, "props");
    } catch (error) {
      if (!(error instanceof NotSerializable)) throw error;
      const [, index, rest = ""] = /^props\[(\d+)\]\.?(.*)$/s.exec(error.path) ?? [];
      const island = this.#found[Number(index)]?.island;
      throw new NotSerializable(`prop "${rest}" of island ${island?.file}`, error.what);
    }
  }
}

const PACKERS: readonly Packer[] = [
  {
    tag: "Slot",
    pack(value, path) {
      if (!isElement(value)) return null;
      if (value.type === SlotView) return { value: (value as VNode<{ slot: Slot }>).props.slot.id };
      throw new NotSerializable(path, "JSX crosses only as a prop of its own or as children");
    },
  },
  {
    tag: "Computed",
    pack: (value) => value instanceof Signal && isComputed(value) ? { value: value.peek() } : null,
  },
  {
    tag: "Signal",
    pack: (value) => value instanceof Signal ? { value: value.peek() } : null,
  },
];

// Only a signal that can be written has a setter; a computed one's prototype stands between.
function isComputed(value: Signal): boolean {
  const own = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(value), "value");
  return own !== undefined && own.set === undefined;
}

// Signals pass for elements where @preact/signals renders them as text.
function isElement(value: unknown): value is VNode {
  return isValidElement(value) && !(value instanceof Signal);
}

// Text needs no slot: an island may want to work with it.
function isPlainText(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlainText);
  return value === null || value === undefined || typeof value !== "object" ||
    value instanceof Signal;
}

/** Shows what the server rendered for an island, between marks. */
function SlotView({ slot }: { slot: Slot }): VNode {
  slot.shown = true;
  return h(
    Fragment,
    null,
    comment(`${MARKS.slot}${slot.id}`),
    slot.content,
    comment(MARKS.slotEnd),
  );
}

function comment(text: string): VNode {
  return h(Fragment, { UNSTABLE_comment: text } as Record<string, unknown>);
}
