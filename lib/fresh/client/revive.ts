import { computed, type Signal, signal } from "@preact/signals";
import {
  type ComponentChildren,
  type ComponentType,
  Fragment,
  h,
  hydrate,
  type VNode,
} from "preact";
import { MARKS } from "../marks.ts";
import { type Table, unpack, type Unpacker } from "../props.ts";

type Props = Record<string, unknown>;
type IslandComponent = ComponentType<Props>;

/** A slot as the packed props name it, until the page's own nodes are found for it. */
class SlotReference {
  id = -1;
}

const UNPACKERS: Record<string, Unpacker> = {
  Slot: {
    make: () => new SlotReference(),
    fill: (made, value) => {
      (made as SlotReference).id = value as number;
    },
  },
  Signal: {
    make: () => signal(),
    fill: (made, value) => {
      (made as Signal).value = value;
    },
  },
  Computed: {
    make: () => {
      const held: { value: unknown } = { value: undefined };
      return Object.assign(computed(() => held.value), { held });
    },
    fill: (made, value) => {
      (made as { held: { value: unknown } }).held.value = value;
    },
  },
};

/** The props of all islands of the page, in the order of their marks. */
export function revive(table: Table): Props[] {
  return unpack(table, UNPACKERS) as Props[];
}

/** Finds the islands in the page and hydrates each; those within another's slot go with it. */
export function hydrateIslands(
  props: readonly Props[],
  components: readonly (IslandComponent | null)[],
): void {
  const roots: { start: Comment; end: Comment; index: number }[] = [];
  const comments = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  for (let node = comments.nextNode(); node !== null; node = comments.nextNode()) {
    const start = node as Comment;
    if (!start.data.startsWith(MARKS.island)) continue;
    const end = endOf(start, MARKS.island, MARKS.islandEnd);
    roots.push({ start, end, index: Number(start.data.slice(MARKS.island.length)) });
    comments.currentNode = end;
  }
  // All pages' nodes are read before the first island changes any.
  const ready = roots.map(({ start, end, index }) => ({
    start,
    end,
    vnode: islandAt(index, start, end, props, components),
  }));
  for (const { start, end, vnode } of ready) {
    if (vnode === null) continue;
    try {
      hydrate(vnode, rangeAsParent(start, end));
    } catch (error) {
      console.error("An island failed to start", error);
    }
  }
}

/** The island between two marks, with its slots taken from the page. `null` when its code is not here. */
function islandAt(
  index: number,
  start: Comment,
  end: Comment,
  props: readonly Props[],
  components: readonly (IslandComponent | null)[],
): VNode | null {
  const component = components[index];
  if (component === null || component === undefined) return null;
  const read = (from: Node | null, to: Node | null) => nodesToVNodes(from, to, props, components);
  const own = Object.fromEntries(
    Object.entries(props[index] ?? {}).map(([name, value]) => {
      if (!(value instanceof SlotReference)) return [name, value];
      const slot = slotBetween(start, end, value.id);
      const children = slot === null
        ? read(hiddenSlot(value.id), null)
        : read(slot.nextSibling, endOf(slot, MARKS.slot, MARKS.slotEnd));
      return [name, h(Fragment, null, children)];
    }),
  );
  return h(component, own);
}

/** The mark of a slot between two marks, at any depth. */
function slotBetween(start: Comment, end: Comment, id: number): Comment | null {
  const walker = document.createTreeWalker(
    start.getRootNode(),
    NodeFilter.SHOW_COMMENT,
  );
  walker.currentNode = start;
  for (let node = walker.nextNode(); node !== null && node !== end; node = walker.nextNode()) {
    if ((node as Comment).data === MARKS.slot + id) return node as Comment;
  }
  return null;
}

function hiddenSlot(id: number): Node | null {
  const template = document.querySelector(`template[data-frsh-slot="${id}"]`);
  return template === null ? null : (template as HTMLTemplateElement).content.firstChild;
}

/** The mark that closes `start`; marks of one kind nest. */
function endOf(start: Comment, opening: string, closing: string): Comment {
  let depth = 1;
  for (let node = start.nextSibling; node !== null; node = node.nextSibling) {
    if (node.nodeType !== Node.COMMENT_NODE) continue;
    const { data } = node as Comment;
    if (data.startsWith(opening)) depth++;
    else if (data === closing && --depth === 0) return node as Comment;
  }
  throw new TypeError(`The page has no end for "${start.data}"`);
}

function nodesToVNodes(
  from: Node | null,
  to: Node | null,
  props: readonly Props[],
  components: readonly (IslandComponent | null)[],
): ComponentChildren[] {
  const children: ComponentChildren[] = [];
  for (let node = from; node !== null && node !== to; node = node.nextSibling) {
    if (node.nodeType === Node.TEXT_NODE) children.push((node as Text).data);
    else if (node.nodeType === Node.ELEMENT_NODE) {
      const element = node as Element;
      const inner = nodesToVNodes(element.firstChild, null, props, components);
      children.push(h(element.localName, attributesOf(element), inner));
    } else if (node.nodeType === Node.COMMENT_NODE) {
      const comment = node as Comment;
      if (!comment.data.startsWith(MARKS.island)) continue;
      const end = endOf(comment, MARKS.island, MARKS.islandEnd);
      const index = Number(comment.data.slice(MARKS.island.length));
      const vnode = islandAt(index, comment, end, props, components);
      if (vnode !== null) children.push(vnode);
      else children.push(...nodesToVNodes(comment.nextSibling, end, props, components));
      node = end;
    }
  }
  return children;
}

function attributesOf(element: Element): Props {
  return Object.fromEntries(
    [...element.attributes].map(({ name, value }) => {
      const isFlag = value === "" && typeof element[name as keyof Element] === "boolean";
      return [name, isFlag ? true : value];
    }),
  );
}

/**
 * Lets Preact treat the nodes between two marks as the children of an element of their own. The marks
 * become empty text: Preact steps over comments and would lose the end of the range.
 */
function rangeAsParent(start: Comment, end: Comment): Element {
  const parent = start.parentNode!;
  const first = document.createTextNode("");
  const last = document.createTextNode("");
  start.replaceWith(first);
  end.replaceWith(last);
  const childNodes = () => {
    const nodes: Node[] = [];
    for (let node = first.nextSibling; node !== null && node !== last; node = node.nextSibling) {
      nodes.push(node);
    }
    return nodes;
  };
  const range = {
    nodeType: Node.ELEMENT_NODE,
    parentNode: parent,
    namespaceURI: (parent as Element).namespaceURI,
    ownerDocument: document,
    nextSibling: null,
    get firstChild() {
      return first.nextSibling === last ? null : first.nextSibling;
    },
    get childNodes() {
      return childNodes();
    },
    contains: (node: Node) => childNodes().some((child) => child.contains(node)),
    insertBefore: (node: Node, before: Node | null) => parent.insertBefore(node, before ?? last),
    appendChild: (node: Node) => parent.insertBefore(node, last),
    removeChild: (node: Node) => parent.removeChild(node),
  };
  return range as unknown as Element;
}
