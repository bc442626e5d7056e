import { SCHEMA_INSTANCE, SERIALIZATION, shortNamespace } from "../../lib/epu/read/namespaces.ts";
import type { Field, LeafField, RecordSpec } from "../../lib/epu/read/shape.ts";
import type { PlainElement } from "./plain_xml.ts";

/**
 * What a shape finds in a tree, the slow way: each field looks its paths up from its record, references are
 * followed by looking for the object. The streaming reader must come to the same.
 */
export function plainReading(
  spec: RecordSpec<unknown>,
  root: PlainElement,
): Record<string, unknown> {
  const ids = new Map<string, PlainElement[]>();
  const visit = (element: PlainElement) => {
    const id = serialized(element, "Id");
    if (id !== null && !isVoid(element)) ids.set(id, [...ids.get(id) ?? [], element]);
    element.children.forEach(visit);
  };
  visit(root);
  return recordOf(spec, { element: root, order: 0 }, {
    rootUri: root.uri,
    rootNamespace: spec.namespace,
    ids,
  });
}

interface Context {
  readonly rootUri: string;
  readonly rootNamespace: string;
  readonly ids: ReadonlyMap<string, readonly PlainElement[]>;
}

/** An element, and where in the document it counts: a referred object counts where the reference stands. */
interface Placed {
  readonly element: PlainElement;
  readonly order: number;
}

function recordOf(
  spec: RecordSpec<unknown>,
  at: Placed,
  context: Context,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec.fields).map(([name, field]) => [name, fieldOf(field, spec, at, context)]),
  );
}

function fieldOf(
  field: Field<unknown>,
  { namespace }: RecordSpec<unknown>,
  at: Placed,
  context: Context,
): unknown {
  const steps = (path: string) => path.split("/");
  if (field.kind === "leaf") {
    const places = inOrder(
      field.paths.flatMap((path) => find(steps(path), namespace, at, context)),
    );
    for (const place of places) {
      const value = leafOf(field, place, context);
      if (value !== null) return value;
    }
    return null;
  }
  const containers = field.paths.flatMap((path) =>
    find(steps(path).slice(0, -1), namespace, at, context).flatMap((one) => followed(one, context))
  );
  if (containers.length === 0) return null;
  const items = inOrder(
    field.paths.flatMap((path) => find(steps(path), namespace, at, context)),
  ).map((place) => {
    if (field.item.kind === "leaf") return leafOf(field.item, place, context);
    const [own] = followed(place, context);
    return own === undefined ? null : recordOf(field.item, own, context);
  });
  const size = field.paths.flatMap((path) => {
    const array = steps(path).at(-2)!;
    if (!array.endsWith("_items")) return [];
    const beside = [...steps(path).slice(0, -2), array.replace("_items", "_size")];
    return find(beside, namespace, at, context).flatMap((place) => {
      const text = leafText(place, context)?.trim() ?? "";
      return /^\d{1,9}$/.test(text) && !isVoid(place.element) ? [Number(text)] : [];
    });
  })[0];
  return (size === undefined ? items : items.slice(0, size)).filter((item) => item !== null);
}

function find(
  steps: readonly string[],
  namespace: string,
  at: Placed,
  context: Context,
): Placed[] {
  let places = [at];
  for (const [i, step] of steps.entries()) {
    const [short, local] = step.includes(":") ? step.split(":") : [namespace, step];
    places = places.flatMap((place) => i === 0 ? [place] : followed(place, context))
      .flatMap(({ element, order }) =>
        element.children.filter((child) => {
          const childShort = child.uri === context.rootUri
            ? context.rootNamespace
            : shortNamespace(child.uri);
          return childShort === short &&
            (local!.endsWith("*")
              ? child.local.startsWith(local!.slice(0, -1))
              : child.local === local);
        }).map((child) => ({
          element: child,
          order: order + (child.start - element.start) * (order % 1 === 0 ? 1 : 1e-9),
        }))
      );
  }
  return places;
}

/** The object itself, or the one it refers to; none for nil. */
function followed(place: Placed, { ids }: Context): Placed[] {
  const reference = serialized(place.element, "Ref");
  if (reference === null) return isNil(place.element) ? [] : [place];
  const earlier = (ids.get(reference) ?? []).filter(({ end }) => end <= place.element.start);
  const target = earlier.toSorted((a, b) => a.end - b.end).at(-1);
  return target === undefined ? [] : [{ element: target, order: place.order + 1e-6 }];
}

function leafText(place: Placed, context: Context): string | null {
  const [own] = followed(place, context);
  return own === undefined || own.element.children.length > 0 ? null : own.element.text;
}

function leafOf(field: LeafField<unknown>, place: Placed, context: Context): unknown {
  const text = leafText(place, context);
  if (text === null || text.includes("\uFFFD")) return null;
  return field.decode(text.trim()) ?? null;
}

const inOrder = (places: readonly Placed[]) => places.toSorted((a, b) => a.order - b.order);

function serialized({ attributes }: PlainElement, name: string): string | null {
  return attributes.find(({ uri, local }) => uri === SERIALIZATION && local === name)?.value ??
    null;
}

function isNil({ attributes }: PlainElement): boolean {
  return attributes.some(({ uri, local, value }) =>
    uri === SCHEMA_INSTANCE && local === "nil" && value === "true"
  );
}

function isVoid(element: PlainElement): boolean {
  return serialized(element, "Ref") !== null || isNil(element);
}
