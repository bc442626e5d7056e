/**
 * What an agent may touch. Each list names what is allowed and nothing else is; the same set becomes flags
 * of `deno run` and `deno.permissions` of a Worker, so that an agent has the same rights from source and
 * from the compiled binary.
 */
export interface PermissionSet {
  /** Absolute paths. */
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  /** `host:port`. */
  readonly net?: readonly string[];
  /** Absolute paths of programs. */
  readonly run?: readonly string[];
  readonly env?: readonly string[];
  /** Absolute path of libc: full power, so such an agent also runs inside `bwrap` where that is installed. */
  readonly ffi?: readonly string[];
  readonly sys?: readonly string[];
}

/** Every kind of permission Deno knows, `import` included: no agent loads code from the network. */
const KINDS = ["read", "write", "net", "run", "env", "ffi", "sys"] as const;

/** Flags of `deno run`: nothing is asked, nothing beyond the set is granted. @throws {RangeError} */
export function toFlags(set: PermissionSet): string[] {
  const flags = ["--no-prompt"];
  for (const kind of KINDS) {
    const allowed = set[kind] ?? [];
    for (const one of allowed) checkEntry(kind, one);
    if (allowed.length > 0) flags.push(`--allow-${kind}=${allowed.join(",")}`);
  }
  return flags;
}

/** `deno.permissions` of a Worker: as `toFlags`. @throws {RangeError} */
export function toWorkerPermissions(set: PermissionSet): Deno.PermissionOptionsObject {
  const permissions: Record<string, false | string[]> = { import: false };
  for (const kind of KINDS) {
    const allowed = set[kind] ?? [];
    for (const one of allowed) checkEntry(kind, one);
    permissions[kind] = allowed.length > 0 ? [...allowed] : false;
  }
  return permissions as Deno.PermissionOptionsObject;
}

/** On this system or on Windows: what a set names is checked before it is known where it runs. */
function isAbsolute(path: string): boolean {
  return path.startsWith("/") || /^(?:[A-Za-z]:[\\/]|\\\\)/.test(path);
}

/** An empty entry or a comma would grant more than was written. */
function checkEntry(kind: string, entry: string): void {
  const path = kind === "read" || kind === "write" || kind === "ffi" || kind === "run";
  if (entry === "" || entry.includes(",") || (path && !isAbsolute(entry))) {
    throw new RangeError(`Cannot allow ${kind} on "${entry}"`);
  }
}
