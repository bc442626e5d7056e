import {
  type ComponentChildren,
  Fragment,
  type FunctionComponent,
  h,
  options as preactOptions,
  toChildArray,
  type VNode,
} from "preact";
import { renderToString } from "preact-render-to-string";
import { currentBuildId, setBuildId } from "./build_id.ts";
import type { Context } from "./context.ts";
import type { AsyncComponent, RouteComponent } from "./handlers.ts";
import { HEAD_KEY, headIdentity } from "./head.ts";
import { IslandCollector } from "./island_collector.ts";
import type { Build } from "./manifest.ts";
import { asset, assetSrcSet, Head } from "./runtime.ts";

// Preact's own names for its hooks in a minified build.
interface Hooks {
  vnode?: (vnode: VNode) => void;
  /** Before an element or a component is rendered. */
  __b?: (vnode: VNode) => void;
  /** Just before a component's function is called. */
  __r?: (vnode: VNode) => void;
  /** After an element or a component and all below it were rendered. */
  diffed?: (vnode: VNode) => void;
}
const hooks = preactOptions as Hooks;

/** All that one document gathers while it is rendered. */
class DocumentState {
  readonly islands: IslandCollector;
  /** Elements of `<Head>`s, in the order they were rendered. */
  readonly head: VNode[] = [];
  readonly seen = { html: false, head: false, body: false };
  insideHead = 0;

  constructor(readonly build: Build, readonly url: URL) {
    this.islands = new IslandCollector(build.islands);
  }
}

// Rendering to a string never awaits, so one variable tells the hooks whose render this is.
let current: DocumentState | null = null;
let installed = false;

/**
 * Adds to Preact's hooks, once. They act only while a document is being rendered here.
 */
function installHooks(): void {
  if (installed) return;
  installed = true;
  const before = { ...hooks };
  hooks.vnode = (vnode) => {
    current?.islands.created(vnode);
    before.vnode?.(vnode);
  };
  hooks.__b = (vnode) => {
    if (current !== null) beforeRender(current, vnode);
    before.__b?.(vnode);
  };
  hooks.__r = (vnode) => {
    current?.islands.enter(vnode);
    before.__r?.(vnode);
  };
  hooks.diffed = (vnode) => {
    if (current !== null) {
      current.islands.leave(vnode);
      if (vnode.type === "head") current.insideHead--;
    }
    before.diffed?.(vnode);
  };
}

function beforeRender(state: DocumentState, vnode: VNode): void {
  const props = vnode.props as Record<string, unknown>;
  switch (vnode.type) {
    case Head:
      state.head.push(...flatten(props.children as ComponentChildren));
      become(vnode, Fragment, {});
      return;
    case "html":
      state.seen.html = true;
      return;
    case "body":
      state.seen.body = true;
      return;
    case "head":
      state.seen.head = true;
      state.insideHead++;
      return;
    case "a":
      markCurrent(state.url, props);
      return;
    case "img":
    case "source":
      if (props["data-fresh-disable-lock"] !== undefined) return;
      if (typeof props.src === "string") props.src = asset(props.src);
      if (typeof props.srcset === "string") props.srcset = assetSrcSet(props.srcset);
      return;
  }
  if (typeof vnode.type === "function") state.islands.wrap(vnode);
  else if (state.insideHead > 0) {
    // A page has the last word: its <Head> replaces what the app's <head> says.
    const identity = headIdentity(vnode);
    if (identity === null) return;
    if (state.head.some((other) => headIdentity(other) === identity)) become(vnode, Fragment, {});
    else keyed(vnode);
  }
}

function become(vnode: VNode, type: FunctionComponent | typeof Fragment, props: object): void {
  vnode.type = type as VNode["type"];
  vnode.props = props as VNode["props"];
}

function keyed(vnode: VNode): VNode {
  if (vnode.key != null) (vnode.props as Record<string, unknown>)[HEAD_KEY] = String(vnode.key);
  return vnode;
}

function flatten(children: ComponentChildren): VNode[] {
  return toChildArray(children).flatMap((child) => {
    if (typeof child !== "object") return [];
    return child.type === Fragment ? flatten(child.props.children) : [child];
  });
}

/** The last element of each identity, in the order in which they came. */
function lastOfEach(vnodes: readonly VNode[]): VNode[] {
  return vnodes.filter((vnode, index) => {
    const identity = headIdentity(vnode);
    return identity === null ||
      !vnodes.slice(index + 1).some((later) => headIdentity(later) === identity);
  });
}

