import assert from "node:assert/strict";
import type { RunningInstrument } from "../running_instrument.ts";

/** For tests of pages: asks and posts as a browser without scripts does. */

const html = { headers: { accept: "text/html" } };

export interface PageReply {
  readonly status: number;
  readonly text: string;
  readonly location: string | null;
  readonly headers: Headers;
}

export async function textOf(
  { ask }: Pick<RunningInstrument, "ask">,
  path: string,
  init: RequestInit = html,
): Promise<PageReply> {
  const reply = await ask(path, init);
  const { status, headers } = reply;
  return { status, headers, text: await reply.text(), location: headers.get("location") };
}

/** Posts a form as a page does; a list sends one field several times. */
export function post(
  instrument: Pick<RunningInstrument, "ask">,
  path: string,
  fields: Record<string, string | readonly string[]>,
  headers: Record<string, string> = {},
): Promise<PageReply> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) body.append(name, one);
  }
  return textOf(instrument, path, {
    method: "POST",
    headers: { accept: "text/html", ...headers },
    body,
  });
}

/** The page's own content, without the frame and without what only its scripts read. */
export function mainOf(text: string): string {
  return /<main[^>]*>(.*)<\/main>/s.exec(text)?.[1] ??
    assert.fail(`this is no page: ${text.slice(0, 300)}`);
}

/** Fails with the page's words, not with all of its markup. */
export function shows(page: string, pattern: RegExp, where = ""): void {
  const words = page.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").slice(0, 1500);
  assert(pattern.test(page), `${where} does not show ${pattern}: ${words}`);
}
