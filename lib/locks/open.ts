import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Kv } from "../kv.ts";
import { commitDraft } from "./commit.ts";
import { Draft } from "./draft.ts";
import { endOf } from "./ended.ts";
import { LOG_BATCH, logKey, oldLockKey } from "./keys.ts";
import { KvUnavailable } from "../kv.ts";
import { rowsOf } from "../rows.ts";
import type { Table } from "./table.ts";
import { AuditRecord } from "./model.ts";
import { type OldLock, upgraded } from "./old_lock.ts";
import type { Now } from "./standing.ts";
import { afterRestart, type Meta, readTable } from "./stored.ts";

/** Ended locks remembered from before the restart, to tell their holders why. */
const RECORDS_READ = 2000;
/** Rows of the version before this one that one commit turns over. */
const UPGRADES_MAX = 100;

/** The table as a start of the runtime finds it: its leases going on, a new epoch. @throws {KvUnavailable} */
export async function openTable(kv: Kv, clock: Clock): Promise<{ table: Table; meta: Meta }> {
  const now = { wallMs: clock.nowMs(), monoMs: clock.monotonicMs() };
  const stored = await readTable(kv, now, (lock, meta) => afterRestart(lock, meta, now));
  let meta: Meta = {
    v: 2,
    realm: newId(clock),
    secret: randomBytes(32).toString("base64url"),
    revision: 0,
    seq: 0,
    wallMs: Math.round(now.wallMs),
    ...stored.meta,
    epoch: newId(clock),
  };
  const { table } = stored;
  await rememberEnded(kv, table);
  for (let from = 0; from < stored.old.length; from += UPGRADES_MAX) {
    meta = await upgrade(kv, table, meta, stored.old.slice(from, from + UPGRADES_MAX), now);
  }
  table.rest();
  return { table, meta };
}

async function rememberEnded(kv: Kv, table: Table): Promise<void> {
  let left = RECORDS_READ;
  const values = kv.list({ prefix: logKey() }, { reverse: true, batchSize: LOG_BATCH });
  for await (const { value } of values) {
    for (const row of rowsOf(value).reverse()) {
      for (const ended of endOf(AuditRecord.parse(row))) {
        if (!table.ended.has(ended.lock.id)) table.ended.set(ended.lock.id, ended);
      }
      if (--left === 0) return;
    }
  }
}

/** Writes rows of the version before this one anew; what one commit did is not met again. */
async function upgrade(
  kv: Kv,
  table: Table,
  meta: Meta,
  old: readonly OldLock[],
  now: Now,
): Promise<Meta> {
  const draft = new Draft(table, now, { waitersMax: 0 });
  for (const one of old) {
    draft.fence(one.deviceId, one.fence);
    const lock = upgraded(one);
    const held = lock === null ? undefined : table.held.get(lock.id);
    if (held === undefined) continue;
    draft.hold(held);
    draft.record("acquired", held.lock, { lock: held.lock, reason: "kept from an older version" });
  }
  const done = await commitDraft(
    kv,
    draft,
    meta,
    table.waiters,
    old.map(({ deviceId }) => oldLockKey(deviceId)),
  );
  if (done.kind === "written") return done.meta;
  throw new KvUnavailable("Another process writes to the locks");
}
