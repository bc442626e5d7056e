import type { OpenFile } from "./folders.ts";
import type { LogPiece, StampedLine } from "./run_log.ts";

/** What a browser may show by itself; a script's HTML or SVG would run in our origin, so it is saved. */
const SHOWN: Readonly<Record<string, string>> = {
  csv: "text/csv; charset=utf-8",
  json: "application/json; charset=utf-8",
  jsonl: "text/plain; charset=utf-8",
  log: "text/plain; charset=utf-8",
  txt: "text/plain; charset=utf-8",
  md: "text/plain; charset=utf-8",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
};

/** An open file as a reply, whole or the one range asked for; closed when read or given up. */
export function fileReply(
  file: OpenFile,
  path: string,
  o: { range: string | undefined; head: boolean },
): Response {
  const name = path.split("/").at(-1)!;
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  const type = SHOWN[ending];
  const headers = new Headers({
    "content-type": type ?? "application/octet-stream",
    "content-disposition": disposition(type === undefined ? "attachment" : "inline", name),
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    "last-modified": new Date(file.modifiedAtMs).toUTCString(),
    "cache-control": "no-store",
  });
  const range = rangeOf(o.range, file.bytes);
  if (range === "unsatisfiable") {
    file[Symbol.dispose]();
    headers.set("content-range", `bytes */${file.bytes}`);
    return new Response(null, { status: 416, headers });
  }
  const [from, to] = range ?? [0, file.bytes];
  headers.set("content-length", String(to - from));
  if (range !== null) headers.set("content-range", `bytes ${from}-${to - 1}/${file.bytes}`);
  if (o.head || from === to) {
    file[Symbol.dispose]();
    return new Response(null, { status: range === null ? 200 : 206, headers });
  }
  return new Response(file.stream(from, to), { status: range === null ? 200 : 206, headers });
}

/** `Content-Disposition` with any name. Source: RFC 6266, RFC 8187. */
export function disposition(kind: "inline" | "attachment", name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${exact}`;
}

/** One range of bytes, end exclusive; `null`: none was asked for that we serve, so the whole. */
function rangeOf(
  asked: string | undefined,
  bytes: number,
): [number, number] | null | "unsatisfiable" {
  const match = /^bytes=(\d*)-(\d*)$/.exec(asked?.trim() ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") {
    const last = Number(match[2]);
    return last === 0 ? "unsatisfiable" : [Math.max(0, bytes - last), bytes];
  }
  const from = Number(match[1]);
  const to = match[2] === "" ? bytes : Math.min(bytes, Number(match[2]) + 1);
  if (from >= bytes) return "unsatisfiable";
  return to <= from ? null : [from, to];
}

/** Pieces of a log as plain bytes, to its end or until the reader leaves. */
export function plainPieces(
  pieces: AsyncGenerator<LogPiece>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  return streamOf(pieces, (piece) => piece.raw, onEnd);
}

/** The same as server-sent events: `log` with a JSON string, then `end`. */
export function eventPieces(
  pieces: AsyncGenerator<LogPiece>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const line = ({ text, to }: LogPiece) =>
    encoder.encode(`event: log\nid: ${to}\ndata: ${JSON.stringify(text)}\n\n`);
  return streamOf(pieces, line, onEnd, encoder.encode("event: end\ndata: null\n\n"));
}

/** Pieces as they come; `onEnd` when they are over, fail, or nobody reads on. */
export function bytesOf(
  pieces: AsyncGenerator<Uint8Array>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  return streamOf(pieces, (piece) => piece, onEnd);
}

function streamOf<T>(
  pieces: AsyncGenerator<T>,
  encode: (piece: T) => Uint8Array,
  onEnd: () => void,
  last?: Uint8Array,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const next = await pieces.next().catch((error) => {
        onEnd();
        throw error;
      });
      if (!next.done) return controller.enqueue(encode(next.value));
      if (last !== undefined) controller.enqueue(last);
      onEnd();
      controller.close();
    },
    async cancel() {
      onEnd();
      await pieces.return(undefined);
    },
  }, { highWaterMark: 0 });
}

/** `2026-01-25T20:35:11.103Z text`; a line whose time is not known has none. */
export function stampedText(lines: readonly StampedLine[]): string {
  return lines.map(({ atMs, text }) =>
    (atMs === null ? "" : `${new Date(atMs).toISOString()} `) + text + "\n"
  ).join("");
}
