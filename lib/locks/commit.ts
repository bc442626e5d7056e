import type { Kv } from "../kv.ts";
import { accept, refuse } from "../result.ts";
import { fitsAsText, packedRows } from "../rows.ts";
import type { Draft } from "./draft.ts";
import { fenceKey, groupKey, logKey, META_KEY, onceKey, POLICY_KEY, waitKey } from "./keys.ts";
import type { Change } from "./table.ts";
import type { AuditRecord, GroupLock } from "./model.ts";
import type { Now } from "./standing.ts";
import { Meta, storedWaiter } from "./stored.ts";
import { groupText, stampedText } from "./texts.ts";

/** What a commit came to; `foreign`: somebody else wrote, and nothing of this did. */
export type Committed =
  | { readonly kind: "written"; readonly meta: Meta; readonly records: readonly AuditRecord[] }
  | { readonly kind: "foreign" };

/**
 * Writes a draft in one commit that checks that the table is still the one it was decided on.
 * @throws {KvUnavailable}
 */
export async function commitDraft(
  kv: Kv,
  draft: Draft,
  before: Meta,
  /** Who waits in the table that is stored. */
  waiting: ReadonlyMap<string, unknown>,
  remove: readonly Deno.KvKey[] = [],
): Promise<Committed> {
  const { now } = draft;
  const records = draft.records.map((record, i): AuditRecord => ({
    v: 2,
    seq: before.seq + 1 + i,
    epoch: before.epoch,
    atMs: now.wallMs,
    ...record,
  }));
  const meta: Meta = {
    ...before,
    revision: before.revision + 1,
    seq: before.seq + records.length,
    wallMs: Math.round(now.wallMs),
  };
  const { set, gone } = writesOf(draft.changes, waiting, now);
  const writes: (readonly [Deno.KvKey, unknown])[] = [
    [META_KEY, meta],
    ...set,
    ...packedRows(
      records.map((row, i) => {
        return { seq: row.seq, text: stampedText(row, draft.recordTexts[i]!), row };
      }),
    ).map(([seq, value]) => [logKey(seq), value] as const),
  ];
  const done = await kv.transact([META_KEY], ([seen]) => {
    const stored = seen!.value === null ? null : Meta.parse(seen!.value);
    if ((stored?.revision ?? 0) !== before.revision || (stored ?? before).realm !== before.realm) {
      return refuse({ kind: "foreign" as const });
    }
    return accept({
      value: null,
      set: writes,
      remove: [...gone, ...remove],
      events: draft.events,
    });
  });
  return done.ok ? { kind: "written", meta, records } : done.refusal;
}

/** The last write of each key. */
function writesOf(
  changes: readonly Change[],
  waiting: ReadonlyMap<string, unknown>,
  now: Now,
): { set: (readonly [Deno.KvKey, unknown])[]; gone: Deno.KvKey[] } {
  const last = new Map<string, { key: Deno.KvKey; value: unknown }>();
  const put = (key: Deno.KvKey, value: unknown) => last.set(nameOf(key), { key, value });
  /** Most never wait: they come and have their turn in one commit, which says nothing of it. */
  const came = new Set<string>();
  const live = new Map<string, GroupLock>();
  for (const change of changes) {
    switch (change.kind) {
      case "hold": {
        const { lock, yieldTo } = change.held;
        const text = groupText(lock, yieldTo);
        put(groupKey(lock.id), fitsAsText(text) ? text : { v: 2, lock, yieldTo });
        live.set(lock.id, lock);
        break;
      }
      case "end":
        put(groupKey(change.ended.lock.id), undefined);
        live.delete(change.ended.lock.id);
        break;
      case "fence":
        put(fenceKey(change.deviceId), change.fence);
        break;
      case "wait":
        put(waitKey(change.waiter.id), storedWaiter(change.waiter, now));
        if (!waiting.has(change.waiter.id)) came.add(change.waiter.id);
        break;
      case "leave":
        if (came.has(change.id)) last.delete(nameOf(waitKey(change.id)));
        else put(waitKey(change.id), undefined);
        break;
      case "policy":
        put(POLICY_KEY, change.policy);
        break;
      case "once":
        put(onceKey(change.key), change.once);
        break;
      case "once-over":
        put(onceKey(change.key), undefined);
    }
  }
  dropToldFences(last, live.values());
  const all = [...last.values()];
  return {
    set: all.filter(({ value }) => value !== undefined).map(({ key, value }) => [key, value]),
    gone: all.filter(({ value }) => value === undefined).map(({ key }) => key),
  };
}

function nameOf(key: Deno.KvKey): string {
  return key.slice(1).join("\n");
}

/** A live lock's row tells its devices' fences: their own rows need not say it again. */
function dropToldFences(
  last: Map<string, { key: Deno.KvKey; value: unknown }>,
  live: Iterable<GroupLock>,
): void {
  for (const { fences } of live) {
    for (const [deviceId, fence] of Object.entries(fences)) {
      const name = nameOf(fenceKey(deviceId));
      if (last.get(name)?.value === fence) last.delete(name);
    }
  }
}
