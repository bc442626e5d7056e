import type { Kv } from "../kv.ts";
import type { Op } from "./ingest_ops.ts";
import { findingKey } from "./keys.ts";
import { type Finding, StoredFinding } from "./model.ts";

/** Findings kept of one scope; a folder full of broken files is told by its first ones. */
const SCOPE_MAX = 5000;

/** What stands of each file, in memory: a file that is read again says which findings are over. */
export class FindingBook {
  /** By scope, then by the file they are about. */
  readonly #scopes = new Map<string, Map<string, StoredFinding[]>>();
  readonly #sizes = new Map<string, number>();

  private constructor() {}

  static async open(kv: Kv): Promise<FindingBook> {
    const book = new FindingBook();
    for await (const { value } of kv.list({ prefix: findingKey() })) {
      book.#add(StoredFinding.parse(value));
    }
    return book;
  }

  *of(scope: string): Iterable<StoredFinding> {
    for (const some of this.#scopes.get(scope)?.values() ?? []) yield* some;
  }

  /**
   * Ops that make the findings of a file those of `about`. Only codes of its own kind are over: a session's
   * file and its link to the atlas are judged apart.
   */
  changes(
    scope: string,
    about: { path: string; kind: string; findings: readonly Finding[] },
    nowMs: number,
  ): Op[] {
    const isLink = about.kind === "atlas-link";
    const mine = ({ code }: { code: string }) =>
      /^atlas-(unreachable|ambiguous)$/.test(code) === isLink;
    const before = (this.#scopes.get(scope)?.get(about.path) ?? []).filter(mine);
    const ops: Op[] = [];
    const now = new Map<string, Finding>();
    for (const finding of about.findings) {
      if (!now.has(finding.code)) now.set(finding.code, { ...finding, path: about.path });
    }
    for (const finding of before) {
      if (!now.has(finding.code)) ops.push({ on: "finding-over", finding });
    }
    const room = SCOPE_MAX - (this.#sizes.get(scope) ?? 0);
    for (const finding of [...now.values()].slice(0, Math.max(0, room) + before.length)) {
      ops.push({
        on: "finding",
        finding: { ...finding, v: 1, scope, firstSeenAtMs: nowMs, lastSeenAtMs: nowMs },
      });
    }
    return ops;
  }

  /** All of one scope: they were deleted. */
  forget(scope: string): void {
    this.#scopes.delete(scope);
    this.#sizes.delete(scope);
  }

  /** After the commit. */
  keep(ops: readonly Op[]): void {
    for (const op of ops) {
      if (op.on === "finding") this.#add(op.finding);
      else if (op.on === "finding-over") this.#remove(op.finding);
    }
  }

  #add(finding: StoredFinding): void {
    this.#remove(finding);
    const { scope, path } = finding;
    const own = this.#scopes.get(scope) ?? new Map<string, StoredFinding[]>();
    own.set(path, [...own.get(path) ?? [], finding]);
    this.#scopes.set(scope, own);
    this.#sizes.set(scope, (this.#sizes.get(scope) ?? 0) + 1);
  }

  #remove({ scope, path, code }: StoredFinding): void {
    const own = this.#scopes.get(scope);
    const before = own?.get(path);
    const left = before?.filter((one) => one.code !== code);
    if (own === undefined || before === undefined || left!.length === before.length) return;
    if (left!.length > 0) own.set(path, left!);
    else own.delete(path);
    this.#sizes.set(scope, this.#sizes.get(scope)! - 1);
  }
}