/** Marks links to this page and to the folders above it, as assistive technology and styles want. */
function markCurrent(url: URL, props: Record<string, unknown>): void {
  const { href } = props;
  if (typeof href !== "string" || !href.startsWith("/") || href.startsWith("//")) return;
  if (props["aria-current"] !== undefined) return;
  const target = new URL(href, url);
  const here = withoutSlash(url.pathname);
  const there = withoutSlash(target.pathname);
  const otherSearch = target.search !== "" && target.search !== url.search;
  if (here === there && !otherSearch) {
    props["data-current"] = "true";
    props["aria-current"] = "page";
  } else if (here === there || there === "/" || here.startsWith(`${there}/`)) {
    props["data-ancestor"] = "true";
    props["aria-current"] = "true";
  }
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

// deno-lint-ignore no-explicit-any
type AnyVNode = VNode<any>;

function isAsync<Props>(component: unknown): component is AsyncComponent<Props> {
  return typeof component === "function" && component.constructor.name === "AsyncFunction";
}

/** Prepares a page, layout or app for rendering; calls it where it awaits. */
export async function renderComponent<State>(
  ctx: Context<State>,
  component: RouteComponent<State>,
  data: unknown,
  Component: FunctionComponent,
): Promise<AnyVNode | null | Response> {
  const { config, url, req, params, info, state, isPartial, error, route } = ctx;
  const props = {
    config,
    url,
    req,
    params,
    info,
    state,
    isPartial,
    error,
    route,
    data,
    Component,
  };
  if (isAsync<typeof props>(component)) return await component(props);
  return h(component as FunctionComponent<unknown>, props as Record<string, unknown>);
}

function render(state: DocumentState, vnode: ComponentChildren): string {
  const outer = current;
  const outerId = currentBuildId();
  current = state;
  setBuildId(state.build.id);
  try {
    return renderToString(h(Fragment, null, vnode));
  } finally {
    current = outer;
    setBuildId(outerId);
  }
}

/** Raw HTML as a vnode. */
function raw(html: string): VNode {
  return h(Fragment, { tpl: [html] } as Record<string, unknown>);
}

/**
 * Renders a document: the page first, so that the app's `<head>` knows what the page wants in it, then the
 * app around it, then the data and the scripts its islands need.
 */
export async function renderDocument<State>(
  ctx: Context<State>,
  build: Build,
  vnode: AnyVNode | null,
  app: RouteComponent<State> | null,
): Promise<string | Response> {
  installHooks();
  const state = new DocumentState(build, ctx.url);
  let html = render(state, vnode);
  if (app !== null) {
    const inner = html;
    const wrapped = await renderComponent(ctx, app, undefined, () => raw(inner));
    if (wrapped instanceof Response) return wrapped;
    html = render(state, wrapped);
  }
  // Slots no island has shown yet are kept for it, and may hold islands themselves.
  let slots = "";
  for (let slot = state.islands.nextHidden(); slot !== null; slot = state.islands.nextHidden()) {
    slots += `<template data-frsh-slot="${slot.id}">${render(state, slot.content)}</template>`;
  }
  const head = render(state, lastOfEach(state.head).map(keyed)) + preloads(state);
  const tail = slots + scripts(state);
  return "<!DOCTYPE html>" + insert(state, html, head, tail);
}

function preloads({ islands, build }: DocumentState): string {
  if (islands.count === 0) return "";
  const urls = new Set([build.boot.url, ...build.boot.preload, ...islands.urls()]);
  return [...urls].map((url) => `<link rel="modulepreload" href="${escape(url)}">`).join("");
}

/** A data block is not a script to a content security policy; the script beside it comes from this host. */
function scripts({ islands, build }: DocumentState): string {
  let html = "";
  if (islands.count > 0) {
    // No "<" can end the block early or open a comment in it.
    const json = JSON.stringify(islands.data(build.id)).replaceAll("<", "\\u003c");
    html += `<script type="application/json" id="__FRSH_STATE">${json}</script>` +
      `<script type="module" src="${escape(build.boot.url)}"></script>`;
  }
  for (const url of build.devScripts) {
    html += `<script type="module" src="${escape(url)}"></script>`;
  }
  return html;
}

function insert({ seen }: DocumentState, html: string, head: string, tail: string): string {
  if (seen.body) {
    const end = html.lastIndexOf("</body>");
    html = html.slice(0, end) + tail + html.slice(end);
  } else html = `<body>${html}${tail}</body>`;
  if (seen.head) {
    const end = html.indexOf("</head>");
    html = html.slice(0, end) + head + html.slice(end);
  } else {
    const start = html.indexOf("<body");
    html = html.slice(0, start) + `<head><meta charset="utf-8">${head}</head>` + html.slice(start);
  }
  return seen.html ? html : `<html>${html}</html>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
