import type { VNode } from "preact";

/** Carries the `key` of an element of `<head>` to the browser, where it finds the element again. */
export const HEAD_KEY = "data-frsh-key";

/** What makes two elements of `<head>` the same one, or `null` when it stands for itself. */
export function headIdentity(vnode: VNode): string | null {
  if (vnode.type === "title") return "title";
  return vnode.key == null ? null : `key:${vnode.key}`;
}

/** Brings the document's `<head>` to what an island shows in `<Head>`. Browser only. */
export function applyToHead(vnodes: readonly VNode[]): void {
  for (const vnode of vnodes) {
    if (typeof vnode !== "object" || typeof vnode.type !== "string") continue;
    const props = vnode.props as Record<string, unknown>;
    if (vnode.type === "title") {
      document.title = textOf(props.children);
      continue;
    }
    const element = find(vnode, props) ?? document.head.appendChild(create(vnode));
    for (const [name, value] of Object.entries(props)) {
      if (name === "children") element.textContent = textOf(value);
      else if (value === null || value === undefined || value === false) {
        element.removeAttribute(name);
      } else element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function create(vnode: VNode): Element {
  const element = document.createElement(vnode.type as string);
  if (vnode.key != null) element.setAttribute(HEAD_KEY, String(vnode.key));
  return element;
}

function find(vnode: VNode, props: Record<string, unknown>): Element | null {
  const by = (attribute: string, value: unknown) =>
    [...document.head.querySelectorAll(vnode.type as string)].find((element) =>
      element.getAttribute(attribute) === String(value)
    ) ?? null;
  if (vnode.key != null) return by(HEAD_KEY, vnode.key);
  if (props.id !== undefined) return by("id", props.id);
  if (vnode.type === "meta" && props.name !== undefined) return by("name", props.name);
  return null;
}

function textOf(children: unknown): string {
  if (Array.isArray(children)) return children.map(textOf).join("");
  return children === null || children === undefined || typeof children === "boolean"
    ? ""
    : String(children);
}
