import {
  type Decode,
  decodeFlag,
  decodeGuid,
  decodeId,
  decodeInt,
  decodeNumber,
  decodeSwitch,
  decodeText,
  decodeTime,
  decodeWord,
} from "./values.ts";

/**
 * The shape of a file: which paths hold which fields. Written as plain tables in `session.ts`, `atlas.ts` ...,
 * compiled once into a tree that `bind.ts` walks beside the parser, so that a file is read in one pass and
 * what no path names costs next to nothing.
 *
 * A path is steps apart by "/", each `namespace:local` with a short name of `namespaces.ts`; without one the
 * record's own namespace holds, `:local` is in none, a trailing `*` matches any rest of the local name.
 */
export interface RecordSpec<T> {
  readonly kind: "record";
  readonly namespace: string;
  readonly fields: Readonly<Record<string, Field<unknown>>>;
  /** Carries the type of the record; never set. */
  readonly type?: T;
}

export interface LeafField<T> {
  readonly kind: "leaf";
  readonly paths: readonly string[];
  readonly decode: Decode<T>;
  /** For a finding: `a number`. */
  readonly what: string;
  /** Other content is passed over in silence: the element holds values of many types. */
  readonly isLoose: boolean;
}

export interface ListField<T> {
  readonly kind: "list";
  /** Of the items. */
  readonly paths: readonly string[];
  readonly item: RecordSpec<T> | LeafField<T>;
}

export type Field<T> = LeafField<T> | ListField<T>;

type ValueOf<F> = F extends ListField<infer T> ? T[] | null
  : F extends LeafField<infer T> ? T | null
  : never;

/** What a record's elements come to: `null` is "not said"; a list is `null` when its container is absent. */
export type RecordOf<F extends Readonly<Record<string, Field<unknown>>>> = {
  readonly [K in keyof F]: ValueOf<F[K]>;
};

/** What a file's elements come to along a shape. */
export type Raw<S> = S extends RecordSpec<infer T> ? T : never;

export function record<const F extends Readonly<Record<string, Field<unknown>>>>(
  namespace: string,
  fields: F,
): RecordSpec<RecordOf<F>> {
  return { kind: "record", namespace, fields };
}

const leaf = <T>(decode: Decode<T>, what: string) => (...paths: string[]): LeafField<T> => ({
  kind: "leaf",
  paths,
  decode,
  what,
  isLoose: false,
});

export const number = leaf(decodeNumber, "a number");
export const int = leaf(decodeInt, "a whole number");
export const id = leaf(decodeId, "an id");
export const flag = leaf(decodeFlag, '"true" or "false"');
export const onOff = leaf(decodeSwitch, '"On" or "Off"');
export const text = leaf(decodeText, "text");
export const word = leaf(decodeWord, "text");
export const guid = leaf(decodeGuid, "a guid");
export const time = leaf(decodeTime, "a time");

/** Text of an element whose content may be of any type; structures inside are left to other fields. */
export function anyText(...paths: string[]): LeafField<string> {
  return { ...word(...paths), isLoose: true };
}

/** `item` is a record, or a leaf without paths of its own: `list(number(), "Defocus/arr:double")`. */
export function list<T>(
  item: RecordSpec<T> | LeafField<T>,
  ...paths: string[]
): ListField<T> {
  return { kind: "list", item, paths };
}

/** One place in the tree of a shape. */
export interface ShapeNode {
  /** By exact local name. */
  readonly children: Map<string, { namespace: string; node: ShapeNode }[]>;
  readonly byPrefix: { namespace: string; prefix: string; node: ShapeNode }[];
  /** The record whose fields stand directly below, for replaying a reference. */
  readonly owner: CompiledRecord;
  leaf: { field: LeafField<unknown>; slot: number } | null;
  item:
    | { slot: number; record: CompiledRecord | null; field: LeafField<unknown> | null }
    | null;
  /** Lists whose items stand below: they exist once this is opened. */
  opens: number[];
  /** The list whose true length this holds. */
  sizeOf: number | null;
}

export interface CompiledRecord<T = unknown> {
  readonly names: readonly string[];
  readonly node: ShapeNode;
  /** Carries the type of the record; never set. */
  readonly type?: T;
}

export function compile<T>(spec: RecordSpec<T>): CompiledRecord<T> {
  const entries = Object.entries(spec.fields);
  const compiled = { names: entries.map(([name]) => name) } as {
    names: string[];
    node: ShapeNode;
  };
  compiled.node = emptyNode(compiled);
  entries.forEach(([, field], slot) => {
    for (const path of field.paths) addField(compiled, spec.namespace, field, slot, path);
  });
  return compiled;
}

function addField(
  into: CompiledRecord,
  namespace: string,
  field: Field<unknown>,
  slot: number,
  path: string,
): void {
  const steps = path.split("/");
  if (field.kind === "leaf") {
    nodeAt(into, namespace, steps).leaf = { field, slot };
    return;
  }
  const container = nodeAt(into, namespace, steps.slice(0, -1));
  container.opens.push(slot);
  nodeAt(into, namespace, steps).item = field.item.kind === "record"
    ? { slot, record: compile(field.item), field: null }
    : { slot, record: null, field: field.item };
  const array = steps.at(-2)!;
  // A .NET list is written with the spare places behind its items; `_size` beside it says how many count.
  if (array.endsWith("_items")) {
    const size = array.replace("_items", "_size");
    nodeAt(into, namespace, [...steps.slice(0, -2), size]).sizeOf = slot;
  }
}

function nodeAt(into: CompiledRecord, namespace: string, steps: readonly string[]): ShapeNode {
  let node = into.node;
  for (const step of steps) node = childOf(node, step, namespace, into);
  return node;
}

function childOf(
  node: ShapeNode,
  step: string,
  ownNamespace: string,
  owner: CompiledRecord,
): ShapeNode {
  const colon = step.indexOf(":");
  const namespace = colon === -1 ? ownNamespace : step.slice(0, colon);
  const local = step.slice(colon + 1);
  if (local.endsWith("*")) {
    const prefix = local.slice(0, -1);
    const known = node.byPrefix.find((c) => c.namespace === namespace && c.prefix === prefix);
    if (known !== undefined) return known.node;
    const child = emptyNode(owner);
    node.byPrefix.push({ namespace, prefix, node: child });
    return child;
  }
  const siblings = node.children.get(local) ?? [];
  const known = siblings.find((c) => c.namespace === namespace);
  if (known !== undefined) return known.node;
  const child = emptyNode(owner);
  node.children.set(local, [...siblings, { namespace, node: child }]);
  return child;
}

function emptyNode(owner: CompiledRecord): ShapeNode {
  return {
    children: new Map(),
    byPrefix: [],
    owner,
    leaf: null,
    item: null,
    opens: [],
    sizeOf: null,
  };
}

/** The place below `node` of an element; `null` when no path goes there. */
export function childNode(
  node: ShapeNode,
  namespace: string | null,
  local: string,
): ShapeNode | null {
  if (namespace === null) return null;
  const exact = node.children.get(local);
  if (exact !== undefined) {
    for (const child of exact) if (child.namespace === namespace) return child.node;
  }
  for (const child of node.byPrefix) {
    if (child.namespace === namespace && local.startsWith(child.prefix)) return child.node;
  }
  return null;
}
