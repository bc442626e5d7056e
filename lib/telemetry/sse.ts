const encoder = new TextEncoder();

/**
 * One server-sent event. `json` must be JSON text: it holds no line break, so one `data:` line carries it.
 * Source: WHATWG HTML, 9.2.5 "Parsing an event stream".
 */
export function sseEvent(name: string, json: string, id?: number): Uint8Array<ArrayBuffer> {
  const head = id === undefined ? "" : `id: ${id}\n`;
  return encoder.encode(`${head}event: ${name}\ndata: ${json}\n\n`);
}

/**
 * First block of a stream: how long the browser waits before it comes back, milliseconds, and where in
 * the event log the viewer stands. Without `data:` it sets both and shows as no event.
 */
export function sseOpening(retryMs: number, id?: number): Uint8Array<ArrayBuffer> {
  const mark = id === undefined ? "" : `id: ${id}\n`;
  return encoder.encode(`retry: ${retryMs}\n${mark}\n`);
}

/** A comment keeps proxies awake; the event beside it reaches scripts, which never see comments. */
export function ssePing(nowMs: number): Uint8Array<ArrayBuffer> {
  return encoder.encode(`: ping\nevent: ping\ndata: {"nowMs":${nowMs}}\n\n`);
}
