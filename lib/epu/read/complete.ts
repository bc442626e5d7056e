/** Bytes of a file's end that `isComplete` wants to see: room for comments behind the root. */
export const TAIL_BYTES = 512;
/** Bytes of a file's beginning in which `isComplete` looks for the root's name. */
export const HEAD_BYTES = 1024;

const KNOWN_ROOTS = [
  "EpuSessionXml",
  "AtlasSessionXml",
  "GridSquareXml",
  "MicroscopeImage",
  "Acquisition",
];
const CLOSING = /<\/([^\s<>\/]+)\s*>\s*(?:<!--(?:(?!-->)[^])*-->\s*|<\?(?:(?!\?>)[^])*\?>\s*)*$/;

/**
 * Whether a file's last bytes close its root element: with `head`, its first bytes, the root found there;
 * without, one of the roots EPU writes. A cheap look before a file is read at all: `true` can still be a cut
 * inside a file that nests the root's name, which the reader then calls unfinished; `false` is certain.
 */
export function isComplete(tail: Uint8Array, head?: Uint8Array): boolean {
  const closing = CLOSING.exec(asciiOf(tail))?.[1];
  if (closing === undefined) return false;
  const opened = head === undefined ? null : rootNameIn(head);
  return opened === null ? KNOWN_ROOTS.includes(localName(closing)) : closing === opened;
}

/** As written, with its prefix; `null` where `head` ends before the root begins. */
function rootNameIn(head: Uint8Array): string | null {
  const text = asciiOf(head).replace(/<!--[^]*?-->|<\?[^]*?\?>/g, "");
  return /^[^<]*<([^\s<>\/!?]+)[\s>]/.exec(text)?.[1] ?? null;
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** Without the NULs of UTF-16 and of a file's padding; names of elements are ASCII in every file of EPU. */
function asciiOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) if (byte !== 0) text += String.fromCharCode(byte);
  return text;
}
