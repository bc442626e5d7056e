import type { Statement } from "./ingest_facts.ts";
import {
  acquisitionKey,
  atlasKey,
  countKey,
  fileKey,
  findingKey,
  holeByIdKey,
  holeKey,
  linkKey,
  micrographByStemKey,
  micrographKey,
  observationKey,
  orphanKey,
  squareKey,
  tileKey,
} from "./keys.ts";
import type { FileEntry, Orphan, Source, StoredFinding } from "./model.ts";

/** One step of taking a file in. */
export type Op =
  | Statement
  | { readonly on: "withdraw-square"; readonly squareId: number; readonly source: Source }
  | {
    readonly on: "withdraw-hole";
    readonly squareId: number;
    readonly holeId: number;
    readonly source: Source;
  }
  | {
    readonly on: "withdraw-micrograph";
    readonly squareId: number;
    readonly holeId: number;
    readonly stem: string;
    readonly source: Source;
  }
  | { readonly on: "withdraw-tile"; readonly tileId: number }
  | { readonly on: "withdraw-link"; readonly squareId: number; readonly tileId: number }
  | { readonly on: "file"; readonly entry: FileEntry }
  | {
    readonly on: "orphan";
    readonly orphan: Orphan;
    readonly parts: readonly string[];
    /** So many pieces before `parts` are on the disk. */
    readonly partsThere: number;
    /** Pieces of an earlier form of the file. */
    readonly partsBefore: number;
  }
  | { readonly on: "adopted"; readonly orphan: Orphan; readonly parts: number }
  | { readonly on: "finding"; readonly finding: StoredFinding }
  | { readonly on: "finding-over"; readonly finding: StoredFinding };

/** What one commit touched, for its event. */
export interface Touched {
  acquisition: boolean;
  atlas: boolean;
  readonly squares: Set<number>;
  readonly micrographs: Set<string>;
  holes: number;
  files: number;
  orphans: number;
  findings: number;
}

export function nothingTouched(): Touched {
  return {
    acquisition: false,
    atlas: false,
    squares: new Set(),
    micrographs: new Set(),
    holes: 0,
    files: 0,
    orphans: 0,
    findings: 0,
  };
}

/** Every key an op reads, so that its commit is checked against all of them. */
export function keysOf(op: Op, a: string | null, stems: ReadonlyMap<string, string>): Deno.KvKey[] {
  if (a === null) {
    switch (op.on) {
      case "file":
        return [fileKey(op.entry.root, op.entry.path)];
      case "orphan":
      case "adopted":
        return [orphanKeyOf(op.orphan)];
      case "finding":
      case "finding-over":
        return [findingKeyOf(op.finding)];
      default:
        throw new TypeError(`"${op.on}" needs an acquisition`);
    }
  }
  const square = (squareId: number) => [squareKey(a, squareId), countKey(a)];
  const hole = (s: number, h: number) => [holeKey(a, s, h), holeByIdKey(a, h), ...square(s)];
  const exposure = (s: number, h: number, stem: string) => [
    micrographByStemKey(stem, a),
    micrographKey(a, stems.get(stem)!),
    ...hole(s, h),
  ];
  switch (op.on) {
    case "acquisition":
      return [acquisitionKey(a)];
    case "atlas":
      return [atlasKey(a)];
    case "tile":
    case "withdraw-tile":
      return [tileKey(a, op.tileId)];
    case "link":
      return [linkKey(a, op.link.squareId, op.link.tileId)];
    case "withdraw-link":
      return [linkKey(a, op.squareId, op.tileId)];
    case "square":
    case "withdraw-square":
      return square(op.squareId);
    case "hole":
    case "withdraw-hole":
      return hole(op.squareId, op.holeId);
    case "micrograph":
    case "withdraw-micrograph":
      return exposure(op.squareId, op.holeId, op.stem);
    case "image":
      return [
        observationKey(a, op.squareId, op.holeId, op.stem),
        ...(op.holeId === 0 ? square(op.squareId) : hole(op.squareId, op.holeId)),
      ];
    case "file":
      return [fileKey(op.entry.root, op.entry.path), countKey(a)];
    case "orphan":
    case "adopted":
      return [orphanKeyOf(op.orphan), countKey(a)];
    case "finding":
    case "finding-over":
      return [findingKeyOf(op.finding), countKey(a)];
  }
}

export function orphanKeyOf({ scope, parentKind, parentKey, path }: Orphan): Deno.KvKey {
  return orphanKey(scope, parentKind, parentKey, path);
}

export function findingKeyOf({ scope, code, path }: StoredFinding): Deno.KvKey {
  return findingKey(scope, code, path);
}
