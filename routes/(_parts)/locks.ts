import { type LockBoardData, PAGE_LEASE_MS } from "../../components/locks.ts";
import type { Principal } from "../../lib/auth/mod.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";
import {
  askerOf,
  heirNamed,
  LockAsk,
  lockProblem,
  type LockRefusal,
  lockReply,
  type LockType,
  recordReply,
  ticketReply,
} from "../../lib/locks/mod.ts";
import { refuse, type Result } from "../../lib/result.ts";

/** Decisions a board looks back over for the bars behind now. */
const RECORDS = 500;
/** What the board of locks is drawn from: actuators first, for they are what locks are for. */
export async function boardOf({ locks, devices }: Instrument): Promise<LockBoardData> {
  const views = devices.list().map(({ capability }) => capability);
  const first = (kind: string) => kind === "actuator" ? 0 : 1;
  return {
    devices: views.toSorted((a, b) => first(a.kind) - first(b.kind))
      .map(({ deviceId, label, kind }) => ({ deviceId, label, drivable: kind === "actuator" })),
    locks: locks.list().value.map(lockReply),
    // Who blocks whom the rows show by themselves.
    queue: locks.queue().value.map((ticket) => ({ ...ticketReply(ticket), blocked_by: [] })),
    records: (await locks.audit({ limit: RECORDS })).map(recordReply),
  };
}

/** Takes a device for whoever drives it by hand on its page; gives the actor its commands come from. */
export async function takeByHand(
  locks: Instrument["locks"],
  principal: Principal,
  deviceId: string,
): Promise<Result<string, LockRefusal>> {
  const taken = await locks.request(
    LockAsk.parse({
      deviceIds: [deviceId],
      type: "MANUAL_OPERATOR",
      leaseMs: PAGE_LEASE_MS,
      onExpiry: "keep",
      reason: "by hand on the device's page",
    }),
    askerOf(principal),
  );
  if (!taken.ok) return taken;
  return taken.value.kind === "granted"
    ? { ok: true, value: taken.value.grant.lock.owner.actor }
    : { ok: false, refusal: { kind: "wait-timeout", waitedMs: 0, conflicts: [] } };
}

type Done = Result<unknown, LockRefusal>;

/** Carries out one form of the board; `null` when it went well, else why it did not. */
export async function actOnLock(
  { locks, auth }: Instrument,
  principal: Principal,
  form: FormData,
): Promise<string | null> {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const asker = askerOf(principal);
  const deviceId = text("device");

  async function request(
    more: { deviceIds: readonly string[]; type: LockType } & Partial<LockAsk>,
    options: { respondAsync?: boolean } = {},
  ) {
    const ask = LockAsk.safeParse({ leaseMs: PAGE_LEASE_MS, onExpiry: "keep", ...more });
    if (ask.success) return await locks.request(ask.data, asker, options);
    const { path, message } = ask.error.issues[0]!;
    return refuse<LockRefusal>({ kind: "invalid", path: String(path[0]), text: message });
  }
  /** One's own lock on the device with its key, which asking again for it gives. */
  async function owned(act: (id: string, key: string) => Promise<Done>): Promise<Done> {
    const lock = locks.list({ deviceId, owner: asker.actor }).value[0];
    if (lock === undefined) {
      return { ok: false, refusal: { kind: "lock-unknown", lockId: deviceId } };
    }
    const { deviceIds, type, mode, planUid } = lock;
    const again = await request({ deviceIds, type, mode, planUid });
    if (!again.ok || again.value.kind !== "granted") return again;
    return act(again.value.grant.lock.id, again.value.grant.key);
  }

  async function act(): Promise<Done> {
    switch (text("action")) {
      case "take":
        return await request({ deviceIds: [deviceId], type: "MANUAL_OPERATOR" });
      case "ask":
        return await request({
          deviceIds: [deviceId],
          type: "MANUAL_OPERATOR",
          waitMs: 60_000,
          reason: "asks for control",
        }, { respondAsync: true });
      case "seize":
        return await request({
          deviceIds: [deviceId],
          type: "MANUAL_OPERATOR",
          preempt: "force",
          reason: text("reason") || null,
        });
      case "maintain":
        // One's own locks would stand in one's own way; their devices stay as they are.
        if (asker.may.includes("lock:maintenance")) {
          await locks.releaseAll(asker.actor, "maintenance begins");
        }
        // Not by force: a running experiment is held before it loses its devices.
        return await request({
          deviceIds: ["*"],
          type: "MAINTENANCE",
          leaseMs: null,
          reason: text("reason") || null,
        });
      case "leave":
        return await locks.cancelTicket(text("ticket"), { asker });
      case "renew":
        return await owned(() => Promise.resolve({ ok: true, value: null }));
      case "release":
        return await owned((id, key) => locks.release(id, { asker, key }));
      case "yield":
        return await owned((id, key) => locks.ack(id, { asker, key }, { yield: true }));
      case "refuse":
        return await owned((id, key) => locks.ack(id, { asker, key }, { yield: false }));
      case "transfer":
        return await owned((id, key) => {
          const heir = heirNamed(text("to"), principal, auth);
          return heir.ok ? locks.transfer(id, { asker, key }, heir.value) : Promise.resolve(heir);
        });
      default:
        return {
          ok: false,
          refusal: { kind: "invalid", path: "action", text: "there is no such action" },
        };
    }
  }
  const done = await act();
  return done.ok ? null : lockProblem(done.refusal).detail;
}
